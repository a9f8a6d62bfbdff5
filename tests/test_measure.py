"""What a lab takes is measured in a process of its own, and told in its card."""

import json
import re
import sys

import nbformat
import pytest

from tests import execute, measure

CARD = "# A lab\n\n| | |\n|---|---|\n| **Time** | 60 minutes |\n| **Hardware and data** | any laptop |\n"
SAMPLE = {
    "lab": "04_mnist",
    "mode": "sample",
    "device": "CPU, 2 cores",
    "backend": "Keras 3.15.1 on tensorflow",
    "seconds": 14,
    "megabytes": 900,
    "plain": ["0.93", "20 s"],
    "tuned": ["0.95", "2.5 s"],
}
FULL = SAMPLE | {"mode": "full", "seconds": 200, "megabytes": 1100}


def test_card_gets_a_line_below_hardware_and_data():
    card = measure.card_with_measures(CARD, [SAMPLE, FULL])
    line = (
        "| **Measured** | 14 s and 900 MB on the sample (CPU, 2 cores), 200 s and 1100 MB on full data (CPU, 2 cores) |"
    )
    assert card == CARD.replace("any laptop |\n", f"any laptop |\n{line}\n")
    again = measure.card_with_measures(card, [SAMPLE])
    assert again == CARD.replace("any laptop |\n", f"any laptop |\n{line.split(', 200 s')[0]} |\n")
    assert measure.card_with_measures(again, []) == CARD


def test_without_a_card_it_says_so():
    with pytest.raises(ValueError, match="no line \\*\\*Hardware and data\\*\\*"):
        measure.card_with_measures("# A lab\n", [FULL])


def test_a_new_record_takes_the_place_of_the_old_one():
    newer = SAMPLE | {"seconds": 15, "backend": "Keras 3.16.0 on tensorflow"}
    assert measure.merged([SAMPLE, FULL], newer) == [newer, FULL]
    others = [
        SAMPLE | {"backend": "Keras 3.15.1 on jax"},
        SAMPLE | {"device": "GPU"},
        SAMPLE | {"lab": "03_single_neuron"},
    ]
    for other in others:
        both = measure.merged([FULL, SAMPLE], other)
        assert len(both) == 3 and SAMPLE in both and FULL in both and other in both
    assert [record["lab"][:2] + record["mode"] for record in measure.merged([FULL, others[2]], SAMPLE)] == [
        "03sample",
        "04sample",
        "04full",
    ]


def test_table_tells_both_recipes():
    rows = measure.table([SAMPLE, FULL, SAMPLE | {"lab": "01_loss_play", "plain": None, "tuned": None}]).splitlines()
    assert rows[2:] == [
        "| 04 | sample | CPU, 2 cores; Keras 3.15.1 on tensorflow | 0.93 in 20 s | 0.95 in 2.5 s | 14 s |",
        "| 04 | full | CPU, 2 cores; Keras 3.15.1 on tensorflow | 0.93 in 20 s | 0.95 in 2.5 s | 200 s |",
    ]
    assert len({row.count("|") for row in rows}) == 1


def test_readme_and_cards_tell_what_is_recorded():
    records = json.loads(measure.RECORDS.read_text(encoding="utf-8"))
    readme = measure.README.read_text(encoding="utf-8")
    assert measure.TABLE.findall(readme) == [measure.table(records)]
    for path in sorted((measure.COURSE / "labs").glob("*.ipynb")):
        card = execute.read(path).cells[0].source
        own = [record for record in records if record["lab"] == path.stem]
        assert card == measure.card_with_measures(card, own), path.stem


def test_what_is_recorded_was_measured_with_the_labs_parameters():
    """Those of full data too, which no other test runs. If it fails: python -m tests.measure labs/..."""
    for record in json.loads(measure.RECORDS.read_text(encoding="utf-8")):
        path = measure.COURSE / "labs" / f"{record['lab']}.ipynb"
        assert record["settings"] == measure.settings(path), (
            f"{record['lab']} on {record['mode']} data: measure it anew"
        )


def test_settings_change_with_any_parameter(tmp_path):
    def of(*cells):
        path = tmp_path / "lab.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[*cells]), path)
        return measure.settings(path)

    def cell(source, *tags):
        return nbformat.v4.new_code_cell(source, metadata={"tags": [*tags]})

    assert of(cell("a = 1")) is None
    one = of(cell("a = 1", "parameters"), cell("b = 1"))
    assert one == of(cell("a = 1\n", "parameters"), cell("b = 2"))
    assert one != of(cell("a = 2", "parameters"))
    assert one != of(cell("a = 1", "parameters"), cell("b = 1", "parameters"))


