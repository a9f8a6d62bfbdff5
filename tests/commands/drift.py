"""Says how far each cell moves by rounding, with other seeds, or on other backends.

It runs a lab several times and compares each run with the stored outputs, whatever the cells' tolerances. By default
the first weights of every model are changed in their sixth digit, which does to a training what another processor or
version does: tolerances have to be wider than that, and should be narrower than what a fault does. `--seeds` starts
the random numbers elsewhere instead: what a reader sees who changes the seed.

`--backends` runs it on each installed backend of Keras, with every training cut down to one batch, repeated, from
weights that NumPy drew, without dropout and chance: the losses of the first steps then differ by rounding alone. The
exit status is 1 where they differ by more, unless the cell has the tag other-backend, or where one stops there only.
"""

import importlib.util
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from unittest import mock

import numpy as np

from tests.course.compare import ink_distance, is_whole, numbers, value
from tests.course.kernel import CellStopped, LabKernel
from tests.course.lab import CodeCell, Lab

NUDGE = """
import keras, numpy
def compile(model, *arguments, compile=keras.Model.compile, **options):
    compile(model, *arguments, **options)
    generator = numpy.random.default_rng({run})
    for weights in model.trainable_variables:
        weights.assign(weights * (1 + 1e-6 * generator.standard_normal(weights.shape)))
keras.Model.compile = compile
"""
SEEDS = "runtime.set_seed = lambda seed, own=runtime.set_seed: own(seed + 1000 * {run})\nruntime.set_seed(0)"
BACKENDS = ("tensorflow", "jax", "torch")
STEPS = 5  # losses that are compared, for each training
CLOSE = 2e-3  # how far apart they may be, as a share of the loss
CUT_DOWN = f"""
import keras, numpy
LOSSES = []

def draw(initializer, shape, dtype=None, generator=numpy.random.default_rng(0)):
    limit = numpy.sqrt(6 / (numpy.prod(shape[:-2]) * (shape[-2] + shape[-1])))  # for Glorot's uniform weights
    return keras.ops.convert_to_tensor(generator.uniform(-limit, limit, shape), dtype=dtype)

def one_batch(model, x, y=None, batch_size=32, steps_per_epoch=None, validation_data=None, fit=keras.Model.fit, **more):
    if hasattr(x, "__next__"):
        x, y = next(x)
    x, y = x[:batch_size or 32], y[:batch_size or 32]
    if isinstance(validation_data, tuple):
        validation_data = [part[:100] for part in validation_data]
    more = {{**more, "batch_size": len(x), "validation_data": validation_data, "shuffle": False}}
    history = fit(model, x, y, **more)
    LOSSES.append(history.history["loss"][:{STEPS}])
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
TAKE_LOSSES = "import json\nprint(json.dumps(LOSSES))\nLOSSES.clear()"


def changed(lab: Lab, change: str, after: str = "") -> Iterator[tuple[CodeCell, list | str, str]]:
    """Runs a lab with other code behind its setup cell: each code cell, its outputs or why it stopped, and what the
    code `after`, which runs behind each cell, printed."""
    with LabKernel(lab) as kernel:
        for code in lab.code:
            try:
                outputs = kernel.run(code)
            except CellStopped as stop:
                outputs = str(stop)
            if code == lab.setup:
                kernel.ask(change)
            yield code, outputs, kernel.ask(after)


def gaps(expected: Sequence[Mapping], got: Sequence[Mapping]) -> tuple[float, ...] | str:
    """The largest differences between stored outputs and those of a run: of numbers with a point, of the same over the
    stored number, of whole numbers, and of pictures as a share of ink. In words if they cannot be set side by side."""
    (stored, pictures), (new, new_pictures) = _parts(expected), _parts(got)
    if (len(stored), len(pictures)) != (len(new), len(new_pictures)):
        return "other outputs"
    absolute, relative, counts = [0.0], [0.0], [0.0]
    for a, b in zip(stored, new):
        gap = abs(float(value(a)) - float(value(b)))
        if is_whole(a) and is_whole(b):
            counts.append(gap)
        else:
            absolute.append(gap)
            relative.append(gap / abs(float(value(a))) if value(a) else 0.0)
    return max(absolute), max(relative), max(counts), max([0.0, *map(ink_distance, pictures, new_pictures)])


def _parts(outputs: Sequence[Mapping]) -> tuple[list[str], list[str]]:
    """The numbers in the outputs of a cell, those of alternative texts among them, and its pictures."""
    texts, pictures = [], []
    for output in outputs:
        data = sorted(output.get("data", {}).items())
        texts += [output.get("text", ""), *(content for kind, content in data if kind.startswith("text/"))]
        texts += [about["alt"] for _, about in sorted(output.get("metadata", {}).items()) if "alt" in about]
        pictures += [content for kind, content in data if kind in ("image/png", "image/gif")]
    return [number for text in texts for number in numbers(text)], pictures


def tell_drift(lab: Lab, runs: int, change: str):
    found = {code.number: [] for code in lab.code}
    for run in range(1, runs + 1):
        for code, outputs, _ in changed(lab, change.format(run=run)):
            found[code.number].append(outputs if isinstance(outputs, str) else gaps(code.cell.outputs, outputs))
    lines = []
    for code, seen in zip(lab.code, found.values()):
        largest = [*map(max, zip(*(one for one in seen if not isinstance(one, str))))]
        words = "; ".join(sorted({one for one in seen if isinstance(one, str)}))[:100]
        if any(largest) or words:
            columns = "".join(f"{gap:11.3g}" for gap in largest)
            lines.append(f"{code.number:8}{columns}  {' '.join(code.tags)}  {words}".rstrip())
    print(f"{lab.path.stem}, largest change in {runs} run{'s' * (runs > 1)}")
    print("    cell   decimals   relative     counts        ink  tags")
    print(*(lines or ["  no cell moved"]), sep="\n", flush=True)


def installed() -> list[str]:
    return [backend for backend in BACKENDS if importlib.util.find_spec(backend)]


def losses(lab: Lab, backend: str) -> dict[int, tuple[list[list[float]], str]]:
    """Runs a lab on a backend. {number of the cell: (the first losses of each training, why it stopped or "")}"""
    with mock.patch.dict(os.environ, {"KERAS_BACKEND": backend}):
        return {
            code.number: (json.loads(said), outputs if isinstance(outputs, str) else "")
            for code, outputs, said in changed(lab, CUT_DOWN, TAKE_LOSSES)
        }


def unlike(lab: Lab, ours: Mapping[int, tuple], theirs: Mapping[int, tuple]) -> list[str]:
    """What `theirs` does that `ours` does not, one line each; both as `losses` returns them for this lab."""
    lines = []
    for code in lab.code:
        (expected, stopped), (got, error) = ours[code.number], theirs[code.number]
        if error and not stopped:
            lines.append(f"{code} stops: {error}")
        elif len(expected) != len(got):
            lines.append(f"{code}: {len(got)} trainings in place of {len(expected)}")
        elif "other-backend" not in code.tags:
            for a, b in zip(expected, got):
                if len(a) != len(b) or not np.allclose(a, b, rtol=CLOSE, atol=1e-6):
                    lines.append(f"{code}: losses {b} in place of {a}")
    return lines


def tell_backends(lab: Lab) -> bool:
    """Whether a backend differs."""
    ours, *others = (losses(lab, backend) for backend in installed())
    found = [unlike(lab, ours, theirs) for theirs in others]
    for backend, theirs, lines in zip(installed()[1:], others, found):
        count = sum(len(trainings) for trainings, _ in theirs.values())
        print(f"{lab.path.stem}, {backend}: {count} trainings", *(lines or ["the same"]), sep="\n  ", flush=True)
    return any(found)


def arguments(parser):
    parser.add_argument("labs", nargs="*", default=[], metavar="LAB", help="notebooks; all labs if none is named")
    parser.add_argument("--runs", type=int, default=5, help="how many runs; 5 if not said")
    parser.add_argument("--seeds", action="store_true", help="other random numbers instead of other rounding")
    parser.add_argument("--backends", action="store_true", help="TensorFlow, JAX and PyTorch instead")


def main(options):
    if not options.backends:
        for lab in options.labs:
            tell_drift(Lab(lab), options.runs, SEEDS if options.seeds else NUDGE)
        return 0
    if len(installed()) < 2:
        raise ValueError("there is no other backend to compare with: pip install jax torch")
    return int(any([tell_backends(Lab(lab)) for lab in options.labs]))
