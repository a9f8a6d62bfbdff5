"""Plants faults in labs and programs, one at a time, and says which ones no test catches.

A fault is a changed number, operator, name or word, a dropped call, or two swapped arguments. It is planted in a copy
of the course in a temporary folder. A lab's fault has to turn that lab red, or the rules of form; a program's fault the
tests of its room, or else a lab. A test that hangs is red. Some faults change nothing that anybody sees, so the exit
status is 1 if more than one in twenty survives. A fault takes up to some minutes, so all files take hours.
"""

import ast
import concurrent.futures
import contextlib
import functools
import io
import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.course.lab import COURSE, Lab, labs, text_of

PAIRS = "+ -, * /, < >, == !=, += -=, True False, and or, min max, argmin argmax, mean sum"
SWAPPED = dict(pair for both in PAIRS.split(", ") for pair in (both.split(), both.split()[::-1]))
SWAPPED |= {"**": "*", "<=": "<", ">=": ">"}
WORD = re.compile(r"[A-Za-z]{4,}")
MINUTES = 5  # for each file of tests; what takes longer hangs
PROCESSES = 2
AWAY = (".git", ".venv", "__pycache__", ".ipynb_checkpoints", ".pytest_cache", ".ruff_cache", "cache")


@dataclass(frozen=True)
class Mutant:
    """One fault: `old` at `offset` of a source (a program's, or that of a notebook's code cell) becomes `new`."""

    path: str
    cell: str  # the cell's id, empty for a program
    offset: int
    old: str
    new: str
    line: str

    def __str__(self):
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.path}: {old} -> {new} in: {self.line.strip():.60}"

    def planted_in(self, source: str) -> str:
        return source[: self.offset] + self.new + source[self.offset + len(self.old) :]


def files() -> list[str]:
    """The labs and programs of the course, in which faults are planted, from its folder."""
    found = [path for kind in ("labs/*.ipynb", "labs/apps/*.py", "utils/**/*.py") for path in COURSE.glob(kind)]
    return sorted(path.relative_to(COURSE).as_posix() for path in found)


