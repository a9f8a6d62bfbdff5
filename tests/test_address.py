"""The address of the course: one setting, told to every lab's setup cell and badge."""

import re
import shutil
import subprocess
import sys

import pytest

from tests import address, form
from tests.execute import code_cells, read
from utils.runtime import COURSE

LABS = sorted((COURSE / "labs").glob("*.ipynb"))
HERE = "https://github.com/someone/labs"


@pytest.fixture
def course(tmp_path, monkeypatch, capsys):
    """A copy of the setting and of the labs, without an address."""
    (tmp_path / "labs").mkdir()
    for lab in LABS:
        shutil.copy(lab, tmp_path / "labs")
    shutil.copy(address.SETTING, tmp_path)
    monkeypatch.setattr(address, "SETTING", tmp_path / "pyproject.toml")
    monkeypatch.setattr(address, "LABS", tmp_path / "labs")
    assert address.main(["--none"]) == 0
    capsys.readouterr()
    return tmp_path


def sources(lab):
    notebook = read(lab)
    return notebook.cells[0].source, code_cells(notebook)[0][2].source


@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_setting_setup_cell_badge_and_file_name_agree(lab):
    where = address.address()
    assert where == "" or address.checked(where) == where
    card, setup = sources(lab)
    assert re.findall(r"^.*\naddress = .*$", setup, re.M) == [
        f'# where Colab gets the course from:\naddress = "{where}"'
    ]
    assert card.count(address.row(lab.name, where)) == 1
    assert card.count("**In Colab**") == 1
    assert card.count("colab.research.google.com") == (2 if where else 0)  # no badge that leads nowhere


def test_badge_names_the_file_in_the_repository():
    assert address.row("01_loss_play.ipynb", HERE) == (
        "| **In Colab** | [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        "(https://colab.research.google.com/github/someone/labs/blob/main/labs/01_loss_play.ipynb) |"
    )


def test_an_address_is_written_everywhere_and_taken_away_again(course, capsys):
    before = {path: path.read_bytes() for path in course.rglob("*.*")}
    assert address.main([HERE + ".git"]) == 0
    assert capsys.readouterr().out == "".join(f"{lab.name}: written\n" for lab in LABS)
    assert address.address() == HERE
    assert f'\n[tool.neural-network-labs]\naddress = "{HERE}"\n' in address.SETTING.read_text()
    for lab in (course / "labs").iterdir():
        card, setup = sources(lab)
        assert f"/github/someone/labs/blob/main/labs/{lab.name}) |" in card
        assert f'\naddress = "{HERE}"\n' in setup
        rules = [rule for rule in form.RULES if rule is not form.links_resolve]  # what they lead to is not copied
        assert [problem for rule in rules for problem in rule(form.Lab(lab))] == []
    assert address.main([]) == 0
    assert capsys.readouterr().out.count("nothing changed") == len(LABS)
    assert address.main(["--none"]) == 0
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
    before = address.SETTING.read_bytes()
    with pytest.raises(SystemExit):
        address.main([text])
    assert "give https://github.com/OWNER/NAME" in capsys.readouterr().err
    assert address.SETTING.read_bytes() == before


def test_it_is_a_command():
    command = [sys.executable, "-m", "tests.address", "nowhere"]
    process = subprocess.run(command, cwd=COURSE, capture_output=True, encoding="utf-8")
    assert process.returncode == 2
    assert "python -m tests.address: error: 'nowhere' is no address" in process.stderr


@pytest.mark.parametrize("line", ["**In Colab**", "# where Colab gets the course from:"])
def test_a_lab_without_a_place_for_it_is_told(line, course):
    lab = course / "labs" / LABS[0].name
    lab.write_text(lab.read_text(encoding="utf-8").replace(line, ""), encoding="utf-8")
    with pytest.raises(ValueError, match="0 places for the address"):
        address.put(lab, HERE)
