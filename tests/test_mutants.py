"""The test of the tests: planted faults turn pytest red. Slow, so run it with -m slow."""

import pytest

from tests import mutants


def planted(source):
    return {source[:offset] + new + source[offset + len(old) :] for offset, old, new in mutants.faults(source)}


def test_faults_of_every_kind_are_planted():
    assert planted("a = 3 + b") == {"a = 4 + b", "a = 3 - b"}
    assert planted("x = 0.5 if True else 0.0") == {
        "x = 0.625 if True else 0.0",
        "x = 0.5 if False else 0.0",
        "x = 0.5 if True else 1.0",
    }
    assert planted("fit(größe, mean)") == {"pass", "fit(mean, größe)", "fit(größe, sum)"}
    assert planted('print("epoch", 1)') == {'print("hcope", 1)', 'print("epoch", 2)', 'print(1, "epoch")', "pass"}


def test_docstrings_and_comments_are_left_alone():
    assert planted('def f():\n    """Some words 3."""\n    # more + words\n') == set()


def test_the_same_seed_draws_the_same_sample():
    path = "utils/checks/claims.py"
    assert mutants.sample(path, 5, seed=0) == mutants.sample(path, 5, seed=0) != mutants.sample(path, 5, seed=1)
    assert len(set(mutants.sample(path, 5, seed=0))) == 5


@pytest.mark.parametrize(
    ("path", "told"), [("nowhere.py", "no such file: nowhere.py"), ("README.md", "is neither a notebook nor a program")]
)
def test_other_files_are_refused(path, told, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["tests.mutants", path])
    with pytest.raises(SystemExit):
        mutants.main()
    assert told in capsys.readouterr().err


@pytest.mark.slow
def test_nineteen_of_twenty_faults_are_caught():
    drawn = [mutant for path, (count, _) in mutants.TARGETS.items() for mutant in mutants.sample(path, count, seed=0)]
    left = mutants.survivors(drawn)
    assert len(drawn) >= 60
    assert len(left) <= 0.05 * len(drawn), [str(mutant) for mutant in left]
    assert [mutant for mutant in map(str, left) if mutant not in mutants.EXCUSED] == []
