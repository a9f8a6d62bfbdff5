"""Drift is what a lab's outputs do when only chance or rounding differs."""

import pytest
from PIL import Image, ImageOps

from tests.__main__ import main
from tests.commands import drift
from tests.course.lab import COURSE
from tests.test_course.test_compare import encoded
from tests.tiny_labs import code, figure, printed, save

SETUP = code("from utils import checks, runtime\nruntime.set_seed(0)\nimport keras\nimport numpy as np", tags=["setup"])


def test_largest_gaps():
    for stored, got, gaps in [
        (printed("a 10.0, b 0.5, 7 of 9"), [printed("a 10.2, b 0.4, 4 of 9")], (0.2, 0.2, 3, 0)),
        (printed("loss 0.0, ~1.5 s"), [printed("loss 0.1, ~9.5 s")], (0.1, 0, 0, 0)),
        (figure("mean 4.0 of 3"), [figure("mean 5.0 of 2")], (1, 0.25, 1, 0)),
        (printed("a 1.0"), [], None),
        (printed("a 1.0"), [figure("a 1.0")], None),
    ]:
        assert drift.gaps([stored], got) == (pytest.approx(gaps) if gaps else "other outputs")
    drawn, lost = (ImageOps.expand(Image.new("L", (10, 40), colour), 9, "white") for colour in ("black", "white"))
    assert drift.gaps([figure(content=encoded(drawn))], [figure(content=encoded(lost))]) == pytest.approx((0, 0, 0, 1))


def drifts(path, capsys, *options):
    """The rows of the table of drift after one run, each split into words."""
    before = path.read_bytes()
    assert main(["drift", str(path), "--runs", "1", *options]) == 0
    assert path.read_bytes() == before
    title, _, *rows = capsys.readouterr().out.splitlines()
    assert title == "99_tiny, largest change in 1 run"
    return [row.split() for row in rows]


def test_first_weights_move_in_their_sixth_digit(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(COURSE))
    weight = """layer = keras.layers.Dense(1, kernel_initializer="ones")
keras.Sequential([keras.Input((1,)), layer]).compile()
print(f"{float(layer.kernel[0, 0]):.9f}")"""
    cells = [code(weight, printed("1.000000000\n"), tags=["tolerance-0.1"]), code("print(1)", printed("1\n"))]
    [[number, decimals, relative, *others]] = drifts(save(tmp_path / "99_tiny.ipynb", SETUP, *cells), capsys)
    assert (number, *others) == ("2", "0", "0", "tolerance-0.1")
    assert decimals == relative and 1e-8 < float(decimals) < 1e-5


def test_other_seeds(tmp_path, capsys):
    setup = """import random, sys, types
utils = sys.modules["utils"] = types.SimpleNamespace(runtime=types.SimpleNamespace(set_seed=random.seed))"""
    draw = "utils.runtime.set_seed(0)\na, b = random.random(), random.random()\nprint(f'{a:.6f} {1000 * b:.0f}')"
    stops = "if not 0.8444 < a < 0.8445:\n    raise ValueError('other seed')"
    cells = [code(setup, tags=["setup"]), code(draw, printed("0.844422 758\n")), code(stops)]
    path = save(tmp_path / "99_tiny.ipynb", *cells)
    (number, decimals, _, counts, _), last = drifts(path, capsys, "--seeds")
    assert number == "2" and float(decimals) > 1e-3 and float(counts) > 1
    assert last == ["3", "ValueError:", "other", "seed"]
