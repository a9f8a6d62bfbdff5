"""Do the labs learn the same on every backend of Keras? `python -m tests.backends labs/04_mnist.ipynb`.

Runs a lab on each backend that is installed, with every training cut down: it repeats one batch, from weights that
NumPy drew, without dropout and without chance in `keras.random.randint`. The losses of the first steps then differ by
rounding alone. A cell that runs on TensorFlow has to run on the others too.
"""

import argparse
import importlib.util
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

import numpy as np
from nbformat.v4 import new_code_cell

from tests.execute import code_cells, read
from tests.kernel import CellStopped, LabKernel

BACKENDS = ("tensorflow", "jax", "torch")
STEPS = 5  # losses that are compared, for each training
CLOSE = 2e-3  # how far apart they may be, as a share of the loss
EXCUSED = {  # (lab, number of the training): why its losses differ
    ("04_mnist", 6): "TensorFlow finds the softmax behind probabilities and undoes it; the others cut them off at 1e-7",
}
CUT_DOWN = """
import keras, numpy
LOSSES = []

def draw(initializer, shape, dtype=None, generator=numpy.random.default_rng(0)):
    fans = numpy.prod(shape[:-2]) * (shape[-2] + shape[-1])
    limit = numpy.sqrt(6 / fans)
    return keras.ops.convert_to_tensor(generator.uniform(-limit, limit, shape), dtype=dtype)

def one_batch(model, x, y=None, batch_size=32, steps_per_epoch=None, validation_data=None, fit=keras.Model.fit, **more):
    if hasattr(x, "__next__"):
        x, y = next(x)
    x, y = x[:batch_size or 32], y[:batch_size or 32]
    if isinstance(validation_data, tuple):
        validation_data = [part[:100] for part in validation_data]
    more = {**more, "batch_size": len(x), "validation_data": validation_data, "shuffle": False}
    history = fit(model, x, y, **more)
    LOSSES.append(history.history["loss"][:STEPS])
    return history

keras.initializers.VarianceScaling.__call__ = draw
keras.Model.fit = one_batch
keras.layers.Dropout.call = lambda layer, inputs, training=False: inputs
keras.random.randint = lambda shape, minval, maxval, dtype="int32", seed=None: keras.ops.full(
    shape, (minval + maxval - 1) // 2, dtype
)
import utils.checks
utils.checks.claim = lambda *arguments, **bounds: None
"""


def installed() -> list[str]:
    """The backends that this Python has."""
    return [backend for backend in BACKENDS if importlib.util.find_spec(backend)]


def losses(path: Path, backend: str) -> tuple[list[list[float]], dict[int, str]]:
    """Runs a lab on a backend: the first losses of each training, and the cells that stopped with their errors."""
    notebook, stopped = read(path), {}
    setup = next(cell for _, _, cell in code_cells(notebook) if "setup" in cell.metadata.get("tags", []))
    setup.source += CUT_DOWN.replace("STEPS", str(STEPS))
    cells = list(code_cells(notebook))
    notebook.cells.append(new_code_cell("import json\nprint(json.dumps(LOSSES))"))
    with mock.patch.dict(os.environ, {"KERAS_BACKEND": backend}):
        kernel = LabKernel(notebook, path.resolve().parent)
    with kernel:
        for number, place, _ in cells:
            try:
                kernel.run(place)
            except CellStopped as stop:
                stopped[number] = str(stop)
        return json.loads(kernel.run(len(notebook.cells) - 1)[0].text), stopped


def differences(lab: str, ours: tuple[list, dict], theirs: tuple[list, dict]) -> list[str]:
    """What `theirs` does that `ours` does not, one line each; both as `losses` returns them for this lab."""
    lines = [f"cell {number} stops: {error}" for number, error in theirs[1].items() if number not in ours[1]]
    if len(ours[0]) != len(theirs[0]):
        return [*lines, f"{len(theirs[0])} trainings in place of {len(ours[0])}"]
    for number, (expected, got) in enumerate(zip(ours[0], theirs[0], strict=True), 1):
        same = len(expected) == len(got) and np.allclose(expected, got, rtol=CLOSE, atol=1e-6)
        if not same and (lab, number) not in EXCUSED:
            lines.append(f"training {number}: losses {got} in place of {expected}")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.backends", description="The labs on every backend.")
    parser.add_argument("labs", nargs="+", type=Path)
    options, failed = parser.parse_args(arguments), False
    if len(installed()) < 2:
        print("There is no other backend to compare with: pip install jax torch", file=sys.stderr)
        return 2
    for path in options.labs:
        by = {backend: losses(path, backend) for backend in installed()}
        for backend in installed()[1:]:
            lines = differences(path.stem, by["tensorflow"], by[backend])
            print(f"{path.stem}, {backend}: {len(by[backend][0])} trainings", *(lines or ["the same"]), sep="\n  ")
            failed |= bool(lines)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
