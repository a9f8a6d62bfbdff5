"""A lab opened in Colab: an empty folder, the module google.colab, and the course behind an address.

Whole labs are slow tests; run them with Colab's own versions: `pytest -m slow tests/test_labs/test_colab.py`.
"""

import shutil
import subprocess
import sys

import nbformat
import pytest

from tests.commands import address
from tests.course import kernel
from tests.course.compare import Tolerance, differences
from tests.course.lab import Lab, labs
from tests.tiny_labs import committed, copy_of_course

STUB = """
import sys, types
sys.modules["google.colab"] = colab = types.ModuleType("google.colab")
sys.modules["google.colab.output"] = colab.output = types.ModuleType("google.colab.output")
colab.output.enable_custom_widget_manager = lambda: None
sys.modules["google.colab.files"] = colab.files = types.ModuleType("google.colab.files")
"""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: nothing can be cloned")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The address of the course as it stands."""
    return committed(copy_of_course(tmp_path_factory.mktemp("course"))).as_uri()


def in_colab(path, where):
    """The lab as Colab opens it: it has an address, and its first code cell stands in Colab."""
    lab = Lab(path)
    lab.notebook = nbformat.reads(address.text_with(path, where), 4)
    lab.code[0].cell.source = STUB + lab.code[0].cell.source
    return lab


@pytest.mark.slow
@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_lab_gets_the_course_and_runs_as_stored(path, course, tmp_path):
    for code, outputs in kernel.run(in_colab(path, course), tmp_path):
        assert differences(code.cell.outputs, outputs, Tolerance.from_tags(code.tags)) == [], str(code)
    assert (tmp_path / "course" / "utils").is_dir()
    assert len((tmp_path / "course" / ".git" / "shallow").read_text().splitlines()) == 1


def set_up(where, folder):
    """What the first two code cells alone print in Colab, and what they say of an error."""
    clone, setup = in_colab(labs()[0], where).code[:2]
    source = f"{clone.cell.source}\n{setup.cell.source}"
    done = subprocess.run([sys.executable, "-c", source], cwd=folder, capture_output=True, encoding="utf-8")
    return done.stdout, done.stderr


def test_the_course_is_fetched_once(tmp_path_factory, tmp_path):
    bare = tmp_path_factory.mktemp("bare")
    (bare / "utils").mkdir()
    for name, text in (("__init__", ""), ("runtime", ""), ("setup", "def run(): print(__file__)\n")):
        (bare / "utils" / f"{name}.py").write_text(text)
    where = committed(bare).as_uri()
    found = f"{tmp_path / 'course' / 'utils' / 'setup.py'}\n"
    assert set_up(where, tmp_path) == (found, "")
    mark = tmp_path / "course" / "mine.txt"
    mark.touch()
    assert set_up(where, tmp_path) == (found, "")
    assert mark.exists()


def test_without_an_address_that_answers_there_is_no_course(tmp_path):
    nowhere = (tmp_path / "nowhere.git").as_uri()
    printed, error = set_up(nowhere, tmp_path)
    assert printed == "" and nowhere.removeprefix("file://") in error and "No module named 'utils'" in error
    assert not (tmp_path / "course").exists()
