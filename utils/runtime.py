"""What a lab runs on: seeds and determinism, the device, the data mode, where the course stands."""

import builtins
import contextlib
import importlib.metadata
import os
import platform
import re
import sys
import tempfile
import time
import types
from pathlib import Path

COURSE = Path(__file__).resolve().parent.parent
"""The course's root folder, the one that holds labs/, data/ and utils/."""

NEWEST_PYTHON = (3, 14)
"""The newest Python that TensorFlow, as requirements.txt admits it, has packages for."""

MODES = {"sample": "ships with the course", "full": "fetched once, then kept"}
_chosen_mode = None

KERAS = {"dtype_policy": "float32", "epsilon": 1e-7, "floatx": "float32", "image_data_format": "channels_last"}
KERAS |= {"max_epochs": None, "max_steps_per_epoch": None}
"""What setup() sets in keras.config, where keras.json, the environment or another cell may have said otherwise."""

reported = []
"""The lines that setup() printed last."""

# How a line begins that TensorFlow's native code writes at its import though nothing is wrong, before its level counts.
_NOISE = re.compile(r"[IWE]\d{4} |WARNING: All log messages before absl::InitializeLog|\s*$")


def use_data(mode):
    """Choose `"sample"` or `"full"` data for this lab, or by None the variable LABS_DATA; ValueError for any other."""
    global _chosen_mode
    _chosen_mode = None if mode is None else _checked(mode, "use_data()")


def data_mode():
    """The data mode in force: what use_data() chose, else the environment variable LABS_DATA, else `"sample"`.

    Raises ValueError when LABS_DATA holds anything but `"sample"` or `"full"`.
    """
    return _chosen_mode or _checked(os.environ.get("LABS_DATA") or "sample", "the environment variable LABS_DATA")


def _checked(mode, where):
    if mode not in MODES:
        raise ValueError(f"{where} says {mode!r}, but data come as 'sample' or 'full': set it to one of the two")
    return mode


def setup(seed=0):
    """Make runs repeatable and print what the lab runs on.

    Seeds Python, NumPy and Keras (and through it the backend) with the integer `seed`. On sample data it keeps
    TensorFlow, JAX and PyTorch from rounding to TensorFloat-32, so that a GPU differs from a CPU by ordinary rounding
    only; on full data they may, which is faster. TensorFlow and PyTorch take deterministic operations on both, and
    TensorFlow's GPU memory grows as needed.
    What the reader's configuration, a startup file or another cell changed in Keras, NumPy and IPython is set back.

    Raises ModuleNotFoundError, which says what to do, when a package of requirements.txt is missing.
    """
    mode = data_mode()
    # TensorFlow's native log is off: what fails raises an exception all the same, and what it logs as an error need
    # not be one. Set the variable to 0 yourself to read it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # whatever keras.json says
    with _without_noise():
        try:
            import keras
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(missing(error.name), name=error.name) from error
        backend = keras.backend.backend()
        device = _steady(backend, exact=mode == "sample")
    _set_back()
    set_seed(seed)
    versions = f"Python {platform.python_version()}, {_version('tensorflow', 'TensorFlow')}, "
    versions += f"Keras {keras.__version__} on {backend}, {_version('numpy', 'NumPy')}"
    reported[:] = versions, f"Device: {device}. Seed: {seed}", f"Data: {mode} ({MODES[mode]})"
    print(*reported, sep="\n")


def _set_back():
    """Keras, NumPy and IPython as if nobody had configured them, and Python's own functions under their names."""
    import keras
    import numpy as np
    from IPython import get_ipython

    for name, value in KERAS.items():
        getattr(keras.config, f"set_{name}")(value)
    np.set_printoptions(precision=8, threshold=1000, edgeitems=3, linewidth=75, suppress=False, legacy=False)
    np.set_printoptions(nanstr="nan", infstr="inf", sign="-", floatmode="maxprec")
    np.seterr(divide="warn", over="warn", under="ignore", invalid="warn")
    if shell := get_ipython():
        shell.ast_node_interactivity = "last_expr"
        for name, value in vars(builtins).items():  # or `from pylab import *` would stand before sum, max and others
            if isinstance(value, (type, types.BuiltinFunctionType)) and not name.startswith("_"):
                shell.user_ns.pop(name, None)


