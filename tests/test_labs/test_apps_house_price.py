"""The program of lab 03: a price for good input, a clear message for every other."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from labs.apps import house_price as app
from tests.test_labs import network, runner

run = runner(app)
MODEL, FILE = "house_price.keras", "house_price.json"
SCALING = {"low": [40.0, 1.0, 0.0], "high": [240.0, 5.0, 80.0], "unit": "thousand euros"}


def scaling(**changes):
    return json.dumps(SCALING | changes).encode()


@pytest.fixture
def trained(tmp_path):
    """A folder with a model that computes 500 a + 60 b - 80 c + 100 of scaled inputs a, b, c."""
    import keras

    model = network((3,), ("Dense", 1))
    model.set_weights([np.array([[500.0], [60.0], [-80.0]]), np.array([100.0])])
    model.compile(loss=keras.losses.mean_squared_error)  # a function, but none that a layer calls
    model.save(tmp_path / MODEL)
    (tmp_path / FILE).write_bytes(scaling())
    return tmp_path


def test_in_a_process_of_its_own(trained):
    """On a terminal that knows ASCII only, what it cannot show is written as an escape."""
    (trained / FILE).write_bytes(scaling(unit="€"))
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    command = [sys.executable, app.__file__, "--model", str(trained), "140", "3", "20"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", env=environment)
    assert (result.returncode, result.stdout) == (0, "estimated price: 360.0 \\u20ac\n")


def test_a_python_without_the_courses_packages(trained, monkeypatch, run):
    monkeypatch.setitem(sys.modules, "keras", None)
    code, out, err = run("--model", trained, 140, 3, 20)
    assert (code, out) == (1, "") and "no package keras: run the program with the course's own" in err


def test_caution_outside_of_what_the_model_has_seen(trained, run):
    assert run("--model", trained, 10, 0, 0)[0] == run("--model", trained, 1000, 20, 500)[0] == 0  # the limits
    price, *cautions = run("--model", trained, 260, 3, 90)[1].splitlines()
    assert price == "estimated price: 590.0 thousand euros"
    seen = ["area from 40 to 240, not 260", "age from 0 to 80, not 90"]
    assert cautions == [f"caution: the model has only seen houses with {words}" for words in seen]


def test_numbers_that_cannot_be_used(run, tmp_path):
    for numbers, message in [
        (("large", 3, 20), "argument area: 'large' is not a number; write it in digits"),
        ((140, 2.5, 20), "argument bedrooms: 2.5 is no house's bedrooms: it should be a whole number from 0 to 20"),
        (("nan", 3, 20), "argument area: nan is no house's area: it should be a number from 10 to 1000 m²"),
        ((1001, 3, 20), "argument area: 1001 is no house's area"),
        ((140, 3, -1), "argument age: -1 is no house's age: it should be a number from 0 to 500 years"),
    ]:
        code, out, err = run("--model", tmp_path, *numbers)
        assert (code, out) == (2, "") and message in err


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (FILE, None, f"there is no {FILE} in the folder"),
        (FILE, b"[1, 2]", "{} cannot be read ("),
        (FILE, b"[" * 200_000, "{} cannot be read ("),
        (FILE, scaling(low="123"), "{} cannot be read ("),
        (FILE, scaling(low=[1.0, 2.0]), "{} is not a scaling of 3 inputs"),
        (FILE, scaling(high=SCALING["low"]), "{} is not a scaling of 3 inputs"),
        (FILE, scaling(high=[np.inf, 5, 80]), "{} is not a scaling of 3 inputs"),
        (FILE, scaling(unit="\x1b[2Jeuros"), "{} is not a scaling of 3 inputs"),
        (MODEL, None, f"there is no {MODEL} in the folder"),
        (MODEL, b"PK", "{} cannot be read as a Keras model (BadZipFile)"),
        (MODEL, [None, ("Dense", 1)], "{} takes shape None and gives None, not 3 numbers"),
        (MODEL, [(2,), ("Dense", 1)], "{} takes shape (None, 2) and gives (None, 1), not 3 numbers"),
        (MODEL, [(3,), ("Dense", 2)], "{} takes shape (None, 3) and gives (None, 2), not 3 numbers"),
        (MODEL, [(3,), ("Rescaling", np.nan), ("Dense", 1)], "{} gives no finite price: its training went wrong"),
        (MODEL, [(3,), ("Embedding", 1, 1), ("Flatten",), ("Dense", 1)], "{} cannot compute a price ("),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_a_spoilt_file_is_one_clear_line(run, trained, name, content, message):
    path = trained / name
    path.unlink()
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        network(*content).save(path)
    code, out, err = run("--model", trained, 1000, 20, 20)
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert err.startswith(f"house_price.py: {message.format(path)}") and "run lab 03" in err


def test_no_model_may_call_a_function(tmp_path):
    """With Keras 3.10 one of Keras's own could load another file, or switch the safe mode off."""
    import keras

    for function in (lambda inputs: 2 * inputs, keras.activations.relu):
        network((3,), ("Lambda", function), ("Dense", 1)).save(tmp_path / MODEL)
        with pytest.raises(app.ModelError, match="cannot be read as a Keras model"):
            app.estimate(tmp_path, [140, 3, 20], SCALING)
