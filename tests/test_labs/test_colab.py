"""A lab opened in Colab: an empty folder, the module google.colab, and the course behind an address.

Whole labs are slow tests; run them with Colab's own versions: `pytest -m slow tests/test_labs/test_colab.py`.
"""

import re
import shutil
import subprocess

import pytest

from tests.course import kernel
from tests.course.compare import Tolerance, differences
from tests.course.lab import COURSE, CellStopped, Lab, labs

IGNORED = shutil.ignore_patterns("cache", "__pycache__")
STUB = """
import sys, types
sys.modules["google.colab"] = colab = types.ModuleType("google.colab")
sys.modules["google.colab.output"] = colab.output = types.ModuleType("google.colab.output")
colab.output.enable_custom_widget_manager = lambda: None
sys.modules["google.colab.files"] = colab.files = types.ModuleType("google.colab.files")
"""

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: nothing can be cloned")


def git(*arguments, folder):
    who = ["-c", "user.name=anyone", "-c", "user.email=anyone@localhost"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The address of a repository that holds the course as it stands."""
    work = tmp_path_factory.mktemp("course")
    for part in ("labs/apps", "utils", "data"):
        shutil.copytree(COURSE / part, work / part, ignore=IGNORED)
    git("init", "--quiet", folder=work)
    git("add", "--all", folder=work)
    git("commit", "--quiet", "--message=The course", folder=work)
    bare = tmp_path_factory.mktemp("remote") / "course.git"
    git("clone", "--quiet", "--bare", str(work), str(bare), folder=work)
    return bare.as_uri()


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
def test_lab_gets_the_course_and_runs_as_stored(path, repository, tmp_path):
    for code, outputs in kernel.run(in_colab(path, repository), tmp_path):
        assert differences(code.cell.outputs, outputs, Tolerance.from_tags(code.tags)) == [], str(code)
    assert (tmp_path / "course" / "utils").is_dir()
    assert len((tmp_path / "course" / ".git" / "shallow").read_text().splitlines()) == 1


def set_up(address, folder):
    """What the setup cell alone prints in Colab."""
    _, outputs = next(kernel.run(in_colab(labs()[0], address), folder))
    return [output.text for output in outputs]


def test_the_course_is_fetched_once(repository, tmp_path):
    [report] = set_up(repository, tmp_path)
    assert report.startswith("Python ")
    mark = tmp_path / "course" / "mine.txt"
    mark.touch()
    assert set_up(repository, tmp_path) == [report]
    assert mark.exists()


def test_an_address_that_does_not_answer(repository, tmp_path):
    nowhere = repository.replace("course.git", "nowhere.git")
    with pytest.raises(CellStopped, match=f"FileNotFoundError: .* In Colab they come from the address {nowhere}"):
        set_up(nowhere, tmp_path)
    assert not (tmp_path / "course").exists()


def test_a_copy_without_an_address(tmp_path):
    sentence = r"In Colab they come from the address that a lab names \(this copy names none\)\."
    with pytest.raises(CellStopped, match=f"FileNotFoundError: .* {sentence}"):
        set_up("", tmp_path)
