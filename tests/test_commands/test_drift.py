"""Drift is what a lab's outputs do when only chance differs, or only the backend."""

import base64
import io

import pytest
from PIL import Image, ImageOps

from tests.__main__ import main
from tests.commands import drift
from tests.course.lab import COURSE, Lab, labs
from tests.tiny_labs import code, figure, printed, save

SETUP = code("from utils import checks, runtime\nruntime.set_seed(0)\nimport keras\nimport numpy as np", tags=["setup"])


@pytest.mark.parametrize(
    ("stored", "got", "gaps"),
    [
        (printed("a 10.0, b 0.5, 7 of 9"), [printed("a 10.2, b 0.4, 4 of 9")], (0.2, 0.2, 3, 0)),
        (printed("loss 0.0, ~1.5 s"), [printed("loss 0.1, ~9.5 s")], (0.1, 0, 0, 0)),
        (figure("mean 4.0 of 3"), [figure("mean 5.0 of 2")], (1, 0.25, 1, 0)),
        (printed("a 1.0"), [], None),
        (printed("a 1.0"), [figure("a 1.0")], None),
    ],
)
def test_largest_gaps(stored, got, gaps):
    assert drift.gaps([stored], got) == (pytest.approx(gaps) if gaps else "other outputs")


def test_a_picture_that_lost_all_its_ink():
    def picture(colour):
        file = io.BytesIO()
        ImageOps.expand(Image.new("L", (10, 40), colour), 9, "white").save(file, "PNG")
        return figure(content=base64.b64encode(file.getvalue()).decode())

    assert drift.gaps([picture("black")], [picture("white")]) == pytest.approx((0, 0, 0, 1))


def test_each_cell_is_told_how_far_it_moved(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(COURSE))
    weight = """layer = keras.layers.Dense(1, kernel_initializer="ones")
keras.Sequential([keras.Input((1,)), layer]).compile()
print(f"{float(layer.kernel[0, 0]):.9f}")"""
    path = save(
        tmp_path / "99_tiny.ipynb",
        SETUP,
        code(weight, printed("1.000000000\n"), tags=["tolerance-0.1"]),
        code("a, b = np.random.rand(2)\nprint(f'{a:.6f} {1000 * b:.0f}')", printed("0.548814 715\n")),
        code("if not 0.5488 < a < 0.5489:\n    raise ValueError('other seed')"),
    )
    before = path.read_bytes()
    assert main(["drift", str(path), "--runs", "1"]) == 0
    title, _, row = capsys.readouterr().out.splitlines()
    number, decimals, relative, *others = row.split()
    assert (title, number, *others) == ("99_tiny, largest change in 1 run", "2", "0", "0", "tolerance-0.1")
    assert decimals == relative and 1e-8 < float(decimals) < 1e-5
    assert main(["drift", str(path), "--runs", "1", "--seeds"]) == 0
    _, _, third, fourth = capsys.readouterr().out.splitlines()
    number, decimals, _, counts, _ = third.split()
    assert number == "3" and float(decimals) > 1e-3 and float(counts) > 1
    assert fourth.split() == ["4", "ValueError:", "other", "seed"]
    assert path.read_bytes() == before


def test_losses_of_one_batch_without_chance(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(COURSE))
    training = """model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
model.compile("sgd", "mse")
x = np.arange(200.0).reshape(100, 2) / 100
shift = keras.ops.convert_to_numpy(keras.random.randint((3,), -2, 3))
history = model.fit(x, x[:, 0], epochs=7, verbose=0, validation_data=(x, x[:, 0])).history
checks.claim("epochs", len(history["val_loss"]) + shift.sum(), equals=8)
raise ValueError("late")"""
    found = drift.losses(Lab(save(tmp_path / "lab.ipynb", SETUP, code("1"), code(training))), "tensorflow")
    assert [*found] == [1, 2, 3] and found[1] == found[2] == ([], "")
    ((first, *later),), stopped = found[3]
    assert stopped == "ValueError: late" and len(later) == drift.STEPS - 1
    assert first > later[0] > later[-1]


@pytest.mark.parametrize(
    ("ours", "theirs", "told"),
    [
        (([[1.0, 0.5]], ""), ([[1.001, 0.4995]], ""), ""),
        (([], "ValueError: here"), ([], "TypeError: there"), ""),
        (([[1.0, 0.5], [2.0]], ""), ([[1.0, 0.51], [2.0]], ""), "losses [1.0, 0.51] in place of [1.0, 0.5]"),
        (([[1.0]], ""), ([[float("nan")]], ""), "losses [nan] in place of [1.0]"),
        (([[1.0]], ""), ([[1.0, 1.0]], ""), "losses [1.0, 1.0] in place of [1.0]"),
        (([[1.0], [2.0]], ""), ([[1.0]], ""), "1 trainings in place of 2"),
        (([], ""), ([], "TypeError: there"), "stops: TypeError: there"),
    ],
)
def test_what_backends_do_differently(ours, theirs, told, tmp_path, monkeypatch, capsys):
    runs = {"tensorflow": {1: ours}, "torch": {1: theirs}}
    monkeypatch.setattr(drift, "installed", lambda: ["tensorflow", "torch"])
    monkeypatch.setattr(drift, "losses", lambda lab, backend: runs[backend])
    path = save(tmp_path / "99_tiny.ipynb", code("train"))
    assert main(["drift", "--backends", str(path)]) == bool(told)
    line = capsys.readouterr().out.removeprefix(f"99_tiny, torch: {len(theirs[0])} trainings\n  ")
    assert line.startswith("code cell 1 (train)" if told else "the same") and line.endswith(f"{told}\n")
    save(path, code("train", tags=["other-backend"]))
    assert main(["drift", "--backends", str(path)]) == (bool(told) and not told.startswith("losses"))


def test_no_other_backend_is_told(monkeypatch, capsys):
    monkeypatch.setattr(drift, "BACKENDS", ["tensorflow"])
    assert main(["drift", "--backends"]) == 1
    assert "there is no other backend to compare with: pip install jax torch" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in labs() if ".fit(" in path.read_text()], ids=lambda path: path.stem)
def test_labs_learn_the_same_on_every_backend(path):
    if len(drift.installed()) < 2:
        pytest.skip("there is no other backend: pip install jax torch")
    assert main(["drift", "--backends", str(path)]) == 0
