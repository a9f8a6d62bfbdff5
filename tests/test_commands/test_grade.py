"""Handed-in notebooks: each gets what it deserves, whatever its cells do to Python, to the checks and to others."""

import csv
import shutil
import subprocess
from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell

from tests import __main__ as commands
from tests.__main__ import main
from tests.commands import grade
from tests.commands._attempts import cells_of
from tests.course.lab import COURSE, Lab, labs, read, text_of
from tests.tiny_labs import code, exercise, markdown, save
from utils.checks import exercises

RIGHT = {"double": "def double(x):\n    return 2 * x", "triple": "def triple(x):\n    return 3 * x"}
TRACE = COURSE / "utils" / "trace-of-a-test"
FORGED = """
import builtins, numpy, pathlib, sys
from utils import checks
from utils.checks import exercises
checks.exercise = lambda attempt, *_: print("✔ double: right on every case.") or attempt
exercises._same = numpy.allclose = numpy.array_equal = lambda *_, **__: True
sys.modules["utils.checks"] = solution_double = factor = double
"""
STEPS_OUT = f"""
import pathlib, urllib.request
try: pathlib.Path({str(TRACE)!r}).touch()
finally: urllib.request.urlopen("ADDRESS", timeout=1)
"""
STUBBORN = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
CUT = (
    shutil.which("unshare") and not subprocess.run([*grade.FENCE, str(COURSE), "true"], capture_output=True).returncode
)


def handed(path, *added, keep=lambda cell: True, **answers):
    """A notebook of the tiny lab: the learner's answers by the exercise's name, and added cells before all others."""
    cells = [code(source) for source in added]
    for cell in [*filter(keep, tiny())]:
        name = cell.source.partition("(")[0].removeprefix("def ")
        cells.append(code(answers[name], tags=["exercise"]) if name in answers else cell)
    return save(path, *cells, run=False)


def tiny():
    """The cells of a lab whose checks need no setup, nor the cell that stops."""
    used = (
        code("factor = 2.0"),
        code("exec('hidden = 0')\nraise RuntimeError"),
        code("def times(x, n=factor):\n    return n * x"),
    )
    return [
        markdown("# 99 · Tiny"),
        code("from utils import checks"),
        *used,
        *exercise("double", 1, 2),
        *exercise("triple", 2, 3),
    ]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return save(tmp_path_factory.mktemp("lab") / "99_tiny.ipynb", *tiny(), run=False)


def table(folder, *more):
    """The rows that grading gives, by the notebook's name."""
    assert main(["grade", str(folder), *more]) == 0
    header, *rows = csv.reader((folder / "grades.csv").open(encoding="utf-8"))
    assert header == ["notebook", "Exercise 1: double", "Exercise 2: triple", "right"]
    assert [row.pop() for row in rows] == [f"{row.count('right')} of 2" for row in rows]
    return {name: said for name, *said in rows}


def test_each_gets_what_it_deserves(lab, tmp_path, monkeypatch, capsys, server):
    monkeypatch.setattr(exercises, "SECONDS", 1)
    add, same = "def double(x):\n    return x + 2", "def triple(x):\n    return x"
    handed(tmp_path / "right (2).ipynb", **RIGHT)
    handed(tmp_path / "=mistakes.ipynb", double=add, triple=same)
    handed(
        tmp_path / "of" / "her own.ipynb",
        double="def double(x):\n    return 5 * x",
        triple="def triple(x):\n    return [x]",
    )
    handed(tmp_path / "untouched.ipynb")
    forged = handed(
        tmp_path / "forged.ipynb",
        FORGED,
        STEPS_OUT.replace("ADDRESS", server.address),
        double=add + "\n" + FORGED,
        keep=lambda cell: "# @title" not in cell.source,
    )
    handed(
        tmp_path / "leaves.ipynb",
        "raise SystemExit",
        "exit()",
        double="import sys\n\ndef double(x):\n    sys.exit()",
        triple=RIGHT["triple"],
    )
    handed(
        tmp_path / "unfinished.ipynb",
        double="def double(x):\n    return 2 *",
        triple="import nowhere\n\ndef triple(x):\n    return 3 * x",
    )
    handed(tmp_path / "dies.ipynb", "import os\nos._exit(0)", **RIGHT)
    handed(
        tmp_path / "loops.ipynb",
        "while True: pass",
        double="def double(x):\n    while True: pass",
        triple=RIGHT["triple"],
    )
    handed(tmp_path / "eats.ipynb", double="def double(x):\n    return bytearray(4 * 10**9)", triple=RIGHT["triple"])
    helped = handed(tmp_path / "moved.ipynb", double="def double(x):\n    return times(x) + nothing + hidden")
    notebook = read(helped)
    notebook.cells = [cell for cell in notebook.cells[::-1] if "triple" not in cell.source] + [
        code("nothing = 0 * factor")
    ]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"new{number}"
    helped.write_text(text_of(notebook))
    (tmp_path / "words.ipynb").write_text("My answer is 4.")
    (tmp_path / "empty.ipynb").write_text('{"nbformat": 4, "cells": [{}]}')
    before = forged.read_bytes()
    rows = table(tmp_path, "--lab", str(lab), "--gigabytes", "2")
    syntax, nowhere = rows.pop("unfinished.ipynb")
    assert syntax.startswith("stopped: SyntaxError: ") and nowhere.startswith("stopped: ModuleNotFoundError: ")
    left = "stopped: Python ended, as by `exit` or for want of memory"
    assert rows == {
        "right (2).ipynb": ["right", "right"],
        "'=mistakes.ipynb": ["wrong: Multiply, do not add.", "wrong: That is x itself."],
        "of/her own.ipynb": ["wrong: gave 5, expected 2.", "wrong: It came as a list, but the lab needs a number."],
        "untouched.ipynb": ["not written", "not written"],
        "forged.ipynb": ["wrong: Multiply, do not add.", "not written"],
        "leaves.ipynb": ["stopped: SystemExit", "right"],
        "dies.ipynb": [left, left],
        "loops.ipynb": ["stopped: it did not end by itself", "right"],
        "eats.ipynb": ["stopped: MemoryError", "right"],
        "moved.ipynb": ["right", "not written"],
        "words.ipynb": ["no notebook: it is not JSON"] * 2,
        "empty.ipynb": ["no notebook: its cells are damaged"] * 2,
    }
    assert forged.read_bytes() == before and not (CUT and (TRACE.exists() or server.requests))
    page = (tmp_path / "grades.html").read_text(encoding="utf-8")
    assert page.count("<tr>") == 14 and '<td class="right">✔ right</td>' in page and "http" not in page
    assert '<th scope="col">Exercise 1: double</th>' in page and "<td>2 of 2</td>" in page
    said = capsys.readouterr().out
    assert "forged.ipynb: 0 of 2 right" in said and "words.ipynb: no notebook: it is not JSON" in said
    TRACE.unlink(missing_ok=True)


