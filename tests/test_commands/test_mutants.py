"""The test of the tests: planted faults turn pytest red."""

import pytest

from tests.__main__ import main
from tests.commands import mutants
from tests.course.lab import Lab
from tests.tiny import code, markdown, save

TEST = "from utils.sums.one import twice\n\n\ndef test_it():\n    assert twice(3) == 6\n"


def planted(source):
    return {source[:offset] + new + source[offset + len(old) :] for offset, old, new in mutants.faults(source)}


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("a = 3 + b", {"a = 4 + b", "a = 3 - b"}),
        ("x = .5 if True else 0.", {"x = 0.625 if True else 0.", "x = .5 if False else 0.", "x = .5 if True else 1.0"}),
        ("fit(größe, mean)", {"pass", "fit(mean, größe)", "fit(größe, sum)"}),
        ('print("epoch", 1)', {'print("hcope", 1)', 'print("epoch", 2)', 'print(1, "epoch")', "pass"}),
        ('def f():\n    """Some words 3."""\n    # more + words\n', set()),
    ],
    ids=["number and operator", "decimals", "arguments", "words", "docstring and comment"],
)
def test_faults_of_every_kind_are_planted(source, changed):
    assert planted(source) == changed


def test_the_same_seed_draws_the_same_sample():
    path = mutants.files()[-1]
    first = mutants.sample(path, 5, seed=0)
    assert first == mutants.sample(path, 5, seed=0) != mutants.sample(path, 5, seed=1)
    assert len(set(first)) == 5


def test_a_fault_in_a_lab_changes_one_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(mutants, "COURSE", tmp_path)
    path = save(tmp_path / "labs" / "99_tiny.ipynb", markdown("3 + 4"), code("a"), code("b = 1"))
    [mutant] = mutants.sample("labs/99_tiny.ipynb", 9, seed=0)
    assert str(mutant) == "labs/99_tiny.ipynb: 1 -> 2 in: b = 1"
    expected = path.read_text(encoding="utf-8").replace('"b = 1"', '"b = 2"')
    mutants.plant(mutant, path)
    assert path.read_text(encoding="utf-8") == expected
    assert [one.cell.source for one in Lab(path).code] == ["a", "b = 2"]


def test_every_excuse_is_of_a_fault_that_can_be_planted():
    known = {mutant.change for path in mutants.files() for mutant in mutants.sample(path, 10**9, seed=0)}
    assert set(mutants.EXCUSED) - known == set()


def test_every_program_with_faults_has_tests_of_its_own():
    programs = [path for path in mutants.files() if path.endswith(".py") and mutants.sample(path, 1, seed=0)]
    assert [path for path in programs if len(mutants.tests_of(path)) == 1] == []


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course of one program and its test, which says nothing of its last line."""
    (tmp_path / "utils" / "sums").mkdir(parents=True)
    (tmp_path / "tests" / "test_utils").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    program = "def twice(n):\n    return 2 * n\n\n\nknown = 5\nunknown = 7\n"
    (tmp_path / "utils" / "sums" / "one.py").write_text(program)
    (tmp_path / "tests" / "test_utils" / "test_sums_one.py").write_text(TEST)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # none but this one: they take seconds to load
    monkeypatch.setenv("PYTEST_PLUGINS", "xdist.plugin")
    monkeypatch.setattr(mutants, "COURSE", tmp_path)
    monkeypatch.setattr(mutants, "labs", lambda: [])
    monkeypatch.setattr(mutants, "EXCUSED", {"5 -> 6 in: known = 5": "it is known"})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_what_is_caught_and_what_survives(course, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    assert main(["mutants"]) == 1
    lines = capsys.readouterr().out.splitlines()
    where = "utils/sums/one.py:"
    assert sorted(lines[:4]) == [
        f"SURVIVED {where} 5 -> 6 in: known = 5",
        f"SURVIVED {where} 7 -> 8 in: unknown = 7",
        f"caught   {where} * -> / in: return 2 * n",
        f"caught   {where} 2 -> 3 in: return 2 * n",
    ]
    assert lines[4] == "2 of 4 faults caught"
    assert {line.strip() for line in lines[6::2]} == {"it is known", "no reason known: a gap in the tests"}
    assert {path: path.read_bytes() for path in course.rglob("*.*")} == before


@pytest.mark.parametrize(("line", "status"), [("known = 5", 0), ("unknown = 7", 1)])
def test_only_what_is_excused_may_survive(line, status, course, monkeypatch):
    monkeypatch.setattr(mutants, "survivors", lambda drawn: [one for one in drawn if one.line == line])
    assert main(["mutants", "utils/sums/one.py"]) == status


def test_tests_that_are_red_anyway_catch_nothing(course, capsys):
    (course / "tests" / "test_utils" / "test_sums_one.py").write_text("import nowhere\n")
    assert main(["mutants", "--each", "1"]) == 1
    assert capsys.readouterr().err == (
        "python -m tests mutants: these tests are red without a fault, too: pytest tests/test_utils/test_sums_one.py\n"
    )


def test_a_test_that_hangs_is_red(course, monkeypatch):
    test = course / "tests" / "test_utils" / "test_sums_one.py"
    test.write_text("import time\n\n\ndef test_it():\n    time.sleep(1000)\n")
    monkeypatch.setattr(mutants, "MINUTES", 0.02)
    assert mutants.red([str(test)], course)


@pytest.mark.parametrize("file", ["nowhere.py", "README.md", "../x.py"])
def test_other_files_are_refused(file, capsys):
    assert main(["mutants", file]) == 1
    assert f"no lab and no program of the course: {file}" in capsys.readouterr().err


@pytest.mark.slow
def test_every_fault_is_caught_or_excused():
    assert main(["mutants"]) == 0
