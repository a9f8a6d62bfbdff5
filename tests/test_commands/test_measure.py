"""What labs take is measured one by one, kept, and told in the README."""

import json

import pytest

from tests.__main__ import main
from tests.commands import measure
from tests.commands.report import Run
from tests.course.lab import Lab, labs
from tests.tiny_labs import FULL_CARD, code, markdown, printed, save

RECORD = {"lab": "98_tiny", "mode": "sample", "device": "CPU, 2 cores", "backend": "Keras 3.15.1 on tensorflow"}
RECORD |= {"seconds": 14, "megabytes": 900, "plain": ["0.93", "20 s"], "tuned": ["0.95", "2.5 s"], "settings": None}
FULL = RECORD | {"mode": "full", "seconds": 200}
REPORT = "Python 3, Keras 3.1 on jax, NumPy 2\nDevice: CPU, 9 cores. Seed: 0\nData: "
SETUP = code(f"import os\nprint({REPORT!r} + os.environ['LABS_DATA'])", tags=["setup"])


def test_a_new_record_takes_the_place_of_the_old_one():
    newer = RECORD | {"seconds": 15, "backend": "Keras 3.16.0 on tensorflow"}
    assert measure.merged([RECORD, FULL], newer) == [newer, FULL]
    for other in ({"backend": "Keras 3.15.1 on jax"}, {"device": "GPU"}, {"lab": "97_other"}):
        assert len(measure.merged([FULL, RECORD], RECORD | other)) == 3
    assert measure.merged([FULL], RECORD) == [RECORD, FULL]


def test_table_tells_both_recipes():
    row = "CPU, 2 cores; Keras 3.15.1 on tensorflow | 0.93 in 20 s | 0.95 in 2.5 s |"
    rows = measure.table([RECORD, FULL, RECORD | {"plain": None, "tuned": None}]).splitlines()[2:]
    assert rows == [f"| 98 | sample | {row} 14 s |", f"| 98 | full | {row} 200 s |"]


def test_what_is_recorded_is_told_and_was_measured_with_the_labs_parameters():
    """Those of full data too, which no other test runs. If it fails: python -m tests measure LAB."""
    records = json.loads(measure.MEASURED.read_text(encoding="utf-8"))
    assert measure.TABLE.findall(measure.README.read_text(encoding="utf-8")) == [measure.table(records)]
    now = {path.stem: measure.settings(Lab(path)) for path in labs()}
    assert [one for one in records if one["settings"] != now.get(one["lab"], "no such lab")] == []


@pytest.mark.parametrize("path", labs(), ids=lambda path: path.stem)
def test_recipes_are_found_in_what_a_lab_prints(path):
    lab = Lab(path)
    found = [*measure.recipes(lab).values()]
    if "recipes" in lab.notebook.metadata:
        assert all(0.4 < float(accuracy) < 1 and float(spent.split()[0]) > 0 for accuracy, spent in found)
    else:
        assert found == [None, None]


def test_recipes_that_are_no_longer_printed(tmp_path):
    lab = Lab(save(tmp_path / "99_tiny.ipynb", code("plain", printed("plain 0.5 in 3 s\n"))))
    lab.notebook.metadata["recipes"] = {name: rf"^{name} (\S+) in (\d+ s)" for name in ("plain", "tuned")}
    with pytest.raises(ValueError, match=r"99_tiny\.ipynb prints its recipes otherwise"):
        measure.recipes(lab)


def test_settings_change_with_any_parameter(tmp_path):
    def of(*parameters):
        cells = [code(source, tags=["parameters"]) for source in parameters]
        return measure.settings(Lab(save(tmp_path / "lab.ipynb", *cells, code("c = 1"))))

    assert len({of(), of("a = 1"), of("a = 2"), of("a = 1", "b = 1"), of("b = 1", "a = 1")}) == 5
    assert of() is None and of("a = 1") == of("a = 1  # of section 2\n")


def test_lab_is_measured_and_left_as_it_was(shelf, capsys):
    cells = [SETUP, code("big = b'1' * 300_000_000")]  # stored without the outputs they give
    before = save(shelf / "99_tiny.ipynb", markdown(FULL_CARD), *cells).read_bytes()
    assert main(["measure", "--mode", "full", str(shelf / "99_tiny.ipynb")]) == 0
    [one] = json.loads(measure.MEASURED.read_text())
    assert (one["mode"], one["device"], one["backend"]) == ("full", "CPU, 9 cores", "Keras 3.1 on jax")
    assert one["seconds"] >= 1 and 300 <= one["megabytes"] <= 600
    assert capsys.readouterr().out == f"99_tiny, full: {one['seconds']} s, {one['megabytes']} MB\n"
    assert f"-->\n{measure.table([one])}<!--" in measure.README.read_text()
    assert (shelf / "99_tiny.ipynb").read_bytes() == before


def test_a_lab_that_cannot_be_run_or_has_no_full_data_is_told(shelf, capsys):
    """One that stops is told in test_gpu.py."""
    path = save(shelf / "99_tiny.ipynb", markdown(FULL_CARD), SETUP, code("1", tags=["tolerence-1"]))
    assert main(["measure", "--mode", "sample", str(path)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"python -m tests measure: {path} did not run on sample data:") and "unknown tag" in error
    assert measure.MEASURED.read_text() == "[]"
    save(path, markdown(FULL_CARD.replace("LABS_DATA", "")), SETUP)
    assert main(["measure", "--mode", "full", str(path)]) == 1
    assert "none of these labs has full data" in capsys.readouterr().err


@pytest.mark.parametrize(("seconds", "megabytes", "status"), [(45.0, 1500.0, 0), (45.1, 1500.0, 1), (45.0, 1500.1, 1)])
def test_more_than_it_may_take_is_a_failure(seconds, megabytes, status, shelf, capsys, monkeypatch):
    setup = code("report", printed(f"{REPORT}sample\n"), tags=["setup"])
    path = save(shelf / "99_tiny.ipynb", markdown(FULL_CARD), setup)
    path.with_suffix(".json").write_text(json.dumps({"stopped": "", "seconds": seconds, "megabytes": megabytes}))
    monkeypatch.setattr(measure, "run", lambda path, mode: Run(path))
    assert main(["measure", str(path)]) == status
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["99_tiny, sample", "99_tiny, full"]
    assert [line.endswith(": more than it may") for line in lines] == [status, status]
