"""Measures what the labs take and what their recipes reach.

Each lab runs alone on the sample and, if its card tells how to get them, on the full data, which must be in the cache
or within reach. Let the machine do nothing else meanwhile. The records are kept in tests/records/measured.json, one for
each lab, mode of data and device; the README's table of results is made from them, and by nothing else. The exit status
is 1 if a lab took more time or memory than it may.

How to find what the table tells of a lab stands in its notebook's metadata: `recipes`, with a pattern for the plain and
one for the tuned recipe. Each is searched in all that the lab prints, and finds an accuracy, and a time with its unit.
"""

import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Sequence
from pathlib import Path

from tests.commands.report import Run, printed
from tests.course.lab import COURSE, RECORDS, Lab, write

MEASURED = RECORDS / "measured.json"
README = COURSE / "README.md"
MODES = ("sample", "full")
TABLE = re.compile(r"(?<=<!-- results -->\n).*?(?=<!-- end of results -->)", re.S)
RUNS_ON = re.compile(r", Keras (\S+) on (\w+).*\nDevice: (.*?)\. Seed")


def run(path: Path, mode: str, compared: bool = False, limit: float | None = None) -> Run:
    """Runs a lab on these data in a process of its own.

    compared: whether its outputs must be those that are stored; limit: seconds that it may take, None for no limit
    ValueError: the lab stopped, was stopped, gave other outputs, or did not even begin.
    """
    plugin = ["--noconftest", "-p", "tests.course.plugin", "-p", "no:cacheprovider", "-c", "pyproject.toml"]
    command = [sys.executable, "-m", "pytest", *plugin, "-q", "-n", "0", *([] if compared else ["--nbval-lax"])]
    environment, pipes = os.environ | {"LABS_DATA": mode}, {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with tempfile.TemporaryDirectory() as folder:
        command += ["--record", folder, str(path.resolve())]
        try:
            ran = subprocess.run(command, cwd=COURSE, env=environment, text=True, timeout=limit, **pipes)
        except subprocess.TimeoutExpired:  # its kernel sees that nobody is there, and ends, too
            raise ValueError(f"{path} on {mode} data was stopped: it took more than {limit:g} s") from None
        executed = Path(folder) / path.name
        if not executed.exists():
            raise ValueError(f"{path} did not run on {mode} data:\n{ran.stdout}")
        done = Run(executed)
    if stopped := done.took["stopped"]:
        raise ValueError(f"{path} on {mode} data: {stopped}\n{done.details}")
    if ran.returncode:
        raise ValueError(f"{path} on {mode} data gave other outputs than are stored:\n{ran.stdout}")
    return done


def record(done: Run) -> dict:
    """What is kept of a run:

    lab, mode, device, backend: what ran where
    seconds, megabytes: of the whole run, rounded up
    plain, tuned: what each recipe of the lab reached and took, as printed: (accuracy, time); None without recipes
    settings: which parameters it ran with, as `settings` tells them

    ValueError: the lab does not print what it runs on, or its recipes otherwise than its metadata say.
    """
    if not (told := RUNS_ON.search(done.setup)):
        raise ValueError(f"the setup cell of {done.lab.path.name} does not say what it runs on")
    return {
        "lab": done.lab.path.stem,
        "mode": done.mode,
        "device": told[3],
        "backend": f"Keras {told[1]} on {told[2]}",
        "seconds": math.ceil(done.took["seconds"]),
        "megabytes": math.ceil(done.took["megabytes"]),
        **recipes(done.lab),
        "settings": settings(done.lab),
    }


def recipes(lab: Lab) -> dict[str, list[str] | None]:
    """The accuracy and the time of the plain and of the tuned recipe, as an executed lab prints them."""
    patterns = lab.notebook.metadata.get("recipes", {})
    text = "".join(map(printed, lab.code))
    found = {name: re.search(patterns[name], text, re.M) if patterns else None for name in ("plain", "tuned")}
    if patterns and not all(found.values()):
        raise ValueError(f"{lab.path.name} prints its recipes otherwise than `recipes` in its metadata says: mend that")
    return {name: match and list(match.groups()) for name, match in found.items()}


def settings(lab: Lab) -> str | None:
    """A fingerprint of a lab's parameters in both data modes, whatever their comments; None without parameters."""
    lines = [line + "\n" for code in lab.tagged("parameters") for line in code.cell.source.splitlines()]
    tokens = tokenize.generate_tokens(iter(lines).__next__)
    words = [token.string for token in tokens if token.type != tokenize.COMMENT]
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:8] if lines else None


def merged(records: Sequence[dict], new: dict) -> list[dict]:
    """The records with a new one, which takes the place of that of the same lab, mode, device and backend's name."""

    def key(record):
        return record["lab"], MODES.index(record["mode"]), record["device"], record["backend"].rpartition(" ")[2]

    return sorted([record for record in records if key(record) != key(new)] + [new], key=key)


def keep(done: Run) -> dict:
    """Adds what is kept of a run to the records and to the README's table, and returns it."""
    new = record(done)
    records = merged(json.loads(MEASURED.read_text(encoding="utf-8")), new)
    write(MEASURED, json.dumps(records, indent=1) + "\n")
    write(README, TABLE.sub(lambda _: table(records), README.read_text(encoding="utf-8")))
    return new


def table(records: Sequence[dict]) -> str:
    """The README's table of results, of the labs that have recipes to compare."""
    lines = ["| Lab | Data | On | Plain recipe | Tuned recipe | Whole lab |", "|---|---|---|---|---|---|"]
    for record in records:
        if record["plain"]:
            reached = [f"{accuracy} in {spent}" for accuracy, spent in (record["plain"], record["tuned"])]
            on = f"{record['device']}; {record['backend']}"
            row = [record["lab"][:2], record["mode"], on, *reached, f"{record['seconds']} s"]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def arguments(parser):
    parser.add_argument("labs", nargs="*", default=[], metavar="LAB", help="notebooks; all labs if none is named")
    parser.add_argument("--mode", choices=MODES, help="measure on these data only")


def main(options):
    jobs = [(path, mode) for path in options.labs for mode in modes(Lab(path)) if options.mode in (None, mode)]
    if not jobs:
        raise ValueError("none of these labs has full data, by what their cards say")
    beyond = False
    for path, mode in jobs:
        done = run(path, mode)
        new = keep(done)
        over = done.over("seconds", "megabytes")
        words = ": more than it may" if over else ""
        print(f"{path.stem}, {mode}: {new['seconds']} s, {new['megabytes']} MB{words}", flush=True)
        beyond |= over
    return int(beyond)


def modes(lab: Lab) -> Sequence[str]:
    """The data that a lab runs on, by its card."""
    return MODES if "`LABS_DATA=full`" in lab.card.get("Hardware and data", "") else MODES[:1]
