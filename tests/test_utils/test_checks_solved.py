"""Which exercises are done here: kept in a small file that may be missing, damaged or out of reach."""

import json
import os
from types import SimpleNamespace

import pytest

from utils import checks
from utils.checks import recorded, solved

CASES = [((1.0,), 2.0)]


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """A notebook's state, two labs, and a cache folder that is not there yet."""
    labs = {"01_lab": {"exercises": {"double": 1, "triple": 2}}, "02_lab": {"exercises": {"halve": 1}}}
    (tmp_path / "recorded.json").write_text(json.dumps({"labs": labs}))
    monkeypatch.setattr(recorded, "RECORD", tmp_path / "recorded.json")
    monkeypatch.setattr(solved, "get_ipython", object)
    monkeypatch.setattr(solved, "os", SimpleNamespace(environ={}, fdopen=os.fdopen))
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def solve(name, factor=2.0):
    def attempt(x):
        return factor * x

    attempt.__name__ = name
    checks.exercise(attempt, lambda x: 2 * x, CASES)


def table(capsys):
    capsys.readouterr()
    checks.progress()
    return [line.split(maxsplit=1)[1].strip() for line in capsys.readouterr().out.splitlines()]


NONE = ["· double · triple", "· halve"]


def test_what_is_right_is_kept_and_nothing_else(folder, capsys):
    assert table(capsys) == NONE and not folder.exists()
    solve("double", 3.0)
    assert table(capsys) == NONE and not folder.exists()
    for name in ("halve", "double", "double", "of_my_own"):
        solve(name)
    assert table(capsys) == ["✔ double · triple", "✔ halve"]
    assert [path.name for path in folder.iterdir()] == ["progress.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"3", b"[[1], 2]", b"\xff", b"[" * 10**6])
def test_a_damaged_file_starts_anew(folder, capsys, content):
    folder.mkdir()
    (folder / "progress.json").write_bytes(content)
    assert table(capsys) == NONE
    solve("triple")
    assert table(capsys) == ["· double ✔ triple", "· halve"]


def test_where_nothing_can_be_written_nothing_is_said(folder, capsys):
    folder.write_text("a file is in the way")
    solve("double")
    assert capsys.readouterr().out == "✔ double: right on every case. The lab goes on with yours.\n"
    assert table(capsys) == NONE


@pytest.mark.parametrize("tests", [True, False])
def test_runs_of_the_tests_and_programs_keep_nothing(folder, monkeypatch, tests):
    if tests:
        solved.os.environ["PYTEST_CURRENT_TEST"] = "labs"
    else:
        monkeypatch.setattr(solved, "get_ipython", lambda: None)
    solve("double")
    assert not folder.exists()
