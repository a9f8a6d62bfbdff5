"""The address of the course: one setting, told to every lab's setup cell and badge."""

import re

import pytest

from tests.__main__ import main
from tests.commands import address
from tests.course import rules
from tests.course.lab import Lab, labs
from tests.tiny import save, whole_lab

HERE = "https://github.com/someone/labs"


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A setting with the line endings of Windows, and two labs, all without an address."""
    paths = [save(tmp_path / "labs" / f"{number}_tiny.ipynb", *whole_lab(number)) for number in ("98", "99")]
    (tmp_path / "pyproject.toml").write_bytes(b'[tool.neural-network-labs]\r\naddress = ""\r\n\r\n[tool.ruff]\r\n')
    monkeypatch.setattr(address, "SETTING", tmp_path / "pyproject.toml")
    monkeypatch.setattr(address, "labs", lambda: paths)
    assert main(["address", "--none"]) == 0  # the course itself may have one
    return tmp_path


@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_setting_setup_cell_badge_and_file_name_agree(path):
    where, lab = address.address(), Lab(path)
    card, setup = lab.notebook.cells[0].source, lab.setup.cell.source
    assert where == "" or address.checked(where) == where
    assert re.findall(r"^.*\naddress = .*$", setup, re.M) == [
        f'# where Colab gets the course from:\naddress = "{where}"'
    ]
    assert card.count("**In Colab**") == card.count(address.row(path.name, where)) == 1
    assert card.count("colab.research.google.com") == (2 if where else 0)  # no badge that leads nowhere


def test_an_address_is_written_everywhere_and_taken_away_again(course, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    capsys.readouterr()
    assert main(["address", HERE + ".git"]) == 0
    assert capsys.readouterr().out == "98_tiny.ipynb: written\n99_tiny.ipynb: written\npyproject.toml: written\n"
    setting = f'[tool.neural-network-labs]\r\naddress = "{HERE}"\r\n\r\n[tool.ruff]\r\n'
    assert (course / "pyproject.toml").read_bytes() == setting.encode()
    for lab in map(Lab, address.labs()):
        badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        link = f"(https://colab.research.google.com/github/someone/labs/blob/main/labs/{lab.path.name})"
        assert lab.card["In Colab"] == badge + link
        assert f'\naddress = "{HERE}"\n' in lab.setup.cell.source
        kept = [rule for rule in rules.RULES if rule is not rules.links_resolve]  # what they lead to is not there
        assert [problem for rule in kept for problem in rule(lab)] == []
    assert main(["address"]) == 0
    assert capsys.readouterr().out.count("nothing changed") == 3
    assert main(["address", "--none"]) == 0
    assert {path: path.read_bytes() for path in course.rglob("*.*")} == before


@pytest.mark.parametrize(
    "text",
    [
        "",
        "someone/labs",
        "http://github.com/someone/labs",
        "https://example.org/someone/labs",
        f"{HERE}/tree/main",
        "https://github.com/../..",
        "https://github.com/someone/..",
        "https://github.com/someone/.git",
        "https://github.com/-/labs",
    ],
)
def test_other_addresses_are_refused(text, course, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    assert main(["address", text]) == 1
    assert "give https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in course.rglob("*.*")} == before


@pytest.mark.parametrize(
    ("file", "line", "told"),
    [
        ("labs/99_tiny.ipynb", "**In Colab**", "0 places for the address"),
        ("labs/99_tiny.ipynb", "# where Colab gets the course from:", "0 places for the address"),
        ("pyproject.toml", 'address = ""', 'has no line `address = ""`'),
    ],
)
def test_where_there_is_no_place_for_it_nothing_is_written(file, line, told, course, capsys):
    path = course / file
    path.write_bytes(path.read_bytes().replace(line.encode(), b""))
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    assert main(["address", HERE]) == 1
    assert told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in course.rglob("*.*")} == before
