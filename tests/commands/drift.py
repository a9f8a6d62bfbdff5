"""Says how far each cell moves by rounding, or with other seeds.

It runs a lab several times and compares each run with the stored outputs, whatever the cells' tolerances. By default
the first weights of every model are changed in their sixth digit, which does to a training what another processor or
version does: tolerances have to be wider than that, and should be narrower than what a fault does. `--seeds` starts
the random numbers elsewhere instead: what a reader sees who changes the seed.
"""

from collections.abc import Mapping, Sequence

from tests.course.compare import ink_distance, is_whole, numbers, value
from tests.course.kernel import CellStopped, LabKernel
from tests.course.lab import Lab

NUDGE = """
import keras, numpy
owner = next(kind for kind in keras.Model.__mro__ if "compile" in vars(kind))  # not Model: load_model asks it
def compile(model, *arguments, compile=owner.compile, **options):
    compile(model, *arguments, **options)
    generator = numpy.random.default_rng({run})
    for weights in model.trainable_variables:
        weights.assign(weights * (1 + 1e-6 * generator.standard_normal(weights.shape)))
owner.compile = compile
"""
SEEDS = """
from utils import runtime
runtime.set_seed = lambda seed, own=runtime.set_seed: own(seed + 1000 * {run})
runtime.set_seed(0)
"""


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
        with LabKernel(lab) as kernel:
            for code in lab.code:
                try:
                    found[code.number].append(gaps(code.cell.outputs, kernel.run(code)))
                except CellStopped as stop:
                    found[code.number].append(str(stop))
                if code == lab.setup:
                    kernel.ask(change.format(run=run))
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


def arguments(parser):
    parser.add_argument("labs", nargs="*", default=[], metavar="LAB", help="notebooks; all labs if none is named")
    parser.add_argument("--runs", type=int, default=5, help="how many runs; 5 if not said")
    parser.add_argument("--seeds", action="store_true", help="other random numbers instead of other rounding")


def main(options):
    for lab in options.labs:
        tell_drift(Lab(lab), options.runs, SEEDS if options.seeds else NUDGE)