def missing(package):
    """What to do about a missing package, in a sentence or two."""
    if sys.version_info[:2] > NEWEST_PYTHON:
        here, newest = (".".join(map(str, version[:2])) for version in (sys.version_info, NEWEST_PYTHON))
        return f"TensorFlow has no packages for Python {here} yet: make the environment with Python 3.10 to {newest}."
    if (name := package.partition(".")[0]) in ("torch", "jax"):
        pip = f'"{sys.executable}" -m pip install {name}'
        return f"KERAS_BACKEND asks for {name!r}, which is missing: {pip}, or unset KERAS_BACKEND."
    return (
        f"The package {name!r} is missing. Install the course's packages into this Python: "
        f'"{sys.executable}" -m pip install -r "{COURSE / "requirements.txt"}"'
    )


def set_seed(seed):
    """Start Python's, NumPy's and Keras's random numbers, and the numbers in Keras's layer names, afresh.

    seed: an integer; the same one gives the same random numbers again
    """
    import keras

    keras.utils.clear_session(free_memory=False)  # or older Keras would go on with its own generator
    keras.utils.set_random_seed(seed)


def progress(every, total):
    """A Keras callback that prints the loss, a line after the first epoch and after each `every` epochs of `total`."""
    import keras

    if every < 1:
        raise ValueError(f"every={every}, but a report can come after 1 epoch at the earliest")

    def report(epoch, logs):
        if epoch == 0 or (epoch + 1) % every == 0:
            values = "  ".join(f"{name} {value:.6f}" for name, value in logs.items())
            print(f"epoch {epoch + 1:{len(str(total))}d}/{total}  {values}")

    return keras.callbacks.LambdaCallback(on_epoch_end=report)


def stopwatch(cpu=False):
    """A Keras callback that measures how long training takes, without the validation in between.

    Its `seconds` is a list with one number for each epoch: seconds from the beginning of the training to that epoch's
    end, among them those that the backend spends on preparing the first step.
    cpu: count CPU-seconds, the work of all cores together, which other programs hardly change; on a GPU take the clock
    """
    import keras

    now = time.process_time if cpu else time.perf_counter

    class Stopwatch(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.seconds, self._running, self._since = [], 0.0, now()

        def on_test_begin(self, logs=None):
            self._running += now() - self._since

        def on_test_end(self, logs=None):
            self._since = now()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(self._running + now() - self._since)

    return Stopwatch()


def _version(package, name):
    try:
        return f"{name} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"


def _steady(backend, exact):
    """Make the backend repeatable, and exact or fast. Returns what it runs on, such as the GPU's name."""
    names = []
    if backend == "tensorflow":
        names = _steady_tensorflow(exact)
    elif backend == "jax":
        import jax

        jax.config.update("jax_default_matmul_precision", "highest" if exact else None)
        names = [device.device_kind for device in jax.devices() if device.platform != "cpu"]
    elif backend == "torch":
        import torch

        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = not exact
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
        names = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    return names[0] if names else f"CPU, {os.cpu_count()} cores"


def _steady_tensorflow(exact):
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # its warnings are hints at speed, such as retraced functions
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        with contextlib.suppress(RuntimeError):  # the GPU is in use already: setup() ran before in this kernel
            tf.config.experimental.set_memory_growth(gpu, True)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(not exact)
    iterate = tf.data.Dataset.__iter__
    if iterate.__module__ != __name__:  # else setup() ran before in this kernel
        # While a thread tunes how data are read, TensorFlow (seen with 2.19 and 2.21) often sleeps after an epoch, for
        # as many seconds as it took. Data as small as a lab's need no tuning, so it is switched off.
        options = tf.data.Options()
        options.autotune.enabled = False
        tf.data.Dataset.__iter__ = lambda dataset: iterate(dataset.with_options(options))
    return [tf.config.experimental.get_device_details(gpu).get("device_name", "GPU") for gpu in gpus]


@contextlib.contextmanager
def _without_noise():
    """Hold back what native code writes to stderr; on leaving, pass on all but the noise.

    After an exception, or if TF_CPP_MIN_LOG_LEVEL asks to read it, everything is passed on.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile(mode="w+", errors="replace") as held:
        stderr, everything = os.dup(2), True
        os.dup2(held.fileno(), 2)
        try:
            yield
            everything = os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0"
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            held.seek(0)
            sys.stderr.writelines(line for line in held if everything or not _NOISE.match(line))
