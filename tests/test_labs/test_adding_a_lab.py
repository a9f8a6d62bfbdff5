"""A new lab is a notebook and one row in the README: a made-up one goes through everything without a list touched."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.course import rules
from tests.course.lab import Lab, labs
from tests.tiny_labs import copy_of_course, save, whole_lab

OWN = ("PYTEST", "PYTHONPATH", "LABS_")
NUMBER = f"{len(labs()) + 1:02}"
NAME = f"{NUMBER}_tiny"
QUICK = """

def setup(seed=0):
    print("Python 3.12, TensorFlow 2.20, Keras 3.10 on tensorflow, NumPy 2.0\\nDevice: CPU. Seed: 0\\nData: sample")
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A copy of the course with one more lab, executed there; setup() does without TensorFlow, which takes its time."""
    root = copy_of_course(tmp_path_factory.mktemp("new"))
    with (root / "utils" / "runtime.py").open("a", encoding="utf-8") as runtime:
        runtime.write(QUICK)
    save(root / "labs" / f"{NAME}.ipynb", *whole_lab(NUMBER), run=False)
    command(root, "tests", "execute", NUMBER)
    return root


def command(root, *arguments):
    """What `python -m ...` prints in the course, and that it goes well."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_executed(course):
    lab = Lab(course / "labs" / f"{NAME}.ipynb")
    assert [code.cell.execution_count for code in lab.code] == [*range(1, len(lab.code) + 1)]
    stored = [output.get("text", "") for one in whole_lab(NUMBER) if one.cell_type == "code" for output in one.outputs]
    executed = [output.get("text", "") for code in lab.code for output in code.cell.outputs]
    assert set(stored[1:]) <= set(executed)
    assert (course / f"tests/records/exercises/{NAME}.txt").read_text(encoding="utf-8").count("✔") == 2
    assert NAME in json.loads((course / "utils/checks/recorded.json").read_text(encoding="utf-8"))["labs"]


def test_it_keeps_the_rules_of_form(course):
    lab = Lab(course / "labs" / f"{NAME}.ipynb")
    assert [problem for rule in rules.RULES for problem in rule(lab)] == []


def test_it_is_compared_recorded_and_reported(course):
    said = command(course, "pytest", "--nbval", f"labs/{NAME}.ipynb", "--record", "out", "-q")
    assert "14 passed" in said
    assert f"{NAME}: ran through" in command(course, "tests", "report", "out")
    assert "twice: 1 (exactly 1)" in (course / "out" / "index.html").read_text(encoding="utf-8")


def test_its_editions_are_compared_too(course):
    command(course, "tests", "editions", "../pack", NUMBER)
    student = course / f"../pack/student/{NAME}.ipynb"
    assert "def solution" not in student.read_text(encoding="utf-8")
    shutil.copy(student, course / "labs" / "98_student.ipynb")
    assert "13 passed" in command(course, "pytest", "--nbval", "labs/98_student.ipynb", "-q", "-k", "Cell")
    (course / "labs" / "98_student.ipynb").unlink()


def test_it_is_on_the_site(course):
    write = "from pathlib import Path; from tests.site import pages; pages.write(Path('../pages'))"
    subprocess.run([sys.executable, "-c", write], cwd=course, check=True)
    pages = {
        name: (course / f"../pages/{name}.md").read_text(encoding="utf-8") for name in ("map", "glossary", "formulas")
    }
    assert all(f"{NAME}.ipynb" in page for page in pages.values())


def test_it_becomes_one_file(course):
    command(course, "tests", "one_file", NUMBER, "--to", "../alone")
    assert (course / f"../alone/{NAME}.ipynb").stat().st_size < 1_000_000


def test_it_gets_an_address(course):
    command(course, "tests", "address", "https://github.com/someone/something")
    assert "colab-badge" in Lab(course / "labs" / f"{NAME}.ipynb").card["In Colab"]
    command(course, "tests", "address", "--none")


def test_it_drifts(course):
    assert NAME in command(course, "tests", "drift", "--runs", "1", NUMBER)


def test_faults_are_planted_in_it(course):
    assert "1 of 1 faults caught" in command(
        course, "tests", "mutants", f"labs/{NAME}.ipynb", "--each", "1", "--seed", "11"
    )
