"""How far a lab's printed numbers and pictures move by chance: `python -m tests.drift labs/05_fashion_mnist.ipynb`.

Runs the lab several times and compares each run with the stored outputs, whatever the cells' tolerances. By default the
first weights of every model are changed in their sixth digit, which does to a training what another processor, another
number of threads or another version does. `--seeds` starts the random numbers elsewhere instead: what a reader sees who
changes the seed. A cell's tolerance has to be wider than the first and should be narrower than what a fault does.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.compare import ink_distance, numbers, value
from tests.execute import code_cells, normalise_outputs, read
from tests.kernel import CellStopped, LabKernel

NUDGE = """
import keras, numpy
def compile(model, *arguments, compile=keras.Model.compile, **options):
    compile(model, *arguments, **options)
    generator = numpy.random.default_rng({run})
    for weights in model.trainable_variables:
        weights.assign(weights * (1 + 1e-6 * generator.standard_normal(weights.shape)))
keras.Model.compile = compile
"""
SEEDS = """
def set_seed(seed, set_seed=runtime.set_seed):
    set_seed(seed + 1000 * {run})
runtime.set_seed = set_seed
set_seed(0)
"""


def gaps(expected: Sequence[dict], got: Sequence[dict]) -> tuple[float, float, float] | None:
    """The largest differences between stored outputs and those of a run, in nbformat's form: (of numbers, of numbers
    over the stored one, of pictures as a share of ink). None if the outputs cannot be set side by side."""
    if len(expected) != len(got):
        return None
    absolute, relative, ink = [0.0], [0.0], [0.0]
    for ours, theirs in zip(expected, got, strict=True):
        texts, pictures = zip(_parts(ours), _parts(theirs), strict=True)
        pairs = (
            [[numbers(text) for text in pair] for pair in zip(*texts, strict=True)]
            if len(set(map(len, texts))) == 1
            else None
        )
        if pairs is None or any(len(a) != len(b) for a, b in pairs):
            return None
        for a, b in ((float(value(a)), float(value(b))) for pair in pairs for a, b in zip(*pair, strict=True)):
            absolute.append(abs(a - b))
            relative.append(abs(a - b) / abs(a) if a else 0.0)
        ink += [ink_distance(a, b) for a, b in zip(*pictures, strict=True)]
    return max(absolute), max(relative), max(ink)


def _parts(output: dict) -> tuple[list[str], list[str]]:
    """The texts of an output and its pictures, alternative texts among the texts."""
    if output["output_type"] == "stream":
        return [output["text"]], []
    data, metadata = output.get("data", {}), output.get("metadata", {})
    texts = [content for kind, content in sorted(data.items()) if kind.startswith("text/")]
    texts += [about["alt"] for _, about in sorted(metadata.items()) if isinstance(about, dict) and "alt" in about]
    return texts, [content for kind, content in sorted(data.items()) if kind in ("image/png", "image/gif")]


def drift(path: Path, runs: int, change: str) -> dict[int, list]:
    """Runs a lab with a change and returns {number of the cell: [what gaps() says of each run, or why it stopped]}."""
    notebook, found = read(path), {}
    setup = next(place for _, place, cell in code_cells(notebook) if "setup" in cell.metadata.get("tags", []))
    changed = read(path)
    for run in range(1, runs + 1):
        changed.cells[setup].source = notebook.cells[setup].source + change.format(run=run)
        with LabKernel(changed, path.resolve().parent) as kernel:
            for number, place, cell in code_cells(notebook):
                try:
                    seen = gaps(cell.outputs, normalise_outputs(kernel.run(place)))
                except CellStopped as stop:
                    seen = str(stop)
                found.setdefault(number, []).append(seen)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.drift", description="How far outputs move by chance.")
    parser.add_argument("labs", nargs="+", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seeds", action="store_true", help="other random numbers instead of other rounding")
    options = parser.parse_args(arguments)
    if missing := [str(path) for path in options.labs if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    for path in options.labs:
        tags = {number: cell.metadata.get("tags", []) for number, _, cell in code_cells(read(path))}
        print(f"{path.stem}: largest change of a number, the same over the stored number, and of a picture's ink")
        moved = False
        for number, seen in drift(path, options.runs, SEEDS if options.seeds else NUDGE).items():
            measured = [gap for gap in seen if isinstance(gap, tuple)]
            largest = [max(column) for column in zip(*measured, strict=True)] or [0.0]
            others = sorted({gap or "other outputs" for gap in seen if not isinstance(gap, tuple)})
            if any(largest) or others:
                moved = True
                told = "  ".join(f"{gap:9.3g}" for gap in largest)
                print(f"  cell {number:3d}  {told}   {' '.join(tags[number])}  {'; '.join(others)[:100]}", flush=True)
        if not moved:
            print("  no cell moved")
    return 0


if __name__ == "__main__":
    sys.exit(main())
