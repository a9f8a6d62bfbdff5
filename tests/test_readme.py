"""What README.md and CONTRIBUTING.md say is so."""

import re

import nbformat
import pytest

from tests import picture
from utils.runtime import COURSE

README = (COURSE / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (COURSE / "CONTRIBUTING.md").read_text(encoding="utf-8")
LABS = sorted((COURSE / "labs").glob("*.ipynb"))


def test_picture_is_the_animation_of_lab_02():
    content, text = picture.animation()
    assert picture.PICTURE.read_bytes() == content
    frames = re.match(r"Animation of (\d+) frames", text)[1]
    assert f"in {frames} frames.](.github/gradient_descent.png)" in README


@pytest.mark.parametrize("text", [README, CONTRIBUTING], ids=["README", "CONTRIBUTING"])
def test_links_lead_to_files(text):
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", text) if "://" not in target]
    assert targets or text is CONTRIBUTING
    assert [target for target in targets if not (COURSE / target).exists()] == []


def test_table_lists_every_lab_by_its_title_and_time():
    rows = re.findall(r"^\| \[(.+?)\]\(labs/(.+?)\) \| (.+?) \| (.+?) \|$", README, re.M)
    assert [name for _, name, _, _ in rows] == [lab.name for lab in LABS]
    for (title, _, question, time), lab in zip(rows, LABS):
        card = nbformat.read(lab, as_version=4).cells[0].source
        assert card.splitlines()[0] == f"# {title}: {question}"
        assert f"| **Time** | {time} to work through" in card


def test_test_command_is_one_line_that_sets_up_and_runs_pytest():
    [command] = re.findall(r"^python3 -m venv .*pytest$", README, re.M)
    assert command == (
        "python3 -m venv .venv && .venv/bin/python -m pip install -q -r requirements.txt && .venv/bin/python -m pytest"
    )


def test_commands_name_modules_that_exist():
    for module in re.findall(r"-m (tests\.\w+)", README + CONTRIBUTING):
        assert (COURSE / module.replace(".", "/")).with_suffix(".py").is_file(), module
