"""The program of lab 03: a price for good input, a clear message for every other."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from utils.runtime import COURSE

APP = COURSE / "labs" / "apps" / "house_price.py"
SCALING = {"low": [40.0, 1.0, 0.0], "high": [240.0, 5.0, 80.0], "unit": "thousand euros"}


@pytest.fixture(scope="module")
def app():
    import importlib.util

    spec = importlib.util.spec_from_file_location("house_price", APP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a model that computes 500 a + 60 b - 80 c + 100 of scaled inputs a, b, c."""
    import keras

    folder = tmp_path_factory.mktemp("trained")
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[500.0], [60.0], [-80.0]]), np.array([100.0])])
    model.save(folder / "house_price.keras")
    (folder / "house_price.json").write_text(json.dumps(SCALING), encoding="utf-8")
    return folder


def run(app, capsys, *arguments):
    try:
        code = app.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    out, err = capsys.readouterr()
    return code, out, err


def test_price_in_a_process_of_its_own(trained):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, "-X", "utf8", str(APP), "--model", str(trained), "140", "3", "20"],
        capture_output=True,
        encoding="utf-8",
        env=environment,
    )
    assert (result.returncode, result.stdout) == (0, "estimated price: 360.0 thousand euros\n")


def test_a_python_without_the_courses_packages(app, trained, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "keras", None)
    code, out, err = run(app, capsys, "--model", trained, 140, 3, 20)
    assert (code, out) == (1, "")
    assert "this Python has no package keras: run the program with the course's own" in err
    assert err.count("\n") == 1


def test_caution_outside_of_what_the_model_has_seen(app, trained, capsys):
    code, out, _ = run(app, capsys, "--model", trained, 260, 3, 90)
    assert code == 0
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
        ((140, 3, ""), "argument age: '' is not a number"),
        (("nan", 3, 20), "argument area: nan is no house's area: it should be a number from 10 to 1000 m²"),
        (("inf", 3, 20), "argument area: inf is no house's area"),
        ((9.9, 3, 20), "argument area: 9.9 is no house's area"),
        ((1001, 3, 20), "argument area: 1001 is no house's area"),
        ((-140, 3, 20), "argument area: -140 is no house's area"),
        ((140, 21, 20), "argument bedrooms: 21 is no house's bedrooms"),
        ((140, 3, -1), "argument age: -1 is no house's age: it should be a number from 0 to 500 years"),
        ((140, 3, 501), "argument age: 501 is no house's age"),
        ((140, 3), "the following arguments are required: age"),
        ((), "the following arguments are required: area, bedrooms, age"),
        ((140, 3, 20, 7), "unrecognized arguments: 7"),
    ],
)
def test_numbers_that_cannot_be_used(app, trained, capsys, numbers, message):
    code, out, err = run(app, capsys, "--model", trained, *numbers)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("numbers", [(10, 0, 0), (1000, 20, 500)])
def test_the_limits_themselves_are_houses(app, trained, capsys, numbers):
    assert run(app, capsys, "--model", trained, *numbers)[0] == 0


def test_model_folder_is_required(app, capsys):
    code, _, err = run(app, capsys, 140, 3, 20)
    assert code == 2 and "--model" in err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "house_price.json").unlink(), "there is no house_price.json in the folder"),
        (lambda folder: (folder / "house_price.keras").unlink(), "there is no house_price.keras in the folder"),
        (lambda folder: (folder / "house_price.json").write_text("{"), "house_price.json cannot be read"),
        (lambda folder: (folder / "house_price.json").write_text('{"low": [1]}'), "house_price.json cannot be read"),
        (
            lambda folder: (folder / "house_price.json").write_text(json.dumps(SCALING | {"low": [1.0, 2.0]})),
            "is not a scaling of 3 inputs",
        ),
        (
            lambda folder: (folder / "house_price.json").write_text(json.dumps(SCALING | {"high": SCALING["low"]})),
            "is not a scaling of 3 inputs",
        ),
        (lambda folder: (folder / "house_price.keras").write_bytes(b"PK"), "cannot be read as a Keras model"),
    ],
)
def test_a_spoilt_model_is_one_clear_line(app, trained, tmp_path, capsys, spoil, message):
    for name in ("house_price.keras", "house_price.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    spoil(tmp_path)
    code, out, err = run(app, capsys, "--model", tmp_path, 140, 3, 20)
    assert (code, out) == (1, "")
    assert err.startswith("house_price.py: ") and message in err and "run lab 03" in err
    assert len(err.splitlines()) == 1
    if message.startswith("there is no"):
        assert err == f"house_price.py: {message} {tmp_path}: run lab 03, which saves it\n"


@pytest.mark.parametrize(
    ("inputs", "outputs", "weight", "message"),
    [
        (2, 1, 1.0, "takes inputs of shape (None, 2), not 3 numbers"),
        (3, 2, 1.0, "not 3 numbers"),
        (3, 1, float("nan"), "gives no finite price"),
    ],
)
def test_another_model_is_refused(app, tmp_path, capsys, inputs, outputs, weight, message):
    import keras

    model = keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(outputs)])
    model.set_weights([np.full((inputs, outputs), weight), np.zeros(outputs)])
    model.save(tmp_path / "house_price.keras")
    (tmp_path / "house_price.json").write_text(json.dumps(SCALING))
    code, _, err = run(app, capsys, "--model", tmp_path, 140, 3, 20)
    assert code == 1 and message in err
