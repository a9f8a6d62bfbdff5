"""The program of lab 10: an answer for two scores, a clear message for every other input."""

import subprocess
import sys

import numpy as np
import pytest

from labs.apps import admission as app
from tests.test_labs import network, runner

run = runner(app)
SIGMOID = ("Activation", "sigmoid")


@pytest.fixture
def trained(tmp_path):
    """A file with a model whose logit is the sum of both scores, each less 50 and divided by 10."""
    path = tmp_path / "admission.keras"
    network((2,), ("Normalization", -1, 50.0, 100.0), ("Dense", 1, "sigmoid", True, "ones")).save(path)
    return path


def test_in_a_process_of_its_own(trained):
    command = [sys.executable, app.__file__, "--model", str(trained), "60", "50"]
    result = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stdout) == (0, "Admitted: the probability of admission is 0.731\n")


def test_answers(trained, run):
    said = "the probability of admission is"
    assert run("--model", trained, 50, 50) == (0, f"Admitted: {said} 0.500\n", "")
    assert run("--model", trained, 0, 99.5) == (0, f"Sorry: {said} 0.488\n", "")
    assert run("--model", trained, 100, 100) == (0, f"Admitted: {said} 1.000\n", "")


def test_scores_that_cannot_be_used(run, tmp_path):
    for scores, message in [
        ((130, 75), "argument exam_1: 130 is not an exam score: it should be a number from 0 to 100"),
        ((38, -1), "argument exam_2: -1 is not an exam score"),
        ((38, "nan"), "argument exam_2: nan is not an exam score"),
        (("much", 75), "argument exam_1: 'much' is not a number; write it in digits"),
    ]:
        code, out, err = run("--model", tmp_path, *scores)
        assert (code, out) == (2, "") and message in err


def test_a_file_that_is_no_model_for_it_is_one_clear_line(run, tmp_path):
    for name, content, message in [
        ("model.h5", b"", "{} is no .keras file"),
        ("none.keras", None, "there is no model file {}: run lab 10"),
        ("a.keras", b"PK", "{} cannot be read as a Keras model (BadZipFile)"),
        ("a.keras", [(2,), ("Lambda", abs), ("Dense", 1)], "{} cannot be read as a Keras model (ValueError)"),
        ("a.keras", [(3,), ("Dense", 1), SIGMOID], "{} takes shape (None, 3) and gives (None, 1), not two scores"),
        ("a.keras", [(2,), ("Rescaling", np.nan), ("Dense", 1), SIGMOID], "{} gives nan, which is no probability"),
        ("a.keras", [(2,), ("Rescaling", 0), ("Dense", 1), ("Rescaling", 1, 9)], "{} gives 9, which is no probability"),
        ("a.keras", [(2,), ("Embedding", 1, 1), ("Flatten",), ("Dense", 1), SIGMOID], "{} cannot judge two scores ("),
    ]:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif content:
            network(*content).save(path)
        code, out, err = run("--model", path, 38, 75)
        assert (code, out, len(err.splitlines())) == (1, "", 1)
        assert err.startswith(f"admission.py: {message.format(path)}")


def test_a_python_without_the_courses_packages(trained, monkeypatch, run):
    monkeypatch.setitem(sys.modules, "keras", None)
    code, out, err = run("--model", trained, 38, 75)
    assert (code, out) == (1, "") and "no package keras: run the program with the course's own" in err
