"""Seeds, device report, data mode, and TensorFlow's noise."""

import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from utils import runtime


@pytest.fixture(autouse=True)
def no_choice(monkeypatch):
    monkeypatch.delenv("LABS_DATA", raising=False)
    yield
    runtime.use_data(None)


def test_course_is_the_root():
    assert (runtime.COURSE / "labs" / "01_loss_play.ipynb").is_file()


@pytest.mark.parametrize(
    ("variable", "chosen", "mode"),
    [
        (None, None, "sample"),
        ("", None, "sample"),
        ("sample", None, "sample"),
        ("full", None, "full"),
        ("sample", "full", "full"),
    ],
)
def test_the_choice_in_the_lab_comes_before_the_environment(monkeypatch, variable, chosen, mode):
    if variable is not None:
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
import logging, os, random, sys
from utils import runtime
runtime.setup(seed={seed})
import keras, numpy as np, tensorflow as tf
print("draws", random.random(), np.random.rand(), float(keras.random.uniform(())))
print("tf32", tf.config.experimental.tensor_float_32_execution_enabled())
print("deterministic", tf.config.experimental.is_op_determinism_enabled() if hasattr(
    tf.config.experimental, "is_op_determinism_enabled") else tf.__internal__.is_op_determinism_enabled()
    if hasattr(tf.__internal__, "is_op_determinism_enabled") else True)
print("logger", tf.get_logger().level)
keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)]).predict(np.ones((1, 1)), verbose=0)
"""


def python(code, **environment):
    inherited = {key: value for key, value in os.environ.items() if key not in ("LABS_DATA", "TF_CPP_MIN_LOG_LEVEL")}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=runtime.COURSE,
        env=inherited | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_setup_seeds_reports_and_stays_quiet():
    first, again = python(SETUP.format(seed=3)), python(SETUP.format(seed=3), LABS_DATA="full")
    assert (first.stderr, first.returncode) == ("", 0)
    report, (draws, tf32, deterministic, logger) = first.stdout.splitlines()[:3], first.stdout.splitlines()[3:]
    assert re.fullmatch(
        r"Python 3\.\d+\.\d\S*, TensorFlow 2\.\d+\.\d\S*, Keras 3\.\d+\.\d\S* on tensorflow, NumPy 2\.\d+\.\d\S*",
        report[0],
    )
    assert re.fullmatch(r"Device: .+\. Seed: 3", report[1])
    assert report[2] == "Data: sample (ships with the course)"
    assert (tf32, deterministic, logger) == ("tf32 False", "deterministic True", "logger 40")
    assert again.stdout.splitlines()[2] == "Data: full (fetched once, then kept)"
    assert again.stdout.splitlines()[3:5] == [draws, "tf32 True"]


def test_tensorflow_reads_data_without_tuning():
    """Or it pauses between epochs."""
    code = """
import tensorflow as tf
from utils import runtime
runtime.setup()
once = tf.data.Dataset.__iter__
runtime.setup()
numbers = iter(tf.data.Dataset.range(3))
tuned = numbers._dataset.options().autotune.enabled
print([int(number) for number in numbers], tuned, once is tf.data.Dataset.__iter__)
"""
    assert python(code).stdout.splitlines()[-1] == "[0, 1, 2] False True"


def test_seed_restarts_all_three_generators():
    import keras

    def draws():
        numpy_draw = float(np.random.rand())  # noqa: NPY002, the legacy generator is the one that Keras seeds
        return random.random(), numpy_draw, float(keras.random.uniform(()))

    runtime.set_seed(5)
    first = draws()
    assert draws() != first
    runtime.set_seed(6)
    assert not set(draws()) & set(first)
    runtime.set_seed(5)
    assert draws() == first


MISSING = """
import sys
class Finder:
    def find_spec(name, *_):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError("none", name=name)
sys.meta_path.insert(0, Finder)
from utils import runtime
runtime.NEWEST_PYTHON = {newest}
runtime.setup()
"""


@pytest.mark.parametrize("package", ["keras", "tensorflow"])
def test_missing_package_says_what_to_do(package):
    told = python(MISSING.format(package=package, newest=runtime.NEWEST_PYTHON)).stderr.splitlines()[-1]
    assert told == (
        f"ModuleNotFoundError: The package {package!r} is missing. Install the course's packages into this Python: "
        f'"{sys.executable}" -m pip install -r "{runtime.COURSE / "requirements.txt"}"'
    )
    told = python(MISSING.format(package=package, newest=(3, 9))).stderr.splitlines()[-1]
    here = ".".join(map(str, sys.version_info[:2]))
    assert told == (
        f"ModuleNotFoundError: TensorFlow has no packages for Python {here} yet: make the environment with "
        "Python 3.10 to 3.9."
    )


def test_the_newest_python_is_that_of_the_environment():
    after = f"<3.{runtime.NEWEST_PYTHON[1] + 1}\n"
    assert f"python>=3.10,{after}" in (runtime.COURSE / "environment.yml").read_text(encoding="utf-8")


NATIVE = r"""
import os, sys
from utils import runtime
def native(): os.write(2, b"W0 computation placer already registered\nfailed call to cuInit: 303\nout of memory\n\n")
try:
    with runtime._without_noise():
        native()
        if {fail}: raise KeyError("broken")
except KeyError: pass
os.write(2, b"after\n")
"""


def test_known_noise_is_dropped_and_the_rest_passed_on():
    assert python(NATIVE.format(fail=False)).stderr == "out of memory\nafter\n"


def test_after_a_failure_all_is_passed_on():
    lines = python(NATIVE.format(fail=True)).stderr.splitlines()
    assert lines == [
        "W0 computation placer already registered",
        "failed call to cuInit: 303",
        "out of memory",
        "",
        "after",
    ]


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
    now = iter([100.0, 103.0, 110.0, 111.0, 115.0, 120.0, 120.5])
    monkeypatch.setattr(runtime.time, source, lambda: next(now))
    clock = runtime.stopwatch(**options)
    clock.on_train_begin()  # at 100
    for epoch in range(2):
        clock.on_test_begin()  # at 103, then at 115
        clock.on_test_end()  # at 110, then at 120
        clock.on_epoch_end(epoch)  # at 111, then at 120.5
    assert clock.seconds == [4.0, 8.5]


def test_stopwatch_starts_anew_with_each_training():
    import keras
    import numpy as np

    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    clock = runtime.stopwatch()
    x = np.ones((4, 1))
    for _ in range(2):
        model.fit(x, x, epochs=2, validation_data=(x, x), verbose=0, callbacks=[clock])
        assert len(clock.seconds) == 2 and 0 < clock.seconds[0] < clock.seconds[1]


def test_gpu_is_named_and_its_memory_grows(monkeypatch):
    import tensorflow as tf

    grown = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["the GPU"] if kind == "GPU" else [])
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda gpu, on: grown.append((gpu, on)))
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"device_name": "Fast Card"})
    was = tf.config.experimental.tensor_float_32_execution_enabled()
    try:
        runtime._steady_tensorflow(exact=True)
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(was)
    assert grown == [("the GPU", True)]
    assert runtime._device("tensorflow") == "Fast Card"


def test_without_a_gpu_the_device_is_the_cpu(monkeypatch):
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [])
    assert runtime._device("tensorflow") == f"CPU, {os.cpu_count()} cores"
