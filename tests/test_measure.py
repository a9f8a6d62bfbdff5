"""What a lab takes is measured in a process of its own, and told in its card."""

import os
import sys

import nbformat
import pytest

from tests import execute, measure

CARD = "# A lab\n\n| | |\n|---|---|\n| **Time** | 60 minutes |\n| **Hardware and data** | any laptop |\n"
CORES = f"on {os.cpu_count()} CPU cores"


def test_card_gets_a_line_below_hardware_and_data():
    card = measure.with_measures(CARD, {"full": (200, 1100), "sample": (14, 900)})
    line = f"| **Measured** | 14 s and 900 MB on the sample, 200 s and 1100 MB on full data, {CORES} |"
    assert card == CARD.replace("any laptop |\n", f"any laptop |\n{line}\n")


@pytest.mark.parametrize(
    ("mode", "words"),
    [
        ("sample", "1 s and 2 MB on the sample, 200 s and 1100 MB on full data"),
        ("full", "14 s and 900 MB on the sample, 1 s and 2 MB on full data"),
    ],
)
def test_other_modes_measures_stay(mode, words):
    card = measure.with_measures(CARD, {"full": (200, 1100), "sample": (14, 900)})
    again = measure.with_measures(card, {mode: (1, 2)})
    assert again.splitlines()[6] == f"| **Measured** | {words}, {CORES} |"
    assert len(again.splitlines()) == len(card.splitlines())


def test_one_mode_alone():
    card = measure.with_measures(CARD, {"full": (200, 1100)})
    assert f"| **Measured** | 200 s and 1100 MB on full data, {CORES} |" in card
    both = measure.with_measures(card, {"sample": (14, 900)})
    assert "| 14 s and 900 MB on the sample, 200 s and 1100 MB on full data," in both


def test_without_a_card_it_says_so():
    with pytest.raises(ValueError, match="no line \\*\\*Hardware and data\\*\\*"):
        measure.with_measures("# A lab\n", {"full": (1, 2)})


def lab(folder, *sources):
    cells = [nbformat.v4.new_markdown_cell(CARD), *map(nbformat.v4.new_code_cell, sources)]
    path = folder / "01_lab.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    path.write_text(execute.text_of(execute.normalise(execute.read(path))))
    return path


def test_lab_is_measured_and_stored_without_being_executed(tmp_path, capsys):
    source = "import os, time\nassert os.environ['LABS_DATA'] == 'full'\ntime.sleep(1)\nbig = b'1' * 300_000_000"
    path = lab(tmp_path, source)
    assert measure.main(["--mode", "full", str(path)]) == 0
    notebook = execute.read(path)
    found = measure.LINE.search(notebook.cells[0].source)
    (seconds, megabytes, name), *others = measure.PART.findall(found[1])
    assert not others and name == "full data"
    assert 2 <= int(seconds) <= 30 and 300 <= int(megabytes) <= 600
    assert capsys.readouterr().out == f"01_lab, full: {seconds} s, {megabytes} MB\n"
    assert notebook.cells[1].source == source and notebook.cells[1].execution_count is None


def test_stopped_lab_is_told(tmp_path):
    path = lab(tmp_path, "1 / 0")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match=r"01_lab\.ipynb stopped on sample data:\n(.|\n)*ZeroDivisionError"):
        measure.main(["--mode", "sample", str(path)])
    assert path.read_bytes() == before


def test_going_beyond_a_limit_is_a_failure(tmp_path, capsys, monkeypatch):
    path = lab(tmp_path, "1")
    for values, status, words in (
        ((45, 1500), 0, ""),
        ((46, 1500), 1, " : beyond the limit"),
        ((45, 1501), 1, " : beyond the limit"),
    ):
        monkeypatch.setattr(measure, "measure", lambda path, mode, values=values: values)
        assert measure.main(["--mode", "sample", str(path)]) == status
        assert capsys.readouterr().out == f"01_lab, sample: {values[0]} s, {values[1]} MB{words}\n"


def test_memory_is_the_kernels_not_this_process(monkeypatch, tmp_path):
    usage = type("Usage", (), {"ru_maxrss": 2_000_000})()
    monkeypatch.setattr(
        measure.resource, "getrusage", lambda who: usage if who == measure.resource.RUSAGE_CHILDREN else None
    )
    expected = 2 if sys.platform == "darwin" else 2048
    assert measure._run(lab(tmp_path, "1"))[1] == expected
