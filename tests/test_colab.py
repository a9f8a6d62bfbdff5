"""A lab opened in Colab: an empty folder, the module google.colab, and the course behind an address.

Whole labs are slow tests; run them with Colab's own versions of the packages: `pytest -m slow tests/test_colab.py`.
"""

import shutil
import subprocess

import nbformat
import pytest

from tests.compare import Tolerance, differences
from tests.execute import code_cells, normalise_outputs, read
from tests.kernel import LabKernel
from utils.runtime import COURSE

LABS = sorted((COURSE / "labs").glob("*.ipynb"))
PARTS = ("labs/apps", "utils", "data")
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
    for part in PARTS:
        shutil.copytree(COURSE / part, work / part, ignore=IGNORED)
    git("init", "--quiet", folder=work)
    git("add", "--all", folder=work)
    git("commit", "--quiet", "--message=The course", folder=work)
    bare = tmp_path_factory.mktemp("remote") / "course.git"
    git("clone", "--quiet", "--bare", str(work), str(bare), folder=work)
    return bare.as_uri()


def in_colab(lab, address):
    """The notebook as Colab opens it, after a first cell that stands for Colab itself."""
    notebook = read(lab)
    setup = code_cells(notebook)[0][2]
    assert setup.source.count('\naddress = "') == 1
    line = next(line for line in setup.source.splitlines() if line.startswith("address = "))
    setup.source = setup.source.replace(line, f'address = "{address}"')
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STUB))
    return notebook


def run(notebook, folder):
    """Where the outputs differ from the stored ones, by cell."""
    found = {}
    with LabKernel(notebook, folder, cell_timeout=300) as kernel:
        for number, place, cell in code_cells(notebook):
            new = normalise_outputs(kernel.run(place))
            if gaps := differences(cell.outputs, new, Tolerance.from_tags(cell.metadata.get("tags", []))):
                found[number] = gaps
    return found


@pytest.mark.slow
@pytest.mark.parametrize("lab", LABS, ids=lambda lab: lab.stem)
def test_lab_gets_the_course_and_runs_as_stored(lab, repository, tmp_path):
    assert run(in_colab(lab, repository), tmp_path) == {}
    assert (tmp_path / "course" / "utils").is_dir()
    assert len((tmp_path / "course" / ".git" / "shallow").read_text().splitlines()) == 1


@pytest.fixture
def setup_alone(repository):
    notebook = in_colab(LABS[0], repository)
    del notebook.cells[3:]
    notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return notebook


def test_the_course_is_fetched_once(setup_alone, tmp_path):
    assert run(setup_alone, tmp_path) == {}
    mark = tmp_path / "course" / "mine.txt"
    mark.touch()
    assert run(setup_alone, tmp_path) == {}
    assert mark.exists()


def failure(notebook, folder):
    with LabKernel(notebook, folder, cell_timeout=60) as kernel:
        kernel.run(0)
        with pytest.raises(Exception, match="FileNotFoundError") as caught:
            kernel.run(1)
    return str(caught.value)


def test_an_address_that_does_not_answer(setup_alone, repository, tmp_path):
    cell = setup_alone.cells[1]
    cell.source = cell.source.replace("course.git", "nowhere.git")
    message = failure(setup_alone, tmp_path)
    assert f"In Colab they come from the address {repository.replace('course.git', 'nowhere.git')}." in message
    assert not (tmp_path / "course").exists()


def test_a_copy_without_an_address(setup_alone, repository, tmp_path):
    cell = setup_alone.cells[1]
    cell.source = cell.source.replace(repository, "")
    message = failure(setup_alone, tmp_path)
    assert "In Colab they come from the address that a lab names (this copy names none)." in message
