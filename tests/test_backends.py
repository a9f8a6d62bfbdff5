"""The labs with Keras models learn the same on JAX and on PyTorch as on TensorFlow."""

import functools
from pathlib import Path

import nbformat
import pytest

from tests import backends
from utils.runtime import COURSE

LABS = sorted(COURSE.glob("labs/0[3-8]_*.ipynb"))


@pytest.mark.slow
@pytest.mark.parametrize("backend", backends.BACKENDS[1:])
@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
def test_lab_learns_the_same_on_every_backend(path, backend):
    if backend not in backends.installed():
        pytest.skip(f"{backend} is not installed: pip install {backend}")
    assert backends.differences(path.stem, on_tensorflow(path), backends.losses(path, backend)) == []


@functools.cache
def on_tensorflow(path):
    found = backends.losses(path, "tensorflow")
    assert found[0], f"{path.name} trains nothing"
    return found


def lab(folder: Path, training: str) -> Path:
    """A lab of two cells, the second of which trains a model."""
    setup = "from utils import checks, runtime\nruntime.setup()\nimport keras\nimport numpy as np"
    cells = [nbformat.v4.new_code_cell(setup, metadata={"tags": ["setup"]}), nbformat.v4.new_code_cell(training)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "lab.ipynb")
    return folder / "lab.ipynb"


TRAINING = """
layers = [keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1, use_bias=False)]
model = keras.Sequential(layers)
model.compile("sgd", "mse")
x = np.arange(200.0).reshape(100, 2) / 100
shift = keras.ops.convert_to_numpy(keras.random.randint((3,), -2, 3))
history = model.fit(x, x[:, 0], epochs=7, verbose=0, validation_data=(x, x[:, 0])).history
checks.claim("epochs", len(history["val_loss"]) + shift.sum(), equals=8)
"""


def test_losses_of_one_batch_without_chance(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(COURSE))
    losses, stopped = backends.losses(lab(tmp_path, TRAINING + "raise ValueError('late')"), "tensorflow")
    assert stopped == {2: "ValueError: late"}
    ((first, *later),) = losses
    assert len(later) == backends.STEPS - 1
    assert first > later[0] > later[-1]


def test_what_counts_as_a_difference(monkeypatch):
    ours = ([[1.0, 0.5], [2.0]], {3: "ValueError: both"})
    assert backends.differences("lab", ours, ([[1.001, 0.4995], [2.0]], {3: "TypeError: both"})) == []
    assert backends.differences("lab", ours, ([[1.0, 0.51], [2.0]], {4: "TypeError: new"})) == [
        "cell 4 stops: TypeError: new",
        "training 1: losses [1.0, 0.51] in place of [1.0, 0.5]",
    ]
    assert backends.differences("lab", ours, ([[1.0, 0.5]], {})) == ["1 trainings in place of 2"]
    assert backends.differences("lab", ([[1.0]], {}), ([[float("nan")]], {})) != []
    assert backends.differences("lab", ([[1.0]], {}), ([[1.0, 1.0]], {})) != []
    monkeypatch.setattr(backends, "EXCUSED", {("lab", 1): "known"})
    assert backends.differences("lab", ([[1.0], [1.0]], {}), ([[2.0], [1.0]], {})) == []
    assert backends.differences("lab", ([[1.0], [1.0]], {}), ([[1.0], [2.0]], {})) != []
    assert backends.differences("other", ([[1.0]], {}), ([[2.0]], {})) != []


def test_command_without_other_backends(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(backends, "installed", lambda: ["tensorflow"])
    monkeypatch.setattr(backends, "losses", lambda path, backend: ([[1.0]], {}))
    assert backends.main([str(tmp_path / "lab.ipynb")]) == 2
    assert "pip install jax torch" in capsys.readouterr().err


def test_command_tells_each_backend(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(backends, "installed", lambda: ["tensorflow", "jax", "torch"])
    monkeypatch.setattr(backends, "losses", lambda path, backend: ([[1.0 + (backend == "torch")]], {}))
    assert backends.main([str(tmp_path / "lab.ipynb")]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "lab, jax: 1 trainings",
        "  the same",
        "lab, torch: 1 trainings",
        "  training 1: losses [2.0] in place of [1.0]",
    ]
