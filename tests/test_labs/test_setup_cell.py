"""The setup cell, the same in every lab, finds the course from wherever the lab is run."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.course.lab import Lab, labs

SETUP = Lab(labs()[0]).setup.cell.source
MODULE = "def setup(): print('{name}', __file__)\n"


@pytest.fixture
def course(tmp_path):
    """A course of bare modules that say where they stand when they are set up."""
    root = tmp_path / "course"
    (root / "labs").mkdir(parents=True)
    (root / "utils").mkdir()
    (root / "utils" / "__init__.py").touch()
    for name in ("runtime", "plots"):
        (root / "utils" / f"{name}.py").write_text(MODULE.format(name=name))
    (tmp_path / "elsewhere").mkdir()
    return root


def run(folder, **variables):
    environment = {name: value for name, value in os.environ.items() if name not in ("LABS_HOME", "JPY_SESSION_NAME")}
    environment |= {name: str(value) for name, value in variables.items()}
    return subprocess.run([sys.executable, "-c", SETUP], cwd=folder, env=environment, capture_output=True, text=True)


def found(course):
    """What the setup cell prints when it found this course."""
    return "".join(f"{name} {course / 'utils' / name}.py\n" for name in ("runtime", "plots"))


@pytest.mark.parametrize("folder", ["labs", ".", "labs/mine/today"])
def test_course_is_found_above_the_working_folder(course, folder):
    (course / folder).mkdir(parents=True, exist_ok=True)
    result = run(course / folder)
    assert (result.stdout, result.stderr) == (found(course), "")


def test_course_is_found_from_elsewhere_by_its_variable_or_by_the_notebook_that_jupyter_runs(course):
    elsewhere = course.parent / "elsewhere"
    assert run(elsewhere, LABS_HOME=course).stdout == found(course)
    assert run(elsewhere, JPY_SESSION_NAME=course / "labs" / "any.ipynb").stdout == found(course)


def test_the_variable_comes_first(course):
    other = shutil.copytree(course, course.parent / "other")
    assert run(course / "labs", LABS_HOME=other).stdout == found(other)


def test_another_package_of_that_name_does_not_stand_in_the_way(course):
    (course / "labs" / "utils").mkdir()
    (course / "labs" / "utils" / "__init__.py").touch()
    assert run(course / "labs").stdout == found(course)


def test_a_lab_without_its_course_says_what_to_do(course):
    elsewhere = course.parent / "elsewhere"
    result = run(elsewhere)
    assert result.returncode == 1 and result.stdout == ""
    assert (
        f"FileNotFoundError: The course's files are neither in {elsewhere} nor above it. Keep this lab inside the "
        "course's folder, or set the environment variable LABS_HOME to that folder before you start Jupyter."
    ) in result.stderr
