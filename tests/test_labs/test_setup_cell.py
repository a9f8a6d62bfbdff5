"""The setup cell, the same in every lab, finds the course from wherever the lab is run."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.course.lab import Lab, labs

SETUP = Lab(labs()[0]).setup.cell.source


@pytest.fixture
def course(tmp_path):
    """A course of bare modules, one of which says where it stands when a lab is set up."""
    root = tmp_path / "course"
    for folder in (root / "labs", root / "utils", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    for name, text in (("__init__", ""), ("runtime", ""), ("setup", "def run(): print(__file__)\n")):
        (root / "utils" / f"{name}.py").write_text(text)
    return root


def run(folder, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in ("LABS_HOME", "JPY_SESSION_NAME")}
    environment |= {name: str(value) for name, value in variables.items()}
    return subprocess.run([sys.executable, "-c", SETUP], cwd=folder, env=environment, capture_output=True, text=True)


def found(course):
    return f"{course / 'utils' / 'setup.py'}\n"


@pytest.mark.parametrize("folder", ["labs", ".", "labs/mine/today"])
def test_course_is_found_above_the_working_folder(course, folder):
    (course / folder).mkdir(parents=True, exist_ok=True)
    result = run(course / folder)
    assert (result.stdout, result.stderr) == (found(course), "")


def test_course_is_found_from_elsewhere_by_its_variable_which_comes_first_or_by_the_notebook_that_runs(course):
    elsewhere = course.parent / "elsewhere"
    assert run(elsewhere, LABS_HOME=course).stdout == found(course)
    assert run(elsewhere, JPY_SESSION_NAME=course / "labs" / "any.ipynb").stdout == found(course)
    other = shutil.copytree(course, course.parent / "other")
    assert run(course / "labs", LABS_HOME=other).stdout == found(other)


def test_another_package_of_that_name_does_not_stand_in_the_way(course):
    (course / "labs" / "utils").mkdir()
    (course / "labs" / "utils" / "__init__.py").touch()
    assert run(course / "labs").stdout == found(course)


def test_a_lab_without_its_course_says_what_to_do(course):
    (course.parent / "elsewhere" / "utils").mkdir()  # a package of this name is there, but not ours
    command = [sys.executable, "-m", "IPython", "--quick", "--colors=NoColor", "-c", SETUP]
    result = subprocess.run(command, cwd=course.parent / "elsewhere", capture_output=True, text=True)
    assert "ModuleNotFoundError: No module named 'utils.setup'" in result.stdout + result.stderr
    assert "not found? Keep labs in the course, or set LABS_HOME" in result.stdout + result.stderr
