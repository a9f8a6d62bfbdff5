"""Why is mine different? Each reason is found by itself, in a notebook and in the message of a claim."""

import json
from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from tests.course.lab import Lab, labs
from utils import checks, runtime
from utils.checks import recorded

REAL = recorded.RECORD
SETUP = 'import importlib\n\nimportlib.import_module("utils.setup").run()'
CELLS = ["rate = 0.1", "def mean(values):\n    raise NotImplementedError", "twice = 1", "twice = 1", "print(twice)"]
TWICE = "ran twice (twice = 1)"
CHECK = "# @title Check 1\nmean = checks.exercise(mean, solution_mean, cases)"
REPORT = """Python 3.12.1, TensorFlow 2.21.0, Keras 3.15.1 on tensorflow, NumPy 2.5.5
Device: CPU, 2 cores. Seed: 0
Data: sample (ships with the course)""".splitlines()
OLDER = [line.replace("3.12.1", "3.11.0") for line in REPORT]
SAME = """This run beside the stored one of 01_lab:
✔ order    from top to bottom
✔ edits    none
✔ data     sample
✔ seed     0
✔ versions the same
✔ device   CPU, 2 cores
✔ settings the same
Nothing differs. If a number does, restart the kernel and run all cells from the top.""".splitlines()
DIFFER = "Python 3.10.1, not 3.12.1, TensorFlow none, not 2.21.0, Keras 3.1, not 3.15.1, backend jax, not tensorflow"
ELSEWHERE = "Versions, devices and settings round differently: numbers differ in their last digits."
AGAIN = "Start with the order: a cell may have gone on from where it was. Restart the kernel and run all cells."


@pytest.fixture(autouse=True)
def run(monkeypatch, tmp_path):
    """A run of a lab: what `ran` after the setup cell, and what the setup cell reported."""
    other = {"report": OLDER, "cells": [recorded.fingerprint("other = 1")], "exercises": {}}
    cells = list(map(recorded.fingerprint, [*CELLS, CHECK]))
    lab = {"report": REPORT, "cells": cells, "exercises": {"mean": 1}}
    monkeypatch.setattr(recorded, "RECORD", tmp_path / "recorded.json")
    recorded.RECORD.write_text(json.dumps({"labs": {"00_other": other, "01_lab": lab}}))
    monkeypatch.setenv("LABS_DATA", "sample")
    for name in recorded.ROUNDING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(runtime, "_chosen_mode", None)
    monkeypatch.setattr(runtime, "reported", list(REPORT))
    run = SimpleNamespace(ran=list(CELLS), before=["import this"])
    shell = Mock(side_effect=lambda: SimpleNamespace(user_ns={"In": ["", *run.before, SETUP, *run.ran]}))
    monkeypatch.setattr(recorded, "get_ipython", shell)
    return run


def printed(capsys):
    checks.why()
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"ran": [*CELLS, "", "from utils import checks\nchecks.why()"]},
        {"ran": [line + "  " for line in CELLS[:3]]},  # a part of the lab
        {"ran": [*CELLS[:2], "def mean(values):\n    return sum(values) / len(values)", *CELLS[2:]]},  # solved
        {"ran": [CELLS[1], CELLS[0], *CELLS[2:], CELLS[1]]},  # tried before and after
        {"ran": [*CELLS, CHECK, CHECK]},
        {"before": []},  # the setup cell comes first
        {"before": ["import this", SETUP, "rate = 0.7"]},  # and once more
    ],
)
def test_nothing_differs(state, run, capsys):
    vars(run).update(state)
    assert printed(capsys) == SAME
    assert recorded.unlike() == "All that is known is as in the stored run."


def test_edits(run, capsys):
    for ran, said in [
        (["rate = 0.7", *CELLS[1:]], "In [3] is not the lab's (rate = 0.7)"),
        ([*CELLS, "new = 1\nnew += 1"], "In [8] is not the lab's (new = 1)"),
        ([*CELLS[:3], CELLS[4]], "1 cells did not run"),
        (["new = 1", *CELLS[:2], CELLS[4]], "In [3] is not the lab's (new = 1), 2 cells did not run"),
        (["x" * 61, *CELLS[1:4], "y"], f"In [3] is not the lab's ({'x' * 59}…), In [7] is not the lab's (y)"),
        (["x" * 60, *CELLS[1:4]], f"In [3] is not the lab's ({'x' * 60})"),
    ]:
        run.ran = ran
        lines = printed(capsys)
        assert lines[:-1] == [*SAME[:2], f"✘ edits    {said}", *SAME[3:-1]]
        assert lines[-1].startswith("Start with the edits")
        assert recorded.unlike() == f"Unlike the stored run, edits: {said}."


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        ([*CELLS, CELLS[0]], "In [8] ran twice (rate = 0.1)"),
        ([CELLS[0], *CELLS], "In [4] ran twice (rate = 0.1)"),
        ([*CELLS, CELLS[4], *CELLS[3:]], "In [10] ran 3 times (print(twice)), In [9] ran twice (twice = 1)"),
        ([*CELLS[1:], CELLS[0]], "In [7] ran after later cells (rate = 0.1)"),
        (CELLS * 2, f"In [8] ran twice ({CELLS[0]}), In [10] {TWICE}, In [11] {TWICE}, and 1 more"),
    ],
)
def test_cells_that_ran_again_or_late_are_said_first(ran, said, run, monkeypatch, capsys):
    run.ran = ran
    assert printed(capsys) == [SAME[0], f"✘ order    {said}", *SAME[2:-1], AGAIN]
    monkeypatch.setenv("LABS_DATA", "full")
    run.ran = ["rate = 0.7", *ran]
    first, second, third = recorded.unlike().split("; ")
    assert first.startswith("Unlike the stored run, order: In [") and second.startswith("edits: In [3] is not")
    assert third == "data: full, not sample."


