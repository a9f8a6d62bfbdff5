"""A new lab is a notebook and one row in the README: a made-up one goes through everything without a list touched."""

import json
import shutil
import subprocess
import sys

import pytest

from tests.course import rules
from tests.course.lab import Lab
from tests.tiny_labs import copy_of_course, environment, save, whole_lab

NUMBER = "99"
NAME = f"{NUMBER}_tiny"
QUICK = """

def setup(seed=0):
    print("Python 3.12, TensorFlow 2.20, Keras 3.10 on tensorflow, NumPy 2.0\\nDevice: CPU. Seed: 0\\nData: sample")

def set_seed(seed):
    pass
"""  # without TensorFlow, which takes its time
COMMANDS = [
    ["execute", NUMBER],
    ["editions", "../pack", NUMBER],
    ["grade", "../pack/student", "--lab", NUMBER, "--output", "../graded"],
    ["one_file", NUMBER, "--to", "../alone"],
    ["drift", "--seeds", "--runs", "1", NUMBER],
    ["mutants", f"labs/{NAME}.ipynb", "--each", "1", "--seed", "11"],
]
ALL = f"""
from pathlib import Path
from tests.__main__ import main
from tests.site import pages
assert [main(command) for command in {COMMANDS}] == [0] * {len(COMMANDS)}
pages.write(Path("../pages"))
"""


def python(root, *arguments):
    """What Python prints in the course, and that it goes well."""
    own = environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_PLUGINS="tests,nbval.plugin,xdist.plugin")  # faster
    done = subprocess.run([sys.executable, *arguments], cwd=root, env=own, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A copy of the course with one more lab, and what the commands said of it."""
    root = copy_of_course(tmp_path_factory.mktemp("new"))
    with (root / "utils" / "runtime.py").open("a", encoding="utf-8") as runtime:
        runtime.write(QUICK)
    save(root / "labs" / f"{NAME}.ipynb", *whole_lab(), run=False)
    return root, python(root, "-c", ALL)


def test_it_is_executed_and_keeps_the_rules_of_form(made):
    course, lab = made[0], Lab(made[0] / "labs" / f"{NAME}.ipynb")
    assert [code.cell.execution_count for code in lab.code] == [*range(1, len(lab.code) + 1)]
    stored = [output.get("text", "") for one in whole_lab() if one.cell_type == "code" for output in one.outputs]
    executed = [output.get("text", "") for code in lab.code for output in code.cell.outputs]
    assert set(stored[1:]) <= set(executed)
    assert (course / f"tests/records/exercises/{NAME}.txt").read_text(encoding="utf-8").count("✔") == 2
    assert NAME in json.loads((course / "utils/checks/recorded.json").read_text(encoding="utf-8"))["labs"]
    assert [problem for rule in rules.RULES for problem in rule(lab)] == []


def test_it_is_in_what_the_commands_make(made):
    course, said = made
    assert "def solution" not in (course / f"../pack/student/{NAME}.ipynb").read_text(encoding="utf-8")
    assert (course / f"../alone/{NAME}.ipynb").stat().st_size < 1_000_000
    assert f"{NAME}.ipynb: 0 of 2 right" in said and (course / "../graded/grades.csv").is_file()
    assert f"{NAME}, largest change in 1 run" in said and "1 of 1 faults caught" in said
    pages = [(course / f"../pages/{name}.md").read_text(encoding="utf-8") for name in ("map", "glossary", "formulas")]
    assert all(f"{NAME}.ipynb" in page for page in pages)


def test_it_and_its_students_edition_are_compared_recorded_and_reported(made):
    course = made[0]
    shutil.copy(course / f"../pack/student/{NAME}.ipynb", student := course / "labs" / "98_student.ipynb")
    both = [f"labs/{NAME}.ipynb", "labs/98_student.ipynb"]
    command = ["-m", "pytest", "-n", "0", "-q", "--record", "out", "--deselect", "labs/98_student.ipynb::Exercises"]
    assert "27 passed" in python(course, *command, *both)
    student.unlink()
    said = python(course, "-m", "tests", "report", "out")
    assert f"{NAME}: ran through" in said and "98_student: ran through" in said
    assert "twice: 1 (exactly 1)" in (course / "out" / "index.html").read_text(encoding="utf-8")


def test_it_gets_an_address(made):
    python(made[0], "-m", "tests", "address", "https://github.com/someone/something")
    assert "colab-badge" in Lab(made[0] / "labs" / f"{NAME}.ipynb").card["In Colab"]
