"""Drift is what a lab's outputs do when only chance differs: the largest gap over runs, cell by cell."""

from pathlib import Path

import nbformat
import pytest

from tests import drift, execute, exercises, measure


def stream(text):
    return nbformat.v4.new_output("stream", name="stdout", text=text)


def figure(
    text, picture="iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
):
    return nbformat.v4.new_output(
        "display_data", data={"text/plain": "<Figure>", "image/png": picture}, metadata={"image/png": {"alt": text}}
    )


def test_largest_gap_of_numbers_absolute_and_relative():
    assert drift.gaps([stream("a 10.0, b 0.5")], [stream("a 10.2, b 0.4")]) == pytest.approx((0.2, 0.2, 0))
    assert drift.gaps([stream("loss 0.0")], [stream("loss 0.1")]) == pytest.approx((0.1, 0, 0))


@pytest.mark.parametrize("command", [drift, measure, execute, exercises], ids=lambda module: module.__name__)
def test_a_missing_file_is_told(command, capsys):
    with pytest.raises(SystemExit) as stop:
        command.main(["nowhere.ipynb"])
    assert stop.value.code == 2 and "error: no such file: nowhere.ipynb" in capsys.readouterr().err


def test_clock_times_do_not_count():
    assert drift.gaps([stream("~1.5 s and 3")], [stream("~9.5 s and 3")]) == (0, 0, 0)


def test_numbers_in_alternative_texts_count():
    assert drift.gaps([figure("mean 4.0")], [figure("mean 5.0")]) == pytest.approx((1, 0.25, 0))


@pytest.mark.parametrize(
    "got", [[], [stream("a 1.0 2.0")], [figure("a 1.0")]], ids=["output missing", "number more", "other kind"]
)
def test_outputs_that_cannot_be_set_side_by_side(got):
    assert drift.gaps([stream("a 1.0")], got) is None


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A stored lab: its second cell prints a weight of a model, its third one stops under other seeds."""
    setup = nbformat.v4.new_code_cell("from utils import runtime\nruntime.set_seed(0)", metadata={"tags": ["setup"]})
    weight = nbformat.v4.new_code_cell(
        "import keras\nmodel = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])\nmodel.compile()\n"
        "weight = float(keras.ops.convert_to_numpy(model.weights[0])[0, 0])\nprint(f'{weight:.9f}')",
        metadata={"tags": ["tolerance-0.1"]},
    )
    path = tmp_path_factory.mktemp("drift") / "lab.ipynb"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(execute.COURSE))
        nbformat.write(nbformat.v4.new_notebook(cells=[setup, weight]), path)
        assert execute.main([str(path)]) == 0
        stored = execute.read(path).cells[1].outputs[0].text
        stop = nbformat.v4.new_code_cell(
            f"if '{stored.strip()}' != f'{{weight:.9f}}':\n    raise ValueError('other seed')"
        )
        stop.execution_count = 3
        nbformat.write(nbformat.v4.new_notebook(cells=[*execute.read(path).cells, stop]), path)
        yield path


def told(capsys, *arguments):
    before = Path(arguments[0]).read_bytes()
    capsys.readouterr()
    assert drift.main([*arguments]) == 0
    assert Path(arguments[0]).read_bytes() == before
    return capsys.readouterr().out.splitlines()


def test_nudged_weights_move_an_output_a_little(lab, capsys):
    lines = told(capsys, str(lab), "--runs", "1")
    assert lines[0].startswith("lab: largest change of a number")
    assert lines[1].split()[:2] == ["cell", "2"]
    assert 1e-8 < float(lines[1].split()[3]) < 1e-5
    assert lines[1].rstrip().endswith("tolerance-0.1")


def test_other_seeds_move_it_far_and_cells_that_stop_are_told(lab, capsys):
    lines = told(capsys, str(lab), "--runs", "1", "--seeds")
    assert float(lines[1].split()[2]) > 1e-3
    assert lines[2].endswith("ValueError: other seed")
