"""Why is mine different? Each reason is found by itself, in a notebook and in the message of a claim."""

import json
from types import SimpleNamespace

import IPython
import nbformat
import pytest

from utils import checks, runtime
from utils.checks import recorded

REAL = recorded.RECORD
LABS = sorted((runtime.COURSE / "labs").glob("*.ipynb"))
SETUP = "from utils import plots, runtime\n\nruntime.setup()"
CELLS = ["rate = 0.1", "def mean(values):\n    raise NotImplementedError", "twice = 1", "twice = 1", "print(twice)"]
REPORT = [
    "Python 3.12.1, TensorFlow 2.21.0, Keras 3.15.1 on tensorflow, NumPy 2.5.5",
    "Device: CPU, 2 cores. Seed: 0",
    "Data: sample (ships with the course)",
]


@pytest.fixture(autouse=True)
def run(monkeypatch, tmp_path):
    """A run of a lab: what `ran` after the setup cell, and what the setup cell reported."""
    labs = {
        "00_other": {"cells": [recorded.fingerprint("other = 1")], "exercises": {}},
        "01_lab": {"cells": list(map(recorded.fingerprint, CELLS)), "exercises": {"mean": 1}},
    }
    monkeypatch.setattr(recorded, "RECORD", tmp_path / "recorded.json")
    recorded.RECORD.write_text(json.dumps({"report": REPORT, "labs": labs}))
    monkeypatch.setenv("LABS_DATA", "sample")
    monkeypatch.setattr(runtime, "_chosen_mode", None)
    monkeypatch.setattr(runtime, "reported", list(REPORT))
    state = SimpleNamespace(ran=list(CELLS), before=["import this"], setup=SETUP)

    def shell():
        return SimpleNamespace(user_ns={"In": ["", *state.before, state.setup, *state.ran]})

    monkeypatch.setattr(IPython, "get_ipython", shell)
    return state


def printed(capsys):
    checks.why()
    return capsys.readouterr().out.splitlines()


SAME = [
    "This run beside the stored one of 01_lab:",
    "✔ edits    none",
    "✔ data     sample",
    "✔ seed     0",
    "✔ versions the same",
    "✔ device   CPU, 2 cores",
    "Nothing differs. If a number does, restart the kernel and run all cells from the top.",
]


def test_nothing_differs(run, capsys):
    run.ran += ["", "from utils import checks\nchecks.why()"]
    assert printed(capsys) == SAME
    assert recorded.unlike() == "All that is known is as in the stored run."


def test_setup_may_be_the_very_first_cell(run, capsys):
    run.before = []
    assert printed(capsys) == SAME


def test_part_of_a_run(run, capsys):
    run.ran = [line + "  " for line in CELLS[:3]]
    assert printed(capsys) == SAME


def test_a_solved_exercise_is_no_edit(run, capsys):
    run.ran[1] = "def mean(values):\n    return sum(values) / len(values)"
    assert printed(capsys) == SAME


def test_what_ran_before_the_last_setup_does_not_count(run, capsys):
    run.before += [SETUP, "rate = 0.7"]
    assert printed(capsys) == SAME


@pytest.mark.parametrize(
    ("ran", "said"),
    [
        (["rate = 0.7", *CELLS[1:]], "In [3] is not the lab's (rate = 0.7)"),
        ([*CELLS, "new = 1\nnew += 1"], "In [8] is not the lab's (new = 1)"),
        ([*CELLS[:3], CELLS[4]], "1 cells did not run"),
        ([CELLS[0], CELLS[4]], "3 cells did not run"),
        ([*CELLS, CELLS[0]], "cells ran twice or out of order"),
        ([CELLS[1], CELLS[0], *CELLS[2:]], "cells ran twice or out of order"),
        (["x" * 61, *CELLS[1:4], "y"], f"In [3] is not the lab's ({'x' * 59}…), In [7] is not the lab's (y)"),
        (["x" * 60, *CELLS[1:4]], f"In [3] is not the lab's ({'x' * 60})"),
    ],
)
def test_edits(ran, said, run, capsys):
    run.ran = ran
    lines = printed(capsys)
    assert lines[1] == f"✘ edits    {said}"
    assert [*lines[:1], SAME[1], *lines[2:-1]] == SAME[:-1]
    assert lines[-1].startswith("Start with the edits")
    assert recorded.unlike() == f"Unlike the stored run, edits: {said}."


def test_data(monkeypatch, capsys):
    monkeypatch.setenv("LABS_DATA", "full")
    lines = printed(capsys)
    assert lines[2] == "✘ data     full, not sample"
    assert lines[-1].startswith("Other pictures or other random numbers")