def test_data(monkeypatch, capsys):
    monkeypatch.setenv("LABS_DATA", "full")
    lines = printed(capsys)
    assert lines[3] == "✘ data     full, not sample" and lines[-1].startswith("Other pictures or other random numbers")


@pytest.mark.parametrize(
    ("line", "now", "place", "said", "advice"),
    [
        (1, "Device: CPU, 2 cores. Seed: 7", 4, "seed     7, not 0", "Other pictures or other random numbers"),
        (0, REPORT[0].replace("2.5.5", "2.0.0"), 5, "versions NumPy 2.0.0, not 2.5.5", ELSEWHERE),
        (0, "Python 3.10.1, no TensorFlow, Keras 3.1 on jax, NumPy 2.5.5", 5, f"versions {DIFFER}", ELSEWHERE),
        (1, "Device: GPU. Seed: 0", 6, "device   GPU, not CPU, 2 cores", ELSEWHERE),
    ],
)
def test_each_other_reason(line, now, place, said, advice, capsys):
    runtime.reported[line] = now
    lines = printed(capsys)
    assert lines[:-1] == [*SAME[:place], f"✘ {said}", *SAME[place + 1 : -1]]
    assert lines[-1].startswith(advice)


def test_variables_that_move_how_tensorflow_rounds(monkeypatch, capsys):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    lines = printed(capsys)
    assert lines[-2:] == ["✘ settings OMP_NUM_THREADS=1, TF_ENABLE_ONEDNN_OPTS=0", ELSEWHERE]
    assert lines[:-2] == SAME[:-2]


def test_cells_of_no_lab_and_none_outside_a_notebook(run, monkeypatch, capsys):
    run.ran = ["mine = 1"]
    monkeypatch.setattr(runtime, "reported", OLDER)  # the first lab's: which it is beside cannot be told
    assert printed(capsys) == ["Which lab this is cannot be told from its cells.", *SAME[3:]]
    monkeypatch.setattr(recorded, "get_ipython", lambda: None)
    assert printed(capsys)[1:] == SAME[3:]


def test_a_packed_cell_does_the_same_and_is_known():
    solution = '# @title Solution 1\ndef solution(values):\n    """Mean "of" them, µ."""\n    return sum(values)\n'
    packed, names = recorded.packed(solution, "Solution 1"), {}
    title, line = packed.split("\n")
    assert title == "# @title Solution 1" and line.startswith("exec(") and "values" not in line
    exec(packed, names)
    assert names["solution"]([1, 2]) == 3
    assert recorded.unpacked(packed) == recorded.unpacked(solution) == solution
    assert recorded.fingerprint(packed + "\n") == recorded.fingerprint(solution)
    for other in ("", "exec(1)", f"{packed}\nx = 1", "# @title Solution 1"):
        assert recorded.unpacked(other) == other


@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
@pytest.mark.parametrize("packed", [False, True])
def test_the_record_is_that_of_the_labs(path, packed, monkeypatch, capsys):
    """Of their students' editions, too: there solutions and checks are packed."""
    monkeypatch.setattr(recorded, "RECORD", REAL)
    lab, ran = Lab(path), []
    for code in lab.code[1:]:
        hidden = packed and {"solution", "check"} & set(code.tags)
        ran.append(recorded.packed(code.cell.source, "Hidden") if hidden else code.cell.source)
    monkeypatch.setattr(recorded, "_cells_run", lambda: list(enumerate(ran, 2)))
    assert printed(capsys)[:3] == [f"This run beside the stored one of {path.stem}:", *SAME[1:3]]
    exercises = json.loads(REAL.read_text(encoding="utf-8"))["labs"][path.stem]["exercises"]
    assert len(exercises) == len(lab.tagged("exercise")) > 0
    assert all(f"def {name}(" in ran[place] for name, place in exercises.items())
    ran[0] += "  # mine"
    assert printed(capsys)[2].startswith("✘ edits    In [2] is not the lab's (")
