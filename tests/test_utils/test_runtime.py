"""Seeds, device report, data mode, and TensorFlow's noise."""

import contextlib
import os
import re
import subprocess
import sys
from unittest.mock import Mock

import pytest

from utils import runtime


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    monkeypatch.delenv("LABS_DATA", raising=False)
    yield
    runtime.use_data(None)


def test_the_choice_in_the_lab_comes_before_the_environment(monkeypatch):
    for variable, chosen, mode in (("", None, "sample"), ("full", None, "full"), ("sample", "full", "full")):
        monkeypatch.setenv("LABS_DATA", variable)
        runtime.use_data("full")
        runtime.use_data(chosen)
        assert runtime.data_mode() == mode


def test_unknown_mode_is_refused_with_the_two_that_exist(monkeypatch):
    monkeypatch.setenv("LABS_DATA", "banana")
    with pytest.raises(ValueError, match="LABS_DATA says 'banana', but data come as 'sample' or 'full'"):
        runtime.data_mode()
    runtime.use_data("full")
    with pytest.raises(ValueError, match=r"use_data\(\) says 'big'"):
        runtime.use_data("big")
    assert runtime.data_mode() == "full"


SETUP = """
import random
from utils import runtime
runtime.setup(seed=3)
import keras, numpy as np, tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled
def draws():
    return [random.random(), np.random.rand(), float(keras.random.uniform(()))]
def tf32():
    return tf.config.experimental.tensor_float_32_execution_enabled()
keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).predict(np.ones((1, 1)), verbose=0)
runtime.set_seed(3)
first, further, exact, iterate = draws(), draws(), not tf32(), tf.data.Dataset.__iter__
runtime.set_seed(4)
other = draws()
runtime.use_data("full")
runtime.setup(seed=3)
numbers = iter(tf.data.Dataset.range(3))
print("seeded", draws() == first, len({*first, *further, *other}))
print("exact", exact, not tf32(), is_op_determinism_enabled(), tf.get_logger().level)
print("data", *map(int, numbers), numbers._dataset.options().autotune.enabled, iterate is tf.data.Dataset.__iter__)
"""


def python(code):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=runtime.COURSE, env=environment, capture_output=True, encoding="utf-8")


def test_setup_seeds_reports_stays_quiet_and_may_run_again():
    """It switches off the tuning of tf.data, or TensorFlow pauses between epochs."""
    done = python(SETUP)
    assert (done.stderr, done.returncode) == ("", 0)
    lines = done.stdout.splitlines()
    versions = r"Python 3\.\d+\.\d\S*, TensorFlow 2\.\d+\.\d\S*, Keras 3\.\d+\.\d\S* on tensorflow, NumPy 2\.\d+\.\d\S*"
    assert re.fullmatch(versions, lines[0])
    assert re.fullmatch(r"Device: .+\. Seed: 3", lines[1])
    assert lines[2] == "Data: sample (ships with the course)"
    assert lines[3:5] == lines[:2]
    assert lines[5] == "Data: full (fetched once, then kept)"
    assert lines[6:] == ["seeded True 9", "exact True False True 40", "data 0 1 2 False True"]


def test_a_missing_package_says_what_to_do():
    assert "-m pip install torch, or unset KERAS_BACKEND" in runtime.missing("torch.nn")
    missing = "import sys\nsys.modules['tensorflow'] = None\nfrom utils import runtime\nruntime.setup()"
    assert python(missing).stderr.splitlines()[-1] == (
        "ModuleNotFoundError: The package 'tensorflow' is missing. Install the course's packages into this Python: "
        f'"{sys.executable}" -m pip install -r "{runtime.COURSE / "requirements.txt"}"'
    )


def test_a_python_too_new_for_tensorflow_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    monkeypatch.setattr(runtime, "NEWEST_PYTHON", (3, 9))
    with pytest.raises(ModuleNotFoundError, match=r"for Python 3\.\d+ yet: .* with Python 3\.10 to 3\.9\.$"):
        runtime.setup()


def test_the_newest_python_is_that_of_the_environment():
    after = f"<3.{runtime.NEWEST_PYTHON[1] + 1}\n"
    assert f"python>=3.10,{after}" in (runtime.COURSE / "environment.yml").read_text(encoding="utf-8")


