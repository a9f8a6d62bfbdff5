"""Measures how long each lab runs and how much memory it takes, and writes that into the lab's card.

`python -m tests.measure` measures every lab on the sample and on the full data, which must be in the cache or within
reach; `python -m tests.measure --mode sample labs/04_mnist.ipynb` one lab in one mode. Do nothing else on the machine
meanwhile. The card's line keeps what the other mode measured last.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.execute import COURSE, code_cells, normalise, read, text_of, write
from tests.kernel import LabKernel

MODES = ("sample", "full")
LIMITS = {"sample": (45, 1500), "full": (300, 1500)}  # seconds, megabytes
LINE = re.compile(r"^\| \*\*Measured\*\* \| (.*) \|$", re.M)
NAMES = {"sample": "the sample", "full": "full data"}
PART = re.compile(r"(\d+) s and (\d+) MB on (the sample|full data)")
AFTER = re.compile(r"^\| \*\*Hardware and data\*\* \|.*\|$", re.M)


def measure(path: Path, mode: str) -> tuple[int, int]:
    """Runs a lab in a process of its own: (seconds, megabytes of memory at the most), both rounded up.

    Raises:
        RuntimeError: the lab stopped.
    """
    command = [sys.executable, "-m", "tests.measure", "--child", str(path)]
    environment = {**os.environ, "LABS_DATA": mode}
    result = subprocess.run(command, env=environment, cwd=COURSE, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{path} stopped on {mode} data:\n{result.stderr.strip()}")
    seconds, megabytes = json.loads(result.stdout.splitlines()[-1])
    return seconds, megabytes


def _run(path: Path) -> tuple[int, int]:
    notebook = read(path)
    begin = time.monotonic()
    with LabKernel(notebook, path.resolve().parent) as kernel:
        for _, place, _ in code_cells(notebook):
            kernel.run(place)
        seconds = time.monotonic() - begin
    unit = 1 if sys.platform == "darwin" else 1024  # the kernel has ended, so it counts among the children
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return -int(-seconds // 1), -int(-peak // 1_000_000)


def with_measures(card: str, measured: dict[str, tuple[int, int]]) -> str:
    """A lab's first cell with the line of measures in its card; modes not measured now keep what stands there.

    Raises:
        ValueError: there is no card to write into.
    """
    if not (after := AFTER.search(card)):
        raise ValueError("the card has no line **Hardware and data**, below which the measures go")
    old = LINE.search(card)
    known = {name: (seconds, megabytes) for seconds, megabytes, name in PART.findall(old[1] if old else "")}
    known.update({NAMES[mode]: values for mode, values in measured.items()})
    words = ", ".join(
        f"{known[name][0]} s and {known[name][1]} MB on {name}" for name in NAMES.values() if name in known
    )
    line = f"| **Measured** | {words}, on {os.cpu_count()} CPU cores |"
    if old:
        return card.replace(old[0], line)
    return card.replace(after[0], f"{after[0]}\n{line}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 1 if a lab stopped or went beyond a limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure", description="Measure labs and tell their cards.")
    parser.add_argument("labs", nargs="*", type=Path, help="notebooks; all labs if none is named")
    parser.add_argument("--mode", choices=MODES, help="measure on these data only")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        print(json.dumps(_run(options.labs[0])))
        return 0
    beyond = False
    for path in options.labs or sorted((COURSE / "labs").glob("*.ipynb")):
        measured = {mode: measure(path, mode) for mode in ([options.mode] if options.mode else MODES)}
        notebook = read(path)
        notebook.cells[0].source = with_measures(notebook.cells[0].source, measured)
        write(path, text_of(normalise(notebook)))
        for mode, values in measured.items():
            over = any(value > limit for value, limit in zip(values, LIMITS[mode], strict=True))
            beyond |= over
            print(f"{path.stem}, {mode}: {values[0]} s, {values[1]} MB{' : beyond the limit' if over else ''}")
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main())
