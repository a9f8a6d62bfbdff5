"""The program of lab 03: a price for good input, a clear message for every other."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from labs.apps import house_price as app
from tests.test_labs import network

MODEL, FILE = "{}/house_price.keras", "{}/house_price.json"
SCALING = {"low": [40.0, 1.0, 0.0], "high": [240.0, 5.0, 80.0], "unit": "thousand euros"}


def scaling(**changes):
    return json.dumps(SCALING | changes)


@pytest.fixture
def trained(tmp_path):
    """A folder with a model that computes 500 a + 60 b - 80 c + 100 of scaled inputs a, b, c."""
    import keras

    model = network((3,), ("Dense", 1))
    model.set_weights([np.array([[500.0], [60.0], [-80.0]]), np.array([100.0])])
    model.compile(loss=keras.losses.mean_squared_error)  # a function, but none that a layer calls
    model.save(tmp_path / "house_price.keras")
    (tmp_path / "house_price.json").write_text(scaling(), encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(capsys):
    def run(*arguments):
        try:
            code = app.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_in_a_process_of_its_own(trained):
    """On a terminal that knows ASCII only, what it cannot show is written as an escape."""
    (trained / "house_price.json").write_text(scaling(unit="€"), encoding="utf-8")
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    command = [sys.executable, app.__file__, "--model", str(trained), "140", "3", "20"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert (result.returncode, result.stdout) == (0, "estimated price: 360.0 \\u20ac\n")


def test_a_python_without_the_courses_packages(trained, monkeypatch, run):
    monkeypatch.setitem(sys.modules, "keras", None)
    code, out, err = run("--model", trained, 140, 3, 20)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "this Python has no package keras: run the program with the course's own" in err


def test_caution_outside_of_what_the_model_has_seen(trained, run):
    _, out, _ = run("--model", trained, 260, 3, 90)
    assert out.splitlines() == [
        "estimated price: 590.0 thousand euros",
        "caution: the model has only seen houses with area from 40 to 240, not 260",
        "caution: the model has only seen houses with age from 0 to 80, not 90",
    ]


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (("large", 3, 20), "argument area: 'large' is not a number; write it in digits"),
        ((140, "three", 20), "argument bedrooms: 'three' is not a whole number"),
        ((140, 2.5, 20), "argument bedrooms: 2.5 is no house's bedrooms: it should be a whole number from 0 to 20"),
        (("nan", 3, 20), "argument area: nan is no house's area: it should be a number from 10 to 1000 m²"),
        ((9.9, 3, 20), "argument area: 9.9 is no house's area"),
        ((1001, 3, 20), "argument area: 1001 is no house's area"),
        ((140, 3, -1), "argument age: -1 is no house's age: it should be a number from 0 to 500 years"),
        ((140, 3), "the following arguments are required: age"),
    ],
)
def test_numbers_that_cannot_be_used(run, tmp_path, numbers, message):
    code, out, err = run("--model", tmp_path, *numbers)
    assert (code, out) == (2, "")
    assert message in err


def test_the_limits_themselves_are_houses(trained, run):
    assert run("--model", trained, 10, 0, 0)[0] == run("--model", trained, 1000, 20, 500)[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "there is no house_price.json in the folder {}: run lab 03, which saves it"),
        ("[1, 2]", f"{FILE} cannot be read ("),
        ("[" * 200_000, f"{FILE} cannot be read ("),
        ('{"low": [1]}', f"{FILE} cannot be read ("),
        (scaling(low="123"), f"{FILE} cannot be read ("),
        (scaling(unit=5), f"{FILE} cannot be read ("),
        (scaling(low=[1.0, 2.0]), f"{FILE} is not a scaling of 3 inputs: run lab 03 again"),
        (scaling(high=SCALING["low"]), f"{FILE} is not a scaling of 3 inputs"),
        (scaling(high=[np.inf, 5, 80]), f"{FILE} is not a scaling of 3 inputs"),
        (scaling(low=[-1e308] * 3, high=[1e308] * 3), f"{FILE} is not a scaling of 3 inputs"),
        (scaling(unit="\x1b[2Jeuros"), f"{FILE} is not a scaling of 3 inputs"),
    ],
)
def test_a_spoilt_scaling_is_one_clear_line(run, tmp_path, text, message):
    if text is not None:
        (tmp_path / "house_price.json").write_text(text, encoding="utf-8")
    code, out, err = run("--model", tmp_path, 140, 3, 20)
    assert (code, out) == (1, "")
    assert err.startswith("house_price.py: " + message.format(tmp_path)) and len(err.splitlines()) == 1
    assert "run lab 03" in err


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (None, "there is no house_price.keras in the folder {}: run lab 03, which saves it"),
        (b"PK", f"{MODEL} cannot be read as a Keras model (BadZipFile): run lab 03 again"),
        ([None, ("Dense", 1)], f"{MODEL} takes shape None and gives None, not 3 numbers: run lab 03 again"),
        ([(2,), ("Dense", 1)], f"{MODEL} takes shape (None, 2) and gives (None, 1), not 3 numbers"),
        ([(3,), ("Dense", 2)], f"{MODEL} takes shape (None, 3) and gives (None, 2), not 3 numbers"),
        ([(3,), ("Rescaling", np.nan), ("Dense", 1)], f"{MODEL} gives no finite price: its training went wrong"),
        ([(3,), ("Embedding", 1, 1), ("Flatten",), ("Dense", 1)], f"{MODEL} cannot compute a price ("),
        ([(3,), ("Lambda", lambda inputs: 2 * inputs), ("Dense", 1)], f"{MODEL} cannot be read as a Keras model (Val"),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_another_model_is_one_clear_line(run, trained, model, message):
    path = trained / "house_price.keras"
    path.unlink()
    if isinstance(model, bytes):
        path.write_bytes(model)
    elif model:
        network(*model).save(path)
    code, out, err = run("--model", trained, 1000, 20, 20)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith(f"house_price.py: {message.format(trained)}") and "run lab 03" in err


def test_no_model_may_call_a_function_of_keras(tmp_path):
    """With Keras 3.10 it could load another file, or switch the safe mode off."""
    import keras

    network((3,), ("Lambda", keras.activations.relu), ("Dense", 1)).save(tmp_path / "house_price.keras")
    with pytest.raises(app.ModelError, match="cannot be read as a Keras model"):
        app.estimate(tmp_path, [140, 3, 20], SCALING)