NOISE = """WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1.166812    8963 port.cc:153] oneDNN custom operations are on. You may see slightly different results
W0000 00:00:1.817448   16266 computation_placer.cc:177] computation placer already registered. Please check linkage
E0000 00:00:1.357409   16266 cuda_dnn.cc:8579] Unable to register cuDNN factory: Attempting to register factory

"""  # as TensorFlow 2.19 to 2.22 writes it, shortened


@pytest.mark.parametrize(("fails", "level"), [(False, "3"), (True, "3"), (False, "0")])
def test_noise_is_dropped_unless_it_comes_with_a_failure_or_was_asked_for(capfd, monkeypatch, fails, level):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", level)
    with contextlib.suppress(KeyError), runtime._without_noise():
        os.write(2, f"{NOISE}out of memory\n".encode())
        if fails:
            raise KeyError
    os.write(2, b"after\n")
    assert capfd.readouterr().err == f"{NOISE if fails or level == '0' else ''}out of memory\nafter\n"


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4, 5]), (2, [1, 2, 4]), (9, [1])])
def test_progress_prints_first_and_every_so_many_epochs(capsys, every, epochs):
    callback = runtime.progress(every=every, total=12)
    for epoch in range(5):
        callback.on_epoch_end(epoch, {"loss": 0.5 / (epoch + 1), "accuracy": 0.25})
    lines = [f"epoch  {epoch}/12  loss {0.5 / epoch:.6f}  accuracy 0.250000" for epoch in epochs]
    assert capsys.readouterr().out.splitlines() == lines


def test_progress_refuses_no_epochs():
    with pytest.raises(ValueError, match=r"^every=0, but a report can come after 1 epoch at the earliest$"):
        runtime.progress(every=0, total=3)


@pytest.mark.parametrize(("options", "source"), [({}, "perf_counter"), ({"cpu": True}, "process_time")])
def test_stopwatch_counts_training_without_validation(monkeypatch, options, source):
    now = iter([100.0, 103.0, 110.0, 111.0, 115.0, 120.0, 120.5, 200.0, 201.0])
    monkeypatch.setattr(runtime.time, source, lambda: next(now))
    clock = runtime.stopwatch(**options)
    clock.on_train_begin()  # at 100
    for epoch in range(2):
        clock.on_test_begin()  # at 103, then at 115
        clock.on_test_end()  # at 110, then at 120
        clock.on_epoch_end(epoch)  # at 111, then at 120.5
    assert clock.seconds == [4.0, 8.5]
    clock.on_train_begin()  # at 200, anew
    clock.on_epoch_end(0)  # at 201
    assert clock.seconds == [1.0]


@pytest.mark.parametrize("exact", [True, False])
def test_each_backend_is_as_exact_as_asked_and_its_gpu_is_named(exact, monkeypatch):
    import tensorflow as tf

    gpus, grown, experimental = ["the GPU"], [], tf.config.experimental
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus if kind == "GPU" else [])
    monkeypatch.setattr(experimental, "set_memory_growth", lambda gpu, on: grown.append((gpu, on)))
    monkeypatch.setattr(experimental, "get_device_details", lambda gpu: {"device_name": "Fast Card"})
    monkeypatch.setattr(experimental, "enable_tensor_float_32_execution", (tf32 := Mock()))
    monkeypatch.setitem(sys.modules, "jax", (jax := Mock()))
    monkeypatch.setitem(sys.modules, "torch", (torch := Mock()))
    jax.devices.return_value = [Mock(platform="cpu"), Mock(platform="gpu", device_kind="Fast Card")]
    torch.cuda.device_count.return_value, torch.cuda.get_device_name.return_value = 1, "Fast Card"
    assert {runtime._steady(backend, exact) for backend in ("tensorflow", "jax", "torch")} == {"Fast Card"}
    assert grown == [("the GPU", True)]
    tf32.assert_called_once_with(not exact)
    jax.config.update.assert_called_once_with("jax_default_matmul_precision", "highest" if exact else None)
    assert torch.backends.cuda.matmul.allow_tf32 is torch.backends.cudnn.allow_tf32 is not exact
    assert (torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark) == (True, False)
    gpus.clear()
    assert runtime._steady("tensorflow", exact) == f"CPU, {os.cpu_count()} cores"