def test_what_nothing_else_ends_the_clock_ends(lab):
    cells, options = cells_of(Lab(lab)), SimpleNamespace(minutes=0.05, gigabytes=2, fence=[])
    found = grade.run(cells, [STUBBORN], 2, options)
    assert found == [{"stopped": "the notebook took more than 0.05 minutes"}] * 2


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ([markdown("Of no lab.")], "holds no notebook of a lab that is known; --lab says which it is"),
        ([code("def best_of_grid(x, y):\n    return x")], "01_loss_play"),
        ([new_code_cell("1", id="c4d549c8"), new_code_cell("2", id="f7fc56c8")], "04_mnist"),
    ],
)
def test_the_lab_is_known_by_what_is_left_of_it(tmp_path, monkeypatch, capsys, cells, told):
    def stop(lab):
        raise ValueError(lab.path.stem)

    monkeypatch.setattr(grade, "cells_of", stop)
    save(tmp_path / "anyone.ipynb", *cells)
    assert main(["grade", str(tmp_path)]) == 1
    assert told in capsys.readouterr().err


def test_one_stray_notebook_does_not_change_the_lab(lab, tmp_path, monkeypatch, capsys):
    long = [code(f"def only_there_{number}():\n    pass") for number in range(9)]
    other = save(tmp_path / "98_long.ipynb", markdown("# 98 · Long"), *long, *exercise("halve", 1, 3), run=False)
    folder = tmp_path / "handed"
    handed(folder / "one.ipynb", **RIGHT)
    handed(folder / "two.ipynb", **RIGHT)
    shutil.copy(other, folder / "stray.ipynb")
    monkeypatch.setattr(commands, "labs", lambda: [other, lab])
    right, stray = ["right", "right"], "another lab's: 98 · Long"
    assert table(folder) == {"one.ipynb": right, "two.ipynb": right, "stray.ipynb": [stray] * 2}
    said = capsys.readouterr().out
    assert f"stray.ipynb: {stray}\n" in said and "one.ipynb: 2 of 2 right" in said and "99 · Tiny: " in said
    page = (folder / "grades.html").read_text(encoding="utf-8")
    assert page.count('<td class="another">') == 2 and "<td>0 of 2</td>" in page
    assert table(folder, "--lab", str(lab))["stray.ipynb"] == ["not written", "not written"]


def test_what_is_no_ipynb_is_named(tmp_path, capsys):
    for name in (".hidden", ".ipynb_checkpoints/a.ipynb", "grades.csv", "grades.html", "essay.docx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert main(["grade", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out == "passed over, as they are no *.ipynb: essay.docx\n" and "holds no .ipynb file" in said.err
    for number in range(6):
        (tmp_path / f"{number}.py").touch()
    assert main(["grade", str(tmp_path)]) == 1
    assert capsys.readouterr().out.endswith(": 0.py, 1.py, 2.py, 3.py, 4.py, and 2 more\n")


def test_a_lab_whose_own_checks_fail_is_refused(tmp_path, capsys):
    broken = save(tmp_path / "99.ipynb", code("from utils import checks"), *exercise("double", 1, "0.1 + 2"), run=False)
    assert main(["grade", str(tmp_path), "--lab", str(broken)]) == 1
    assert "does not pass its own checks within these bounds" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_each_labs_solutions_are_right_and_its_stubs_not_written(path, tmp_path):
    shutil.copy(path, tmp_path / "stubs.ipynb")
    lab = Lab(path)
    for stub, solution in zip(lab.tagged("exercise"), lab.tagged("solution"), strict=True):
        stub.cell.source = solution.cell.source.replace("# @title ", "# ").replace("solution_", "")
    (tmp_path / "solved.ipynb").write_text(text_of(lab.notebook), encoding="utf-8")
    assert main(["grade", str(tmp_path)]) == 0
    _, solved, stubs = csv.reader((tmp_path / "grades.csv").open(encoding="utf-8"))
    assert {*solved[1:-1]} == {"right"} and {*stubs[1:-1]} == {"not written"}
