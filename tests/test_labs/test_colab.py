"""A lab opened in Colab: an empty folder, the module google.colab, and the course behind an address.

Whole labs are slow tests; run them with Colab's own versions: `pytest -m slow tests/test_labs/test_colab.py`.
"""

import re
import shutil
import subprocess
import sys

import pytest

from tests.course import kernel
from tests.course.compare import Tolerance, differences
from tests.course.lab import COURSE, Lab, labs

STUB = """
import sys, types
sys.modules["google.colab"] = colab = types.ModuleType("google.colab")
sys.modules["google.colab.output"] = colab.output = types.ModuleType("google.colab.output")
colab.output.enable_custom_widget_manager = lambda: None
sys.modules["google.colab.files"] = colab.files = types.ModuleType("google.colab.files")
"""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: nothing can be cloned")


def published(folder):
    """The address of a repository that holds the files of this folder."""
    who = ["-c", "user.name=anyone", "-c", "user.email=anyone@localhost"]
    for command in (["init"], ["add", "--all"], [*who, "commit", "--message=The course"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder.as_uri()


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The address of the course as it stands."""
    work = tmp_path_factory.mktemp("course")
    for part in ("labs/apps", "utils", "data"):
        shutil.copytree(COURSE / part, work / part, ignore=shutil.ignore_patterns("cache", "__pycache__"))
    return published(work)


def in_colab(path, address):
    """The lab as Colab opens it: its setup cell has an address and stands in Colab."""
    lab = Lab(path)
    setup = lab.setup.cell
    source, lines = re.subn(r'^address = ".*"$', f'address = "{address}"', setup.source, flags=re.M)
    assert lines == 1
    setup.source = STUB + source
    return lab


@pytest.mark.slow
@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_lab_gets_the_course_and_runs_as_stored(path, course, tmp_path):
    for code, outputs in kernel.run(in_colab(path, course), tmp_path):
        assert differences(code.cell.outputs, outputs, Tolerance.from_tags(code.tags)) == [], str(code)
    assert (tmp_path / "course" / "utils").is_dir()
    assert len((tmp_path / "course" / ".git" / "shallow").read_text().splitlines()) == 1


def set_up(address, folder):
    """What the setup cell alone prints in Colab, and what it says of an error."""
    source = in_colab(labs()[0], address).setup.cell.source
    done = subprocess.run([sys.executable, "-c", source], cwd=folder, capture_output=True, encoding="utf-8")
    return done.stdout, done.stderr


def test_the_course_is_fetched_once(tmp_path_factory, tmp_path):
    bare = tmp_path_factory.mktemp("bare")
    (bare / "utils").mkdir()
    for name in ("__init__", "runtime", "plots"):
        (bare / "utils" / f"{name}.py").write_text("def setup(): print(__file__)\n")
    address = published(bare)
    files = "".join(f"{tmp_path / 'course' / 'utils' / name}.py\n" for name in ("runtime", "plots"))
    assert set_up(address, tmp_path) == (files, "")
    mark = tmp_path / "course" / "mine.txt"
    mark.touch()
    assert set_up(address, tmp_path) == (files, "")
    assert mark.exists()


def test_without_an_address_that_answers_there_is_no_course(tmp_path):
    nowhere = (tmp_path / "nowhere.git").as_uri()
    for address, told in ((nowhere, nowhere), ("", "that a lab names (this copy names none)")):
        printed, error = set_up(address, tmp_path)
        assert printed == "" and error.endswith(f"In Colab they come from the address {told}.\n")
        assert not (tmp_path / "course").exists()