@pytest.mark.parametrize(
    ("line", "old", "new", "place", "said", "advice"),
    [
        (1, "Seed: 0", "Seed: 7", 3, "seed     7, not 0", "Other pictures or other random numbers"),
        (0, "2.21.0", "2.20.0", 4, "versions TensorFlow 2.20.0, not 2.21.0", "Versions and devices round differently"),
        (0, "tensorflow", "jax", 4, "versions backend jax, not tensorflow", "Versions and devices round differently"),
        (0, "TensorFlow 2.21.0", "no TensorFlow", 4, "versions TensorFlow none, not 2.21.0", "Versions and devices"),
        (0, "3.12.1", "3.10.1", 4, "versions Python 3.10.1, not 3.12.1", "Versions and devices round differently"),
        (0, "3.15.1", "3.1", 4, "versions Keras 3.1, not 3.15.1", "Versions and devices round differently"),
        (0, "2.5.5", "2.0.0", 4, "versions NumPy 2.0.0, not 2.5.5", "Versions and devices round differently"),
        (1, "2 cores", "8 cores", 5, "device   CPU, 8 cores, not CPU, 2 cores", "Versions and devices"),
    ],
)
def test_each_other_reason(line, old, new, place, said, advice, capsys):
    runtime.reported[line] = runtime.reported[line].replace(old, new)
    lines = printed(capsys)
    assert lines[place] == f"✘ {said}"
    assert [*lines[:place], SAME[place], *lines[place + 1 : -1]] == SAME[:-1]
    assert lines[-1].startswith(advice)


def test_cells_of_no_lab(run, capsys):
    run.ran = ["mine = 1"]
    lines = printed(capsys)
    assert lines[0] == "Which lab this is cannot be told from its cells."
    assert lines[1:] == SAME[2:]


def test_outside_a_notebook(monkeypatch, capsys):
    monkeypatch.setattr(IPython, "get_ipython", lambda: None)
    assert printed(capsys)[1:] == SAME[2:]


def test_before_setup(monkeypatch, capsys):
    monkeypatch.setattr(runtime, "reported", [])
    assert printed(capsys)[2] == "✘ setup    the setup cell has not run"


def test_a_claim_that_does_not_hold_says_why(run):
    run.ran[0] = "rate = 0.7"
    with pytest.raises(checks.ClaimError) as caught:
        checks.claim("it", 1, at_least=2)
    assert str(caught.value).endswith(
        "run all cells from the top. Unlike the stored run, edits: In [3] is not the lab's (rate = 0.7)."
    )


SOLUTION = '# @title Solution 1\ndef solution(values):\n    """Mean "of" them, µ."""\n    return sum(values)\n'


def test_a_packed_cell_does_the_same_and_is_known():
    packed, names = recorded.packed(SOLUTION, "Solution 1"), {}
    title, line = packed.split("\n")
    assert title == "# @title Solution 1" and line.startswith("exec(") and "values" not in line
    exec(packed, names)
    assert names["solution"]([1, 2]) == 3
    assert recorded.unpacked(packed) == recorded.unpacked(SOLUTION) == SOLUTION
    assert recorded.fingerprint(packed + "\n") == recorded.fingerprint(SOLUTION)
    for other in ("", "exec(1)", f"{packed}\nx = 1", "# @title Solution 1"):
        assert recorded.unpacked(other) == other


@pytest.mark.parametrize("path", LABS, ids=lambda path: path.stem)
@pytest.mark.parametrize("packed", [False, True])
def test_the_record_is_that_of_the_labs(path, packed, monkeypatch, capsys):
    """Of their students' editions, too: there solutions and checks are packed."""
    monkeypatch.setattr(recorded, "RECORD", REAL)
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code" and cell.source.strip()][1:]
    hidden = [packed and {"solution", "check"} & set(cell.metadata.get("tags", [])) for cell in cells]
    ran = [recorded.packed(cell.source, "Hidden") if hide else cell.source for cell, hide in zip(cells, hidden)]
    monkeypatch.setattr(recorded, "_cells_run", lambda: list(enumerate(ran, 2)))
    assert printed(capsys)[:2] == [f"This run beside the stored one of {path.stem}:", "✔ edits    none"]
    exercises = json.loads(REAL.read_text(encoding="utf-8"))["labs"][path.stem]["exercises"]
    assert len(exercises) == sum("exercise" in cell.metadata.get("tags", []) for cell in cells) > 0
    for name, place in exercises.items():
        assert f"def {name}(" in ran[place]
    ran[7] += "  # mine"
    assert printed(capsys)[1].startswith("✘ edits    In [9] is not the lab's (")
