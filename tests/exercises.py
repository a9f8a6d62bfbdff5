"""What the exercise checks tell a learner, for every mistake that they know, as text files beside this module.

Write the files anew after an exercise changed, and read them: python -m tests.exercises
"""

import contextlib
import io
import os
from pathlib import Path
from unittest import mock

import matplotlib.pyplot as plt
import nbformat

from utils import checks
from utils.runtime import COURSE

LABS = sorted((COURSE / "labs").glob("*.ipynb"))


def stored(lab):
    """The file that holds the transcript of the notebook `lab`."""
    return COURSE / "tests" / "exercises" / f"{lab.stem}.txt"


def transcript(lab):
    """Run the notebook `lab` in this process, without its figures, with every exercise solved; tell what was said.

    Each exercise is also tried with each of the mistakes it knows. The claims of the cells that follow an exercise run
    with the solved version.
    """
    said = []

    def exercise(attempt, solution, cases, mistakes=()):
        tries = [attempt, *(wrong for wrong, _ in mistakes), solution]
        said.append(f"== {attempt.__name__}\n")
        used = [_told(said, _named(function, attempt.__name__), solution, cases, mistakes) for function in tries]
        if used[:-1] != [solution] * (len(tries) - 1) or used[-1] is solution:
            raise AssertionError(f"the check of {attempt.__name__} does not go on with the right version")
        return used[-1]

    namespace = {"__name__": "__main__"}
    nothing = dict.fromkeys(("animate", "bars", "curves", "fit", "loss_map", "loss_surface", "points"), mock.DEFAULT)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_inside(lab.parent))
        stack.enter_context(plt.rc_context())  # the lab's style goes with it
        stack.enter_context(mock.patch.multiple("utils.plots", **nothing))
        stack.enter_context(mock.patch("utils.widgets.explore"))
        stack.enter_context(mock.patch.object(checks, "exercise", exercise))
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        for cell in nbformat.read(lab, as_version=4).cells:
            if cell.cell_type == "code":
                exec(compile(cell.source, f"{lab.name}, cell {cell.execution_count}", "exec"), namespace)
    return "".join(said)


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


if __name__ == "__main__":
    for lab in LABS:
        stored(lab).parent.mkdir(exist_ok=True)
        stored(lab).write_text(transcript(lab), encoding="utf-8")
        print(f"{stored(lab).relative_to(COURSE)} written")