def faults(source: str) -> Iterator[tuple[int, str, str]]:
    """Every fault that can be planted in Python `source`: (offset, old, new)."""
    lines = source.splitlines(keepends=True)
    starts = [0, *itertools.accumulate(map(len, lines))]
    tree = ast.parse(source)
    strings = [one for one in ast.walk(tree) if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)]
    docstrings = {line for one in strings for line in range(one.lineno, one.end_lineno + 1)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        offset = starts[token.start[0] - 1] + token.start[1]
        kind = tokenize.tok_name[token.type]
        if kind == "NUMBER":
            yield offset, token.string, _other_number(token.string)
        elif kind in ("OP", "NAME") and token.string in SWAPPED:
            yield offset, token.string, SWAPPED[token.string]
        elif kind in ("STRING", "FSTRING_MIDDLE") and token.start[0] not in docstrings:
            for word in WORD.findall(token.string)[:1]:
                yield offset + token.string.index(word), word, word[::-1]

    def place(line, column):
        return starts[line - 1] + len(lines[line - 1].encode()[:column].decode())

    def span(node):
        return place(node.lineno, node.col_offset), place(node.end_lineno, node.end_col_offset)

    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            begin, end = span(node)
            yield begin, source[begin:end], "pass"
        if isinstance(node, ast.Call) and len(node.args) > 1 and ast.Starred not in map(type, node.args):
            (a, b), (c, d) = map(span, node.args[:2])
            if source[a:b] != source[c:d]:
                yield a, source[a:d], source[c:d] + source[b:c] + source[a:b]


def _other_number(text):
    value = ast.literal_eval(text)
    return repr(value + 1 if isinstance(value, int) else value * 1.25 or 1.0)


def sample(path: str, count: int, seed: int) -> list[Mutant]:
    """So many of the faults that can be planted in a lab or program, drawn with this seed."""
    if path.endswith(".ipynb"):
        sources = [(code.cell.id, code.cell.source) for code in Lab(COURSE / path).code]
    else:
        sources = [("", (COURSE / path).read_text(encoding="utf-8"))]
    every = [
        Mutant(path, cell, offset, old, new, text[text.rfind("\n", 0, offset) + 1 :].partition("\n")[0])
        for cell, text in sources
        for offset, old, new in faults(text)
    ]
    return random.Random(f"{seed} {path}").sample(every, min(count, len(every)))


def tests_of(path: str) -> list[tuple[str, ...]]:
    """Which files have to turn red for a lab or program, one run of pytest after the other."""
    if path.endswith(".ipynb"):
        return [(path,), ("tests/test_labs/test_rules.py", "tests/test_commands/test_measure.py")]
    room, *parts = Path(path).with_suffix("").parts
    own = COURSE.glob(f"tests/test_{room}/test_{parts[0]}*.py")
    mirror_first = sorted(own, key=lambda test: (test.stem != f"test_{'_'.join(parts)}", test))
    return [tuple(file.relative_to(COURSE).as_posix() for file in run) for run in (mirror_first, labs()) if run]


def caught(mutant: Mutant, course: Path) -> bool:
    """Whether a copy of the course with the fault turns red. Raises ValueError if it is red without it, too."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = shutil.copytree(course, Path(folder) / "course")
        plant(mutant, copy / mutant.path)
        for tests in tests_of(mutant.path):
            if red(tests, copy):
                if red(tests, course):
                    raise ValueError(f"these tests are red without a fault, too: pytest {' '.join(tests)}")
                return True
    return False


def plant(mutant: Mutant, path: Path):
    """Changes the file of a lab or program."""
    if path.suffix == ".ipynb":
        notebook = Lab(path).notebook
        for cell in notebook.cells:
            if cell.id == mutant.cell:
                cell.source = mutant.planted_in(cell.source)
        text = text_of(notebook)
    else:
        text = mutant.planted_in(path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")


@functools.cache
def red(tests: tuple[str, ...], course: Path) -> bool:
    """Whether these tests of a course fail, or hang."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "0", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "LABS_DATA": "sample"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=course, env=environment, start_new_session=True, **quiet) as process:
        try:
            return process.wait(timeout=60 * MINUTES * len(tests)) != 0
        except subprocess.TimeoutExpired:
            return True
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # it, and what it started


def survivors(drawn: Sequence[Mutant]) -> list[Mutant]:
    """Those that no test catches; tells of each whether it was caught."""
    left = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        clean = shutil.copytree(COURSE, Path(folder) / "course", ignore=shutil.ignore_patterns(*AWAY))
        with concurrent.futures.ThreadPoolExecutor(PROCESSES) as pool:
            for mutant, turned_red in zip(drawn, pool.map(caught, drawn, itertools.repeat(clean))):
                print(f"{'caught  ' if turned_red else 'SURVIVED'} {mutant}", flush=True)
                left += [] if turned_red else [mutant]
    return left


def arguments(parser):
    parser.add_argument("files", nargs="*", metavar="FILE", help="labs and programs; all of them if none is named")
    parser.add_argument("--each", type=int, default=8, help="faults for each file; 8 if not said")
    parser.add_argument("--seed", type=int, default=0, help="draws other faults")


def main(options):
    known = files()
    chosen = [os.path.relpath(Path(file).resolve(), COURSE) for file in options.files] or known
    if others := [file for file in chosen if file not in known]:
        raise ValueError(f"no lab and no program of the course: {', '.join(others)}")
    drawn = [mutant for file in chosen for mutant in sample(file, options.each, options.seed)]
    left = survivors(drawn)
    print(f"{len(drawn) - len(left)} of {len(drawn)} faults caught")
    return int(20 * len(left) > len(drawn))
