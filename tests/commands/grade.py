"""Grades handed-in notebooks of one lab: a table of who has which exercise right.

Each *.ipynb below FOLDER counts, whatever its name, its outputs and the order of its cells. Before each check of the
*course's own* lab all cells run that are the learner's own; of the lab itself, those that they and the check need.
Which lab it is, most of the notebooks say by their cells; one that is more like another lab is not run without --lab.
grades.csv and grades.html say of each exercise: right, wrong (by which mistake, if it is known), not written, or
stopped and why. Each notebook has a process and a folder of its own, bounded in time and memory; on Linux, where
`unshare` is permitted, without a network, and it cannot write to the course and FOLDER.

Nothing that a notebook prints or stores counts: what its functions give back is judged in this process, where none of
their code runs. Whoever takes the other one apart finds the right values in it, as anybody does in the folded solution.
Root can undo what is read-only: against malice, grade on a machine that you can do without. Otter-grader 7 wants labs
in its own form, decides in the process that it judges, and knows no mistakes; hence this.
"""

import contextlib
import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from jinja2 import Environment

from tests.commands._attempts import Cells, cells_of, needed, own_cells, restored
from tests.course.lab import COURSE, Lab, read, write
from tests.course.rules import defined
from utils import checks
from utils.checks import exercises

TEMPLATE = Path(__file__).with_suffix(".html")
TABLES = ("grades.csv", "grades.html")
BYTES = 10_000_000  # that a notebook may have, and what its functions give back
READ_ONLY = 'for at in "$1" "$2"; do mount --bind "$at" "$at" && mount -o remount,bind,ro "$at" || exit; done; shift 2'
FENCE = ["unshare", "-rnmpf", "--mount-proc", "--kill-child", "sh", "-c", f'{READ_ONLY}; exec "$@"', "sh", str(COURSE)]


def cells_in(path: Path) -> list[tuple[str, str]] | str:
    """(id, source) of a notebook's code cells, or why it has none."""
    try:
        if path.stat().st_size > BYTES:
            return f"no notebook: over {BYTES // 10**6} MB"
        return [(str(cell.get("id")), cell.source) for cell in read(path).cells if cell.cell_type == "code"]
    except (OSError, ValueError) as error:
        if isinstance(error.__cause__, (json.JSONDecodeError, UnicodeDecodeError)):
            return "no notebook: it is not JSON"
        return str(error).replace(f"{path} is not a", "no")
    except Exception:  # whatever the reader makes of a file that somebody made up
        return "no notebook: its cells are damaged"


def marks(cells: list[tuple[str, str]]) -> set[str]:
    """By what cells are known: ids, sources, and the functions that they define."""
    return {mark for pair in cells for mark in (*pair, *re.findall(r"^def (\w+)", pair[1], re.M))}


def files_in(folder: Path) -> tuple[list[Path], list[str]]:
    """The notebooks below a folder, and the names of the other files that somebody may have handed in."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file() and ".ipynb_checkpoints" not in path.parts]
    others = [path.relative_to(folder) for path in paths if path.suffix != ".ipynb" and path.name not in TABLES]
    others = [path.as_posix() for path in others if not any(part.startswith(".") for part in path.parts)]
    return [path for path in paths if path.suffix == ".ipynb"], others


def sorted_out(handed: dict[Path, list | str], labs: list[Lab]) -> tuple[Lab | None, dict[Path, list | str]]:
    """The lab that most notebooks are like, and the notebooks, with why not in place of those of another lab's."""
    known, votes, common, alike = {lab: marks(cells_in(lab.path)) for lab in labs}, Counter(), Counter(), {}
    for path, cells in handed.items():
        seen = marks(cells) if isinstance(cells, list) else set()
        alike[path] = {lab: len(seen & known[lab]) for lab in labs}
        common.update(alike[path])
        votes.update(lab for lab in labs if 0 < alike[path][lab] == max(alike[path].values()))
    lab, handed = max(labs, key=lambda lab: (votes[lab], common[lab])), dict(handed)
    for path, counts in alike.items():
        if counts[most := max(labs, key=counts.get)] > counts[lab]:
            handed[path] = f"another lab's: {most.title}"
    return lab if votes[lab] or len(labs) == 1 else None, handed


def run(cells: Cells, own: list[str] | None, count: int, options) -> list[dict]:
    """What each of so many checks found, in their order."""
    plan = {"cells": cells, "own": own, "seconds": exercises.SECONDS, "gigabytes": options.gigabytes}
    names = {"PATH": os.environ["PATH"], "PYTHONPATH": str(COURSE), "PYTHONDONTWRITEBYTECODE": "1"}
    names |= {"LABS_HOME": str(COURSE), "MPLBACKEND": "agg", "CUDA_VISIBLE_DEVICES": "-1"}
    why, found = "Python ended, as by `exit` or for want of memory", []
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home, tempfile.TemporaryFile() as told:
        way = {"input": json.dumps(plan).encode(), "stdout": told, "stderr": subprocess.DEVNULL, "cwd": home}
        way |= {"env": names | {"HOME": home, "TMPDIR": home}, "start_new_session": True}
        command = [*options.fence, sys.executable, "-m", "tests.commands._attempts"]
        try:
            subprocess.run(command, timeout=60 * options.minutes, **way)
        except subprocess.TimeoutExpired:
            why = f"the notebook took more than {options.minutes:g} minutes"
        told.seek(0)
        with contextlib.suppress(Exception):  # whatever somebody wrote there
            for line in told.read(BYTES).splitlines():
                found.append(dict(json.loads(line)))
    return [*found, *[{"stopped": why}] * count][:count]


