"""The setup cell, the same in every lab, finds the course from wherever the lab is run."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from utils.runtime import COURSE

LAB = COURSE / "labs" / "01_loss_play.ipynb"
SETUP = next(cell.source for cell in nbformat.read(LAB, as_version=4).cells if "setup" in cell.metadata.get("tags", []))
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
    command = [sys.executable, "-c", SETUP]
    return subprocess.run(command, cwd=folder, env=environment | variables, capture_output=True, text=True)


@pytest.mark.parametrize("folder", ["labs", ".", "labs/mine/today"])
def test_course_is_found_above_the_working_folder(course, folder):
    (course / folder).mkdir(parents=True, exist_ok=True)
    result = run(course / folder)
    found = [f"{name} {course / 'utils' / name}.py" for name in ("runtime", "plots")]
    assert (result.stdout.splitlines(), result.stderr) == (found, "")


def test_course_is_found_from_elsewhere_by_its_variable(course):
    assert (
        f"runtime {course / 'utils' / 'runtime.py'}" in run(course.parent / "elsewhere", LABS_HOME=str(course)).stdout
    )


def test_course_is_found_from_elsewhere_by_the_notebook_that_jupyter_runs(course):
    notebook = course / "labs" / "01_loss_play.ipynb"
    assert (
        f"plots {course / 'utils' / 'plots.py'}"
        in run(course.parent / "elsewhere", JPY_SESSION_NAME=str(notebook)).stdout
    )


def test_the_variable_comes_first(course):
    other = course.parent / "other"
    shutil.copytree(course, other)
    assert f"runtime {other / 'utils' / 'runtime.py'}" in run(course / "labs", LABS_HOME=str(other)).stdout


def test_another_package_of_that_name_does_not_stand_in_the_way(course):
    shadow = course / "labs" / "utils"
    shadow.mkdir()
    (shadow / "__init__.py").touch()
    assert f"runtime {course / 'utils' / 'runtime.py'}" in run(course / "labs").stdout


def test_a_lab_without_its_course_says_what_to_do(course):
    elsewhere = course.parent / "elsewhere"
    result = run(elsewhere)
    assert result.returncode == 1 and result.stdout == ""
    assert (
        f"FileNotFoundError: The course's files are neither in {elsewhere} nor above it. Keep this lab inside the "
        "course's folder, or set the environment variable LABS_HOME to that folder before you start Jupyter."
    ) in result.stderr
