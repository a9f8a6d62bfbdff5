"""Editions: students' run and print what the labs do, with no solution to be read; teachers get all."""

import re
import shutil
import subprocess
import sys

import pytest

from tests.__main__ import main
from tests.course.lab import COURSE, RECORDS, Lab, labs, read
from tests.tiny_labs import environment, exercise, markdown, save, whole_lab
from utils.checks.recorded import fingerprint, unpacked

every_lab = pytest.mark.parametrize("name", [*(path.stem for path in labs()), "99_tiny"])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with labs/ of the course and a new one, and the editions of them all."""
    folder = tmp_path_factory.mktemp("editions")
    save(folder / "labs" / "99_tiny.ipynb", *whole_lab())
    paths = [str(shutil.copy(path, folder / "labs")) for path in labs()] + [str(folder / "labs" / "99_tiny.ipynb")]
    assert main(["editions", str(folder / "all"), *paths]) == 0
    assert main(["editions", str(folder / "bare"), *paths, "--without-outputs", "--without-answers"]) == 0
    return folder


@every_lab
def test_students_get_all_but_what_is_packed(made, name):
    lab, given = read(made / f"labs/{name}.ipynb"), read(made / f"all/student/{name}.ipynb")
    number = 0
    for before, cell in zip(lab.cells, given.cells, strict=True):
        tags = before.metadata.get("tags", [])
        number += "exercise" in tags
        if not {"solution", "check"} & {*tags}:
            assert cell == before
            continue
        assert re.fullmatch(rf"# @title (Solution|Check) {number}\nexec\(.*", cell.source)
        assert cell.metadata.jupyter.source_hidden and cell.metadata.cellView == "form"
        assert unpacked(cell.source) == before.source
        assert (cell.id, cell.outputs, cell.metadata.tags) == (before.id, before.outputs, tags)
        assert fingerprint(cell.source) == fingerprint(before.source), "checks.why() knows the cell"


@every_lab
def test_outputs_and_answers_can_be_left_out(made, name):
    lab, given = read(made / f"labs/{name}.ipynb"), read(made / f"bare/student/{name}.ipynb")
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in given.cells)
    before, text = ("\n".join(cell.source for cell in one.cells) for one in (lab, given))
    folds = re.findall("<summary>(?:Hint|Where).*?<", before)
    assert re.findall("<summary>.*?<", text) == folds
    assert text.count("<details>") == text.count("</details>") == len(folds)


@every_lab
def test_teachers_get_all_with_solutions_unfolded(made, name):
    lab, given = Lab(made / f"labs/{name}.ipynb"), Lab(made / f"all/teacher/{name}.ipynb")
    for cell in lab.notebook.cells:
        if "solution" in cell.metadata.get("tags", []):
            del cell.metadata["jupyter"], cell.metadata["cellView"]
    top, *cells = given.notebook.cells
    assert cells == lab.notebook.cells and f"**Time:** {lab.card['Time']}" in top.source
    listed = re.findall(r"^\| \[(.*?)\]\(#(.*?)\) \| `(\w+)` \| code cell (\d+) \|$", top.source, re.M)
    assert [(3, title) for title, *_ in listed] == [one for one in lab.headings() if one[1].startswith("Exercise ")]
    for title, anchor, function, number in listed:
        assert anchor == title.replace("`", "").replace(" ", "-")
        assert f"def solution_{function}(" in given.code[int(number) - 1].cell.source


@pytest.mark.slow
@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_students_outputs_are_those_of_the_lab(made, tmp_path, path):
    """As `pytest` compares them; also what the checks say of right and of wrong answers."""
    for place in ("student", "tests"):
        (tmp_path / place).mkdir()
    edition = shutil.copy(made / "all" / "student" / path.name, tmp_path / "student")
    (tmp_path / "tests" / "records").symlink_to(RECORDS)
    run = [sys.executable, "-m", "pytest", "-p", "tests.course.plugin", "-p", "no:cacheprovider", "-n", "0", edition]
    run += ["-c", COURSE / "pyproject.toml", "--rootdir", tmp_path]
    own = environment(LABS_HOME=str(COURSE))
    done = subprocess.run(run, cwd=COURSE, env=own, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(Lab(edition).code) + 1} passed" in done.stdout


REFUSED = {
    "has content: name another folder": ["{0}", "{0}/a/99.ipynb"],
    "two labs have the name 99.ipynb": ["{0}/new", "{0}/a/99.ipynb", "{0}/c/teacher/99.ipynb"],
    "would be written over itself": ["{0}/c", "{0}/c/teacher/99.ipynb", "--force"],
    "is packed": ["{0}/new", "{0}/a/99.ipynb", "{0}/packed.ipynb"],
    "3 exercises, but 2 headings": ["{0}/new", "{0}/heading.ipynb"],
    "0 exercises; a lab has 2 to 4": ["{0}/new", "{0}/a/99.ipynb", "{0}/plain.ipynb"],
}


@pytest.mark.parametrize(("told", "arguments"), REFUSED.items())
def test_what_cannot_be_done_is_told_and_nothing_is_written(made, tmp_path, capsys, told, arguments):
    for place in ("a", "c/teacher"):
        save(tmp_path / place / "99.ipynb", *whole_lab())
    shutil.copy(made / "all" / "student" / "99_tiny.ipynb", tmp_path / "packed.ipynb")
    hint = markdown("<details><summary>Hint</summary></details>")
    save(tmp_path / "heading.ipynb", *whole_lab(), hint, *exercise("half", 3, 0.5)[1:])
    save(tmp_path / "plain.ipynb", markdown("# Words"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    assert main(["editions", *(argument.format(tmp_path) for argument in arguments)]) == 1
    assert told in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_forced_it_replaces_files_of_the_same_name_only(tmp_path):
    lab, old = save(tmp_path / "99.ipynb", *whole_lab()), save(tmp_path / "student" / "99.ipynb")
    mine = save(tmp_path / "student" / "mine.ipynb").read_bytes()
    assert main(["editions", str(tmp_path), str(lab), "--force"]) == 0
    assert len(read(old).cells) == len(read(lab).cells) and old.with_name("mine.ipynb").read_bytes() == mine
