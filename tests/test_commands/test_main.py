"""`python -m tests` tells what there is, and each command says in one sentence what it misses."""

import pytest

from tests.__main__ import COMMANDS, Parser, lab_named, main
from tests.course.lab import COURSE, labs


def complaint(capsys, *arguments):
    """What a command that is not given what it needs says, and that it says so by its exit status."""
    try:
        status = main(arguments)
    except SystemExit as stop:
        status = stop.code
    assert status in (1, 2)
    said = capsys.readouterr()
    assert len(said.err.splitlines()) == 1
    return said.err


def test_alone_it_lists_the_commands_and_refuses_another(capsys):
    assert main([]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in lines] == list(COMMANDS)
    assert all(line.endswith(".") and len(line) < 110 for line in lines)
    assert complaint(capsys, "excute") == "python -m tests: there is no command 'excute': is it execute?\n"
    assert complaint(capsys, "try").startswith("python -m tests: there is no command 'try', but address, ")


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("address", "site", "report")])
def test_a_missing_lab(name, capsys, tmp_path):
    more = {"editions": [str(tmp_path)], "one_file": ["--to", str(tmp_path)]}.get(name, [])
    said = complaint(capsys, name, *more, "labs/none.ipynb")
    assert said.startswith(f"python -m tests {name}: ") and "none.ipynb" in said


@pytest.mark.parametrize("name", ["editions", "execute", "grade", "one_file", "report", "site"])
def test_no_argument(name, capsys):
    assert f"python -m tests {name}: the following arguments are required: " in complaint(capsys, name)


def test_numbers_and_names_of_labs_do(monkeypatch):
    given = []
    monkeypatch.setattr("tests.commands.execute.execute", given.append)
    stems = [path.stem for path in labs()]
    assert main(["execute", stems[0][:2], stems[1], str(labs()[2])]) == 0
    assert given == labs()[:3]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as stop:
        main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: python -m tests {name} " in capsys.readouterr().out


@pytest.mark.parametrize("text", ["9", "09", "09_perc", "09_perceptron.ipynb", "labs/09_perceptron.ipynb"])
def test_ways_to_name_a_lab(text, monkeypatch):
    monkeypatch.chdir(COURSE)
    assert lab_named(text, Parser()).stem == "09_perceptron"