def verdict(known: dict, found: dict) -> str:
    """What the course's check says of what a function gave back."""

    def by(results):
        def function(case):
            result = results[case[0]]
            if error := result.get("error"):
                raise (NotImplementedError if error.startswith("NotImplementedError") else RuntimeError)(error)
            case += [0] if result["changed"] else []
            return restored(result["value"])

        return function

    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(Exception):  # where it is no result
        attempt, mistakes = by(found["tried"]), [(by(results), hint) for results, hint in known["mistakes"]]
        cases = [(([number],), restored(value)) for number, value in enumerate(known["expected"])]
        if checks.exercise(attempt, by(known["tried"]), cases, mistakes) is attempt:
            return "right"
    what, _, hint = said.getvalue().partition("\n")
    what, hint = what.removeprefix("✘ function").partition(") ")[2], hint.partition(exercises.ONWARD)[0].strip()
    if said.getvalue().startswith("✎"):
        return "not written"
    if what.startswith("stopped") or not what:
        what = what.partition(": ")[2] or str(found.get("stopped", "what came back is no result"))
        return f"stopped: {what[: exercises.LONGEST].replace('KeyboardInterrupt', 'it did not end by itself')}"
    return f"wrong: {what if hint.startswith('Work ') else hint}"


def arguments(parser):
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where the handed-in notebooks are")
    parser.add_argument("--lab", dest="labs", nargs=1, default=[], help="such as 04; found by their cells if not said")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="where the tables go; the same if not said")
    parser.add_argument("--minutes", type=float, default=10, help="the most that a notebook may take; 10 if not said")
    parser.add_argument("--gigabytes", type=float, default=8, help="the most that its process may take; 8 if not said")


def main(options):
    if sys.platform == "win32":
        raise ValueError("notebooks are graded on Linux or macOS: on Windows, run this in WSL2")
    paths, others = files_in(options.folder)
    if others:
        more = [f"and {len(others) - 5} more"] if len(others) > 5 else []
        print("passed over, as they are no *.ipynb:", ", ".join(others[:5] + more))
    if not paths:
        raise ValueError(f"{options.folder} holds no .ipynb file")
    lab, handed = sorted_out({path: cells_in(path) for path in paths}, [*map(Lab, options.labs)])
    if lab is None:
        raise ValueError(f"{options.folder} holds no notebook of a lab that is known; --lab says which it is")
    options.fence = [*FENCE, str(options.folder.resolve())]
    if not shutil.which("unshare") or subprocess.run([*options.fence, "true"], stderr=subprocess.DEVNULL).returncode:
        options.fence = []
        print("`unshare` is not permitted here: the network is not cut, and the course can be written")
    names, every = [", ".join(sorted(defined(code.cell.source))) for code in lab.tagged("exercise")], cells_of(lab)
    names = [f"Exercise {number}: {name}" for number, name in enumerate(names, 1)]
    tries = (run(cells, None, len(names), options) for cells in (needed(every, []), every))
    known = next((found for found in tries if {verdict(one, one) for one in found} == {"right"}), None)
    if known is None:
        raise ValueError(f"{lab.path} does not pass its own checks within these bounds")
    rows = []
    for path, cells in handed.items():
        said = [cells] * len(names)
        if isinstance(cells, list):
            own = own_cells(cells, lab)
            for some in (needed(every, own), every):
                said = [verdict(*pair) for pair in zip(known, run(some, own, len(names), options))]
                if "NameError" not in str(said):
                    break
        name = path.relative_to(options.folder).as_posix()
        right = f"{said.count('right')} of {len(names)}"
        rows.append(["'" * (name[0] in "=+-@") + name, *said, right])  # so that no table takes it for a formula
        print(f"{name}: {cells if isinstance(cells, str) else f'{right} right'}", flush=True)
    output, table = options.output or options.folder, io.StringIO()
    output.mkdir(parents=True, exist_ok=True)
    csv.writer(table, lineterminator="\n").writerows([["notebook", *names, "right"], *rows])
    write(output / TABLES[0], table.getvalue())
    template = Environment(autoescape=True, trim_blocks=True).from_string(TEMPLATE.read_text(encoding="utf-8"))
    write(output / TABLES[1], template.render(title=lab.title, names=names, rows=rows) + "\n")
    print(f"{lab.title}: the tables are {output / TABLES[0]} and {TABLES[1]}")
