"""Runs the labs, records what they take and reach, and tells the cards and the README.

`python -m tests.measure` measures every lab on the sample, and those that read a data set also on the full data, which
must be in the cache or within reach; `python -m tests.measure --mode sample labs/04_mnist.ipynb` one lab in one mode.
Do nothing else on the machine meanwhile. The records are kept in tests/measured.json, one for each lab, mode and
device; the cards' lines of measures and the README's table of results are written from them, and by nothing else.
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
from utils.checks import stored

RECORDS = COURSE / "tests" / "measured.json"
README = COURSE / "README.md"
LIMITS = {"sample": (45, 1500), "full": (300, 1500)}  # seconds, megabytes
FULL_SECONDS = {"07_cifar10": 480}  # in place of 300
NAMES = {"sample": "the sample", "full": "full data"}
LINE = re.compile(r"\n\| \*\*Measured\*\* \| .* \|$", re.M)
AFTER = re.compile(r"^\| \*\*Hardware and data\*\* \|.*\|$", re.M)
TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.S)
RUNS_ON = re.compile(r", Keras (\S+) on (\w+).*\nDevice: (.*?)\. Seed")
RECIPES = {  # lab: how it prints (accuracy, time with its unit) of the plain and of the tuned recipe
    "04_mnist": (
        r"plain recipe: ([\d.]+) (?:.|\n)*^plain ~([\d.]+ s)",
        r"fast recipe: ([\d.]+) (?:.|\n)*^plain .* fast ~([\d.]+ s)",
    ),
    "05_fashion_mnist": (
        r"^plain +accuracy ([\d.]+) +~([\d.]+ s)",
        r"^\+ falling rate +accuracy ([\d.]+) +~([\d.]+ s)",
    ),
    "06_convolutions": (
        r"^plain +\d+ parameters +([\d.]+) +~([\d.]+ s)",
        r"^tuned +\d+ parameters +([\d.]+) +~([\d.]+ s)",
    ),
    "07_cifar10": (
        r"^plain recipe +accuracy ([\d.]+) +~([\d.]+ CPU-s)",
        r"^tuned recipe +accuracy ([\d.]+) +~([\d.]+ CPU-s)",
    ),
    "08_cats_vs_dogs": (
        r"^plain, \d+ epochs +([\d.]+) +~([\d.]+ CPU-s)",
        r"^tuned, both rounds +([\d.]+) +~([\d.]+ CPU-s)",
    ),
}


def measure(path: Path, mode: str) -> dict:
    """Runs a lab in a process of its own and returns its record:

    lab, mode, device, backend: what ran where
    seconds, megabytes: the time of the whole run and the most memory, both rounded up
    plain, tuned: what each recipe of the lab reached and took, as printed: (accuracy, time); None without recipes
    settings: which parameters it ran with, as `settings` tells them

    Raises:
        RuntimeError: the lab stopped.
    """
    command = [sys.executable, "-m", "tests.measure", "--child", str(path)]
    environment = {**os.environ, "LABS_DATA": mode}
    result = subprocess.run(command, env=environment, cwd=COURSE, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"{path} stopped on {mode} data:\n{result.stderr.strip()}")
    seconds, megabytes, printed = json.loads(result.stdout.splitlines()[-1])
    told = RUNS_ON.search(printed)
    record = {"lab": path.stem, "mode": mode, "device": "CPU", "backend": "no Keras"}
    if told:
        record |= {"device": told[3], "backend": f"Keras {told[1]} on {told[2]}"}
    plain, tuned = recipes(path.stem, printed)
    taken = {"seconds": seconds, "megabytes": megabytes, "plain": plain, "tuned": tuned}
    return record | taken | {"settings": settings(path)}


def settings(path: Path) -> str | None:
    """A fingerprint of a lab's parameters, those of both data modes; None without parameters."""
    cells = [cell for _, _, cell in code_cells(read(path)) if "parameters" in cell.metadata.get("tags", [])]
    return stored.fingerprint("\n".join(cell.source for cell in cells)) if cells else None


