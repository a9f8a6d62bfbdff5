"""The labs on a GPU: each is run within its time, compared or held to its claims, told and recorded."""

import json

import pytest

from tests.__main__ import main
from tests.commands import gpu, measure
from tests.tiny_labs import FULL_CARD, code, markdown, printed, save

REPORT = "Python 3, Keras 3.1 on {}, NumPy 2\nDevice: {}. Seed: 0\nData: "
MODE = "print(os.environ['LABS_DATA'])"


@pytest.fixture(autouse=True)
def fast_card(monkeypatch):
    monkeypatch.setattr(gpu, "SETUP", f"print({REPORT.format('tensorflow', 'Fast Card')!r})")


def lab(folder, name, source, *outputs):
    said = REPORT.format("tensorflow", "Fast Card")
    setup = code(f"import os\nprint({said!r} + os.environ['LABS_DATA'])", printed(f"{said}sample\n"), tags=["setup"])
    return str(save(folder / f"{name}.ipynb", markdown(FULL_CARD), setup, code(source, *outputs)))


def verdicts(capsys):
    """What was printed of each lab, without its seconds."""
    lines = capsys.readouterr().out.splitlines()
    return [f"{line.split(' s: ')[0].rpartition(',')[0]}: {line.split(' s: ')[1]}" for line in lines if " s: " in line]


def test_the_sample_is_compared_and_full_data_are_held_to_the_claims(shelf, capsys):
    """A lab that fails is told, and the next goes on."""
    other = lab(shelf, "98_other", f"{MODE}\nassert os.environ['LABS_DATA'] == 'sample'", printed("full\n"))
    same = lab(shelf, "99_same", MODE, printed("sample\n"))
    assert main(["gpu", other, same]) == 1
    assert verdicts(capsys) == [
        f"98_other, sample: {other} on sample data gave other outputs than are stored:",
        "99_same, sample: its outputs are those stored",
        f"98_other, full: {other} on full data: code cell 2 ({MODE}) stopped: AssertionError: ",
        "99_same, full: its claims hold",
    ]
    kept = [(one["lab"], one["mode"], one["device"]) for one in json.loads(measure.MEASURED.read_text())]
    assert kept == [("99_same", mode, "Fast Card") for mode in ("sample", "full")]


def test_a_lab_that_takes_too_long_is_stopped(shelf, capsys):
    path = lab(shelf, "99_slow", "import time\ntime.sleep(1000)")
    assert main(["gpu", "--mode", "sample", "--limit", "3", path]) == 1
    assert verdicts(capsys) == [f"99_slow, sample: {path} on sample data was stopped: it took more than 3 s"]
    assert measure.MEASURED.read_text() == "[]"


def test_no_gpu_is_told_and_no_lab_run_but_anyway(shelf, capsys, monkeypatch):
    monkeypatch.setattr(gpu, "SETUP", f"print({REPORT.format('jax', 'CPU, 2 cores')!r})")
    monkeypatch.setattr(measure, "run", lambda *given: given)
    monkeypatch.setattr(measure, "keep", print)
    path = lab(shelf, "99_tiny", "1")
    assert main(["gpu", path]) == 2
    assert capsys.readouterr() == ("", "Keras on jax sees no GPU here: --anyway runs the labs on the CPU.\n")
    assert main(["gpu", "--anyway", path]) == 0
    assert [line.endswith("its claims hold") for line in capsys.readouterr().out.splitlines()[2::2]] == [True, True]
    monkeypatch.setattr(gpu, "SETUP", "import no_such_package")
    assert main(["gpu", path]) == 1
    assert "the labs cannot be set up here: ModuleNotFoundError: No module named" in capsys.readouterr().err
