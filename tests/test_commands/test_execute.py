"""Executing labs: what is stored, and what is left as it was."""

import re

import pytest

from tests.__main__ import main
from tests.commands.execute import execute, take_picture
from tests.course.lab import COURSE, WIDGET_VIEW, Lab, normalise, read, text_of
from tests.tiny_labs import code, markdown, printed, result, save


@pytest.fixture
def lab(tmp_path):
    """A notebook whose second cell prints the time."""
    setup = code("import time\nopen('here').read()", tags=["setup"])
    progress = code("for i in range(3): print('\\r', i, end='')\nprint(f' ~{time.time()} s')", count=8)
    widget = code(f"display({{{WIDGET_VIEW!r}: {{}}, 'text/plain': 'a slider'}}, raw=True)", printed("old"))
    cells = [setup, progress, code(""), widget, code("0.1 + 0.2"), code("0.1 + 0.2;")]
    return save(tmp_path / "lab.ipynb", markdown("# Lab"), *cells, run=False)


def test_execute(lab, capsys, monkeypatch):
    (lab.parent / "here").write_text("3.12", encoding="utf-8")
    lab.chmod(0o640)
    monkeypatch.chdir(lab.parent)
    assert main(["execute", "lab.ipynb"]) == 0
    assert capsys.readouterr().out == "lab.ipynb: executed and stored\n"
    stored = lab.read_bytes()
    assert text_of(normalise(read(lab))).encode() == stored
    assert lab.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in lab.parent.iterdir()) == ["here", "lab.ipynb"]
    cells = read(lab).cells[1:]
    assert [cell.execution_count for cell in cells] == [1, 2, None, 3, 4, 5]
    _, progress, _, widget, result, silent = cells
    assert re.fullmatch(r" 2 ~[\d.]+ s\n", progress.outputs[0].text)
    assert [output.data for output in widget.outputs] == [{"text/plain": "a slider"}]
    assert result.outputs[0].data == {"text/plain": "0.30000000000000004"} and silent.outputs == []
    assert result.outputs[0].execution_count == 4

    # Once more: nothing changes, though the time does.
    assert main(["execute", "lab.ipynb"]) == 0
    assert capsys.readouterr().out == "lab.ipynb: executed, its outputs are as they were\n"
    assert lab.read_bytes() == stored


def test_what_changed_is_stored(lab):
    """A changed number, however small, and what the setup cell says."""
    (lab.parent / "here").write_text("~5", encoding="utf-8")
    notebook = read(lab)
    for cell, text in [(notebook.cells[1], "'~4'"), (notebook.cells[5], "0.30000000000000005")]:
        cell.execution_count = 1
        cell.outputs = [result(text_plain=text)]
    lab.write_text(text_of(notebook), encoding="utf-8")
    assert execute(lab) is True
    cells = read(lab).cells
    assert [cells[i].outputs[0].data["text/plain"] for i in (1, 5)] == ["'~5'", "0.30000000000000004"]


def test_a_lab_that_stops_is_left_as_it_was(lab, capsys):
    stored = lab.read_bytes()
    assert main(["execute", str(lab)]) == 1
    message = capsys.readouterr().err
    assert message.startswith("code cell 1 (import time) stopped: FileNotFoundError: ")
    assert "The file is as it was." in message.splitlines()[0] and "----> 2 open('here').read()" in message
    assert lab.read_bytes() == stored and [*lab.parent.iterdir()] == [lab]


def test_the_labs_are_stored_on_sample_data_only(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("LABS_DATA", "full")
    assert main(["execute", str(save(tmp_path / "lab.ipynb", code("1")))]) == 1
    assert "unset LABS_DATA" in capsys.readouterr().err


def test_the_readmes_picture_is_a_labs_animation(monkeypatch, tmp_path):
    monkeypatch.setattr("tests.commands.execute.COURSE", tmp_path)
    (stored,) = (COURSE / ".github").glob("*.png")
    (lab,) = (COURSE / "labs").glob(f"*_{stored.stem}.ipynb")
    picture = tmp_path / ".github" / stored.name
    picture.parent.mkdir()
    take_picture(Lab(lab))
    assert not picture.exists()
    picture.touch()
    take_picture(Lab(lab))
    assert picture.read_bytes() == stored.read_bytes()
