"""The test of the tests: planted faults turn pytest red."""

import pytest

from tests.__main__ import main
from tests.commands import mutants
from tests.course.lab import COURSE
from tests.tiny_labs import code, markdown, save

TESTS = "tests/test_utils/test_sums_one.py"
FILES = {
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["."]\n',
    "utils/sums/one.py": "def twice(n):\n    return 2 * n\n\n\none = 5\nother = 7\n",
    TESTS: "from utils.sums.one import twice\n\n\ndef test_it():\n    assert twice(3) == 6\n",
}


def test_faults_of_every_kind_are_planted():
    for source, changed in [
        ("a = 3 + b", {"a = 4 + b", "a = 3 - b"}),
        ("x = .5 if True else 0.", {"x = 0.625 if True else 0.", "x = .5 if False else 0.", "x = .5 if True else 1.0"}),
        ("fit(größe, mean)", {"pass", "fit(mean, größe)", "fit(größe, sum)"}),
        ('print("epoch", 1)', {'print("hcope", 1)', 'print("epoch", 2)', 'print(1, "epoch")', "pass"}),
        ('def f():\n    """Some words 3."""\n    # more + words\n', set()),
    ]:
        found = mutants.faults(source)
        assert {source[:offset] + new + source[offset + len(old) :] for offset, old, new in found} == changed


def test_the_same_seed_draws_the_same_sample():
    first, again, other = (mutants.sample(mutants.files()[-1], 5, seed) for seed in (0, 0, 1))
    assert first == again != other and len(set(first)) == 5


def test_a_fault_in_a_lab_changes_one_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "COURSE", tmp_path)
    path = save(tmp_path / "labs" / "99_tiny.ipynb", markdown("3 + 4"), code("a"), code("b = 1"))
    [mutant] = mutants.sample("labs/99_tiny.ipynb", 9, seed=0)
    assert str(mutant) == "labs/99_tiny.ipynb: 1 -> 2 in: b = 1"
    expected = path.read_text(encoding="utf-8").replace('"b = 1"', '"b = 2"')
    mutants.plant(mutant, path)
    assert path.read_text(encoding="utf-8") == expected


def test_every_program_with_faults_has_tests():
    drawn = {path: mutants.sample(path, 10**9, seed=0) for path in mutants.files()}
    assert [path for path in drawn if drawn[path] and len(mutants.tests_of(path)) == 1] == []


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one program and its test, which says nothing of its last line."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # none but this one: they take seconds to load
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    monkeypatch.setattr(mutants, "COURSE", tmp_path)
    monkeypatch.setattr(mutants, "labs", lambda: [])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_caught_and_what_survives(course, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    assert main(["mutants"]) == 1
    lines = capsys.readouterr().out.replace("utils/sums/one.py: ", "").splitlines()
    left = ["SURVIVED 5 -> 6 in: one = 5", "SURVIVED 7 -> 8 in: other = 7"]
    assert sorted(lines[:4]) == [*left, "caught   * -> / in: return 2 * n", "caught   2 -> 3 in: return 2 * n"]
    assert lines[4] == "2 of 4 faults caught"
    assert {path: path.read_bytes() for path in course.rglob("*.*")} == before


@pytest.mark.parametrize(("some", "status"), [(1, 0), (2, 1)])
def test_one_fault_in_twenty_may_survive(some, status, course, monkeypatch):
    (course / "utils/sums/one.py").write_text("x = 1\n" * 20)
    monkeypatch.setattr(mutants, "survivors", lambda drawn: drawn[:some])
    assert main(["mutants", "--each", "20"]) == status


def test_tests_that_are_red_anyway_catch_nothing(course, capsys):
    (course / TESTS).write_text("import nowhere\n")
    assert main(["mutants", "--each", "1"]) == 1
    assert f"these tests are red without a fault, too: pytest {TESTS}\n" in capsys.readouterr().err


def test_a_test_that_hangs_is_red(course, monkeypatch):
    (course / TESTS).write_text("import time\n\n\ndef test_it():\n    time.sleep(1000)\n")
    monkeypatch.setattr(mutants, "MINUTES", 0.02)
    assert mutants.red((TESTS,), course)


def test_other_files_are_refused(monkeypatch, capsys):
    monkeypatch.chdir(COURSE)
    assert main(["mutants", "nowhere.py", "README.md"]) == 1
    assert "no lab and no program of the course: nowhere.py, README.md" in capsys.readouterr().err


@pytest.mark.slow
def test_nearly_every_fault_is_caught():
    assert main(["mutants"]) == 0