def _run(path: Path) -> tuple[int, int, str]:
    notebook, printed = read(path), []
    begin = time.monotonic()
    with LabKernel(notebook, path.resolve().parent) as kernel:
        for _, place, _ in code_cells(notebook):
            printed += [output["text"] for output in kernel.run(place) if output["output_type"] == "stream"]
        seconds = time.monotonic() - begin
    return -int(-seconds // 1), megabytes_of_children(), "".join(printed)


def megabytes_of_children() -> int:
    """The most memory that one child of this process took, rounded up. It counts children that have ended."""
    unit = 1 if sys.platform == "darwin" else 1024
    return -int(-resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit // 1_000_000)


def recipes(lab: str, printed: str) -> tuple[list[str] | None, list[str] | None]:
    """What the plain and the tuned recipe of a lab reached and took, from all that it printed; None without recipes.

    Raises:
        RuntimeError: the lab no longer prints it in the way that RECIPES knows.
    """
    if lab not in RECIPES:
        return None, None
    plain, tuned = (re.search(recipe, printed, re.M) for recipe in RECIPES[lab])
    if not (plain and tuned):
        raise RuntimeError(f"{lab} no longer prints what its recipes reach: mend RECIPES in tests/measure.py")
    return list(plain.groups()), list(tuned.groups())


def merged(records: Sequence[dict], new: dict) -> list[dict]:
    """The records with a new one, which takes the place of that of the same lab, mode, device and backend's name."""

    def key(record):
        return record["lab"], list(NAMES).index(record["mode"]), record["device"], record["backend"].split()[-1]

    return sorted([record for record in records if key(record) != key(new)] + [new], key=key)


def card_with_measures(card: str, records: Sequence[dict]) -> str:
    """A lab's first cell with the line of measures of these records of it in its card.

    Raises:
        ValueError: there is no card to write into.
    """
    card = LINE.sub("", card)
    if not (after := AFTER.search(card)):
        raise ValueError("the card has no line **Hardware and data**, below which the measures go")
    if not records:
        return card
    words = [
        f"{record['seconds']} s and {record['megabytes']} MB on {NAMES[record['mode']]} ({record['device']})"
        for record in records
    ]
    return card.replace(after[0], f"{after[0]}\n| **Measured** | {', '.join(words)} |", 1)


def table(records: Sequence[dict]) -> str:
    """The README's table of results, of the labs that have recipes to compare."""
    lines = ["| Lab | Data | On | Plain recipe | Tuned recipe | Whole lab |", "|---|---|---|---|---|---|"]
    for record in records:
        if record["plain"]:
            recipes = [f"{accuracy} in {spent}" for accuracy, spent in (record["plain"], record["tuned"])]
            on = f"{record['device']}; {record['backend']}"
            row = [record["lab"][:2], record["mode"], on, *recipes, f"{record['seconds']} s"]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def limits(lab: str, mode: str) -> tuple[int, int]:
    """Seconds and megabytes that a lab may take."""
    seconds, megabytes = LIMITS[mode]
    return (FULL_SECONDS.get(lab, seconds) if mode == "full" else seconds), megabytes


def reads_data(path: Path) -> bool:
    """Does a lab take one of the data sets that have a sample and a full version? Its card says so."""
    return "`LABS_DATA=full`" in read(path).cells[0].source


def tell(path: Path, records: Sequence[dict]):
    """Writes the card of a lab, and the README's table."""
    notebook = read(path)
    own = [record for record in records if record["lab"] == path.stem]
    notebook.cells[0].source = card_with_measures(notebook.cells[0].source, own)
    write(path, text_of(normalise(notebook)))
    README.write_text(TABLE.sub(lambda _: table(records), README.read_text(encoding="utf-8")), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 1 if a lab stopped or went beyond a limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure", description="Measure labs and tell their cards.")
    parser.add_argument("labs", nargs="*", type=Path, help="notebooks; all labs if none is named")
    parser.add_argument("--mode", choices=NAMES, help="measure on these data only")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if missing := [str(path) for path in options.labs if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    if options.child:
        print(json.dumps(_run(options.labs[0])))
        return 0
    beyond = False
    for path in options.labs or sorted((COURSE / "labs").glob("*.ipynb")):
        for mode in [options.mode] if options.mode else list(NAMES)[: 1 + reads_data(path)]:
            record = measure(path, mode)
            records = merged(json.loads(RECORDS.read_text(encoding="utf-8")), record)
            RECORDS.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
            tell(path, records)
            over = any(record[what] > most for what, most in zip(("seconds", "megabytes"), limits(path.stem, mode)))
            beyond |= over
            words = " : beyond the limit" if over else ""
            print(f"{path.stem}, {mode}: {record['seconds']} s, {record['megabytes']} MB{words}", flush=True)
    return int(beyond)


if __name__ == "__main__":
    sys.exit(main())
