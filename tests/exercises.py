"""What the exercise checks tell a learner, for every mistake that they know, as text files beside this module.

Write the files anew after an exercise changed, and read them: python -m tests.exercises
"""

import argparse
import ast
import builtins
import contextlib
import dis
import io
import os
from pathlib import Path
from types import CodeType
from unittest import mock

import matplotlib.pyplot as plt
import nbformat

from tests.form import PARTS
from utils import checks, plots
from utils.runtime import COURSE

LABS = sorted((COURSE / "labs").glob("*.ipynb"))


def stored(lab):
    """The file that holds the transcript of the notebook `lab`."""
    return COURSE / "tests" / "exercises" / f"{lab.stem}.txt"


def transcript(lab):
    """Run the exercises of the notebook `lab` in this process, with every one solved; tell what was said.

    Each exercise is also tried with each of the mistakes it knows. The claims of the cells that follow an exercise run
    with the solved version. Of the cells before, those run that the exercises build on; figures are left out.
    """
    said = []

    def exercise(attempt, solution, cases, mistakes=()):
        tries = [attempt, *(wrong for wrong, _ in mistakes), solution]
        said.append(f"== {attempt.__name__}\n")
        used = [_told(said, _named(function, attempt.__name__), solution, cases, mistakes) for function in tries]
        if used[:-1] != [solution] * (len(tries) - 1) or used[-1] is solution:
            raise AssertionError(f"the check of {attempt.__name__} does not go on with the right version")
        return used[-1]

    perform(lab, needed(nbformat.read(lab, as_version=4).cells), exercise)
    return "".join(said)


def perform(lab, cells, exercise):
    """Run these cells of the notebook `lab` in this process, with `exercise` for checks.exercise and without figures.

    Returns what the cells printed, and their names.
    """
    namespace, printed = {"__name__": "__main__"}, io.StringIO()
    drawing = [name for name in plots.__all__ if name not in ("describe", "panels", "png", "setup")]
    nothing = dict.fromkeys(drawing, mock.DEFAULT)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_inside(lab.parent))
        stack.enter_context(plt.rc_context())  # the lab's style goes with it
        stack.enter_context(mock.patch.multiple("utils.plots", **nothing))
        stack.enter_context(mock.patch.multiple("utils.widgets", explore=mock.DEFAULT, sketch=mock.DEFAULT))
        stack.enter_context(mock.patch.object(checks, "exercise", exercise))
        stack.enter_context(contextlib.redirect_stdout(printed))
        for cell in cells:
            exec(compile(cell.source, f"{lab.name}, cell {cell.execution_count}", "exec"), namespace)
    return printed.getvalue(), namespace


def needed(cells, tags=None):
    """The code cells under the heading Exercises, and those before that bind or change a name they use, in order.

    tags: take only those cells under the heading that have one of these tags, or bind a name for them
    """
    begin, end = (next(i for i, cell in enumerate(cells) if _begins(cell, part)) for part in PARTS[:2])
    fixed = {name for cell in cells if cell.cell_type == "code" for name in _imported(cell.source)} | {*dir(builtins)}
    chosen, names = [], {"runtime"}  # the setup cell
    for number, cell in reversed([*enumerate(cells[:end])]):
        if cell.cell_type == "code":
            used, bound = names_in(cell.source)
            wanted = number > begin and (tags is None or set(tags) & set(cell.metadata.get("tags", [])))
            if wanted or names & (bound | _changed(cell.source) - fixed):
                chosen.append(cell)
                names = names - bound | used
    return chosen[::-1]


def _begins(cell, part):
    return cell.cell_type == "markdown" and f"## {part}" in cell.source.splitlines()


def names_in(source):
    """The names that a cell's source uses from cells before, and those that it binds."""
    return _names(compile(source, "cell", "exec"))


def _names(code):
    used, bound = set(), set()
    for step in dis.get_instructions(code):
        if step.opname == "STORE_NAME":
            bound.add(step.argval)
        elif step.opname in ("LOAD_NAME", "LOAD_GLOBAL") and step.argval not in bound:
            used.add(step.argval)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            used |= _names(inner)[0] - bound
    return used, bound


def _imported(source):
    """The names of modules and functions that a cell imports: calls do not change these."""
    imports = [node for node in ast.parse(source).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return {alias.asname or alias.name for node in imports for alias in node.names}


def _changed(source):
    """The names in a cell's statements that only call something: what is called may change what they name."""
    calls = [ast.unparse(node) for node in ast.parse(source).body if isinstance(node, ast.Expr)]
    calls = [call for call in calls if not call.startswith(("print(", "checks.claim(", "plots."))]
    return set().union(*(names_in(call)[0] for call in calls))


_exercise = checks.exercise


def _told(said, function, solution, cases, mistakes):
    words = io.StringIO()
    with contextlib.redirect_stdout(words):
        used = _exercise(function, solution, cases, mistakes)
    said.append(words.getvalue())
    return used


def _named(function, name):
    """A new function that does the same under the name that the learner's would have."""

    def attempt(*arguments):
        return function(*arguments)

    attempt.__name__ = name
    return attempt


@contextlib.contextmanager
def _inside(folder):
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main(arguments=None):
    """The command: writes the transcripts of the labs that are named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m tests.exercises", description="Store what the checks tell.")
    parser.add_argument("labs", nargs="*", type=Path, help="notebooks; all labs if none is named")
    labs = parser.parse_args(arguments).labs
    if missing := [str(path) for path in labs if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    for lab in labs or LABS:
        stored(lab).parent.mkdir(exist_ok=True)
        stored(lab).write_text(transcript(lab), encoding="utf-8")
        print(f"{stored(lab).relative_to(COURSE)} written")


if __name__ == "__main__":
    main()
