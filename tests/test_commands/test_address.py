"""The address of the course: one setting, told to every lab's setup cell and badge."""

import pytest

from tests.__main__ import main
from tests.commands import address
from tests.course import rules
from tests.course.lab import Lab, labs
from tests.tiny_labs import save, whole_lab

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
def test_setting_and_lab_agree(path):
    where = address.address()
    assert where == "" or address.checked(where) == where
    assert address.text_with(path, where) == path.read_text(encoding="utf-8"), "python -m tests address"


def test_an_address_is_written_everywhere_and_taken_away_again(course, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    assert main(["address", HERE + ".git"]) == 0
    assert capsys.readouterr().out.endswith("98_tiny.ipynb: written\n99_tiny.ipynb: written\npyproject.toml: written\n")
    setting = f'[tool.neural-network-labs]\r\naddress = "{HERE}"\r\n\r\n[tool.ruff]\r\n'
    assert (course / "pyproject.toml").read_bytes() == setting.encode()
    for lab in map(Lab, address.labs()):
        badge = "[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        link = f"(https://colab.research.google.com/github/someone/labs/blob/main/labs/{lab.path.name})"
        assert lab.card["In Colab"] == badge + link
        clone = lab.code[0].cell
        assert lab.setup.number == 2 and f"git clone --quiet --depth=1 {HERE} course" in clone.source
        kept = [rule for rule in rules.RULES if rule is not rules.links_resolve]  # what they lead to is not there
        assert [problem for rule in kept for problem in rule(lab)] == []
    assert main(["address"]) == 0
    assert capsys.readouterr().out.count("nothing changed") == 3
    assert main(["address", "--none"]) == 0
    assert {path: path.read_bytes() for path in course.rglob("*.*")} == before


def test_other_addresses_are_refused(course, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    others = ["", "someone/labs", "http://github.com/someone/labs", "https://example.org/someone/labs"]
    others += [f"{HERE}/tree/main", *(f"https://github.com/{text}" for text in ("../..", "someone/.git", "-/labs"))]
    for text in others:
        assert main(["address", text]) == 1
        assert "give https://github.com/OWNER/NAME" in capsys.readouterr().err
        assert {path: path.read_bytes() for path in course.rglob("*.*")} == before


PLACES = {"| **": ("labs/99_tiny.ipynb", "no card"), '"setup"': ("labs/99_tiny.ipynb", "no cell with the tag setup")}
PLACES['address = ""'] = ("pyproject.toml", 'has no line `address = ""`')


@pytest.mark.parametrize(("line", "file", "told"), [(line, *rest) for line, rest in PLACES.items()])
def test_where_there_is_no_place_for_it_nothing_is_written(line, file, told, course, capsys):
    path = course / file
    path.write_bytes(path.read_bytes().replace(line.encode(), b'"other"' if line == '"setup"' else b""))
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    assert main(["address", HERE]) == 1
    assert told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in course.rglob("*.*")} == before