@pytest.mark.parametrize("lab", measure.RECIPES)
def test_recipes_are_found_in_what_a_lab_prints(lab):
    notebook = execute.read(measure.COURSE / "labs" / f"{lab}.ipynb")
    outputs = [output for _, _, cell in execute.code_cells(notebook) for output in cell.outputs]
    printed = "".join(output["text"] for output in outputs if output["output_type"] == "stream")
    for accuracy, spent in measure.recipes(lab, printed):
        assert 0.4 < float(accuracy) < 1
        assert re.fullmatch(r"[\d.]+ (CPU-)?s", spent)


def test_recipes_that_are_no_longer_printed():
    with pytest.raises(RuntimeError, match="04_mnist no longer prints"):
        measure.recipes("04_mnist", "nothing")
    assert measure.recipes("01_loss_play", "nothing") == (None, None)


def test_seven_has_more_time_on_full_data():
    assert measure.limits("07_cifar10", "full") == (480, 1500)
    assert measure.limits("07_cifar10", "sample") == (45, 1500)
    assert measure.limits("04_mnist", "full") == (300, 1500)


def test_which_labs_read_a_data_set():
    labs = sorted((measure.COURSE / "labs").glob("*.ipynb"))
    assert [measure.reads_data(path) for path in labs[:8]] == [False] * 3 + [True] * 5


def lab(folder, *sources):
    cells = [nbformat.v4.new_markdown_cell(CARD), *map(nbformat.v4.new_code_cell, sources)]
    path = folder / "01_lab.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    path.write_text(execute.text_of(execute.normalise(execute.read(path))))
    return path


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """Records and a README to write into."""
    monkeypatch.setattr(measure, "RECORDS", tmp_path / "measured.json")
    monkeypatch.setattr(measure, "README", tmp_path / "README.md")
    measure.RECORDS.write_text("[]")
    measure.README.write_text("before\n<!-- results -->\n<!-- end of results -->\nafter")
    return tmp_path


def test_lab_is_measured_and_told_without_being_stored(shelf, capsys):
    source = (
        "import os, time\nassert os.environ['LABS_DATA'] == 'full'\ntime.sleep(1)\nbig = b'1' * 300_000_000\n"
        "print('Python 3, Keras 3.1 on jax, NumPy 2\\nDevice: CPU, 9 cores. Seed: 0')"
    )
    path = lab(shelf, source)
    assert measure.main(["--mode", "full", str(path)]) == 0
    [record] = json.loads(measure.RECORDS.read_text())
    assert 2 <= record["seconds"] <= 30 and 300 <= record["megabytes"] <= 600
    assert record["device"] == "CPU, 9 cores" and record["backend"] == "Keras 3.1 on jax"
    notebook = execute.read(path)
    assert notebook.cells[0].source == measure.card_with_measures(CARD.strip(), [record])
    assert notebook.cells[1].source == source and notebook.cells[1].execution_count is None
    assert measure.README.read_text() == (
        f"before\n<!-- results -->\n{measure.table([record])}<!-- end of results -->\nafter"
    )
    assert capsys.readouterr().out == f"01_lab, full: {record['seconds']} s, {record['megabytes']} MB\n"


def test_stopped_lab_is_told(shelf):
    path = lab(shelf, "1 / 0")
    before = path.read_bytes()
    with pytest.raises(RuntimeError, match=r"01_lab\.ipynb stopped on sample data:\n(.|\n)*ZeroDivisionError"):
        measure.main(["--mode", "sample", str(path)])
    assert path.read_bytes() == before
    assert measure.RECORDS.read_text() == "[]"


def test_going_beyond_a_limit_is_a_failure(shelf, capsys, monkeypatch):
    path = lab(shelf, "1")
    for values, status, words in (
        ((45, 1500), 0, ""),
        ((46, 1500), 1, " : beyond the limit"),
        ((45, 1501), 1, " : beyond the limit"),
    ):
        taken = dict(zip(("seconds", "megabytes"), values))
        monkeypatch.setattr(measure, "measure", lambda path, mode, taken=taken: SAMPLE | {"lab": "01_lab"} | taken)
        assert measure.main([str(path)]) == status
        assert capsys.readouterr().out == f"01_lab, sample: {values[0]} s, {values[1]} MB{words}\n"


def test_memory_is_the_kernels_not_this_process(monkeypatch, tmp_path):
    usage = type("Usage", (), {"ru_maxrss": 2_000_000})()
    monkeypatch.setattr(
        measure.resource, "getrusage", lambda who: usage if who == measure.resource.RUSAGE_CHILDREN else None
    )
    expected = 2 if sys.platform == "darwin" else 2048
    assert measure._run(lab(tmp_path, "1"))[1] == expected
