"""Exercise checks know right from wrong, and which wrong; they hand on what the lab's own version would give."""

import functools
import os
import sys
import threading
import time
from collections import namedtuple

import numpy as np
import pytest

from utils import checks
from utils.checks import exercises

CASES = [((np.array([1.0, 3.0]),), 4.0), ((np.array([2.0]),), 2.0), ((np.array([-1.0, 1.0]),), 0.0)]
MISTAKES = [(np.mean, "The mean."), (np.max, "The largest."), (lambda values: np.nan, "No number.")]
ONWARD = "The lab goes on with its own version"
ON_PAPER = f"Work the case out on paper and compare step by step. {ONWARD}.\n"
RIGHT = "right on every case. The lab goes on with yours.\n"
TABLE = np.array([1.0, 2.0])
PAIR = (0.5, 3)


def outcome(capsys, attempt, solution=np.sum, cases=CASES, mistakes=MISTAKES):
    """Whether the lab goes on with the attempt, and what was said."""
    if hasattr(attempt, "__name__"):
        attempt.__name__ = "attempt"
    usable = checks.exercise(attempt, solution, cases, mistakes)
    assert usable is attempt or usable is solution
    return usable is attempt, capsys.readouterr().out


def refused(capsys, attempt, **changes):
    """What was said of an attempt that the lab does not go on with."""
    accepted, said = outcome(capsys, attempt, **changes)
    assert not accepted
    return said


def giving(result):
    return {"solution": lambda: result, "cases": [((), result)], "mistakes": ()}


def raising(error):
    def attempt(values):
        raise error

    return attempt


def test_right_attempt_is_used_whatever_can_be_called(capsys):
    assert outcome(capsys, lambda values: sum(values)) == (True, f"✔ attempt: {RIGHT}")
    assert outcome(capsys, functools.partial(np.sum, axis=0)) == (True, f"✔ partial: {RIGHT}")


def test_untouched_stub_leaves_the_solution(capsys):
    assert refused(capsys, raising(NotImplementedError)) == f"✎ attempt: not written yet. {ONWARD}.\n"


@pytest.mark.parametrize(("wrong", "hint"), MISTAKES)
def test_known_mistakes_get_their_own_hint_and_print_once(capsys, wrong, hint):
    said = refused(capsys, lambda values: print("mine") or wrong(values))
    assert said.startswith("mine\n✘ attempt([1., 3.]) gave ") and said.count("mine") == 1
    assert said.endswith(f"expected 4.\n  {hint} {ONWARD}.\n")


def test_other_mistakes_get_general_advice(capsys):
    assert refused(capsys, lambda values: 4.0) == f"✘ attempt([2.]) gave 4, expected 2.\n  {ON_PAPER}"
    breaks_later = {4.0: 2.0}
    assert refused(capsys, lambda values: breaks_later[sum(values)]).endswith(ON_PAPER)
    assert refused(capsys, lambda values: np.sum(values) * (1 + 1e-5)).endswith(ON_PAPER)
    said = refused(capsys, lambda values: None)
    assert "gave None, expected 4.\n  It gave back nothing: does it end with `return`?" in said


class MuteError(Exception):
    def __str__(self):
        raise RuntimeError


def test_an_attempt_that_stops_is_told_how(capsys):
    for attempt, stopped in [
        (lambda values: values.missing, "stopped with AttributeError: 'numpy.ndarray' object has no attribute"),
        (lambda values: sys.exit("bye"), "stopped with SystemExit: bye"),
        (raising(MuteError()), "stopped with MuteError: <"),
        (raising(ValueError("x" * 10_000)), f"stopped with ValueError: {'x' * 150} … {'x' * 75}\n"),
        (raising(KeyboardInterrupt), "was stopped: does its loop end?\n"),
    ]:
        said = refused(capsys, attempt)
        assert said.startswith(f"✘ attempt([1., 3.]) {stopped}")
        assert said.endswith(f"\n  {ONWARD}; mend yours and run both cells again.\n")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no timer that interrupts")
@pytest.mark.parametrize("always", [True, False])  # or only when a wrong attempt is tried further
def test_a_loop_without_end_is_stopped(capsys, monkeypatch, always):
    monkeypatch.setattr(exercises, "SECONDS", 0.1)

    def attempt(values):
        while always or len(values) == 1:
            pass
        return 7.0

    told = "was stopped: does its loop end?" if always else f"gave 7, expected 4.\n  {ON_PAPER}"
    assert refused(capsys, attempt).startswith(f"✘ attempt([1., 3.]) {told}")
    time.sleep(0.15)  # nothing is interrupted afterwards


def test_outside_the_main_thread_nothing_is_interrupted(capsys):
    found = []
    thread = threading.Thread(target=lambda: found.append(outcome(capsys, lambda values: sum(values))))
    thread.start()
    thread.join()
    assert found[0][0]


@pytest.mark.parametrize(("attempt", "shown"), [(4.0, "4"), ("sum", "'sum'"), (None, "None")])
def test_what_is_no_function_is_told_so(capsys, attempt, shown):
    said = f"✘ {shown} is no function: write one with `def`, as the exercise begins. {ONWARD}.\n"
    assert refused(capsys, attempt) == said


class OtherTensor:
    """Like one that stands in a gradient: it refuses to become an array."""

    def __array__(self, *_, **__):
        raise RuntimeError("detach it first")

    def __repr__(self):
        raise RuntimeError


def test_the_kind_must_be_that_of_the_solution(capsys):
    """Or the cells below, which use the reader's function, would break."""
    for wanted, result, kinds in [
        (4.0, "4.0", ("a str", "a number")),
        (4.0, [4.0], ("a list", "a number")),
        (4.0, np.array(4 + 5j), ("a complex128", "a number")),
        (1.0, True, ("a truth value", "a number")),
        (4.0, OtherTensor(), ("an OtherTensor", "a number")),
        (True, 1, ("a number", "a truth value")),
        (TABLE, [1.0, 2.0], ("a list", "an array of numbers")),
        (PAIR, [0.5, 3], ("a list", "a tuple of a number and a number")),
        (TABLE, (1.0, 2.0), ("a tuple of a number and a number", "an array of numbers")),
        (TABLE, np.ma.array(TABLE, mask=[0, 1]), ("a MaskedArray", "an array of numbers")),
        (TABLE, TABLE.astype(object), ("an array of object", "an array of numbers")),
        (np.array([True, False]), np.array([1, 0]), ("an array of numbers", "an array of bool")),
        (PAIR, (np.ones(()), np.ones(1)), ("a tuple of a number and an array of numbers", "a tuple of a number and")),
    ]:
        said = refused(capsys, lambda result=result: result, **giving(wanted))
        assert said.startswith("✘ attempt() gave ")
        assert f"\n  It came as {kinds[0]}, but the lab needs {kinds[1]}" in said


@pytest.mark.parametrize(("library", "make"), [("tensorflow", "constant"), ("torch", "tensor"), ("pandas", "Series")])
def test_tensors_and_tables_of_other_libraries_are_no_arrays(capsys, library, make):
    made = getattr(pytest.importorskip(library), make)
    assert ", but the lab needs an array of numbers." in refused(capsys, lambda: made([1.0, 2.0]), **giving(TABLE))
    assert ", but the lab needs a number." in refused(capsys, lambda: made(4.0), **giving(4.0))


def test_numbers_of_python_and_of_numpy_are_alike(capsys):
    for wanted, result in [
        (4.0, np.float32(4)),
        (4, 4.0),
        (4.0, np.array(4 + 1e-8)),  # rounding is forgiven
        (True, np.bool_(True)),
        (TABLE, np.array([1, 2], dtype="uint8")),
        (PAIR, (np.float64(0.5), np.int64(3))),
        (PAIR, namedtuple("Pair", "place steps")(0.5, 3)),
        ((TABLE, 3.0), (TABLE.copy(), 3)),  # weights and a bias
    ]:
        assert outcome(capsys, lambda result=result: result, **giving(wanted))[0]


NEGATED = (lambda values: np.negative(values, out=values), CASES, "[1., 3.]")
CLEARED = (list.clear, [(([1.0, 3.0],), 4.0)], "[1.0, 3.0]")


@pytest.mark.parametrize(("change", "cases", "shown"), [NEGATED, CLEARED])
def test_an_attempt_that_changes_its_arguments_is_told_so(capsys, change, cases, shown):
    said = refused(capsys, lambda values: (np.sum(values), change(values))[0], cases=cases, mistakes=())
    cure = f"Work on a copy, as `values.copy()` makes one. {ONWARD}."
    assert said == f"✘ attempt({shown}) changed what it was given.\n  {cure}\n"
    assert list(cases[0][0][0]) == [1.0, 3.0]


def test_arguments_that_cannot_be_written_down_are_not_judged(capsys):
    cases = [((lambda x: x + 1, np.array([np.nan, 1.0])), 2.0)]
    assert outcome(capsys, lambda step, values: step(values[1]), lambda step, values: 2.0, cases, ())[0]


def test_values_are_shown_on_one_short_line_as_a_learner_would_write_them():
    table = np.array([[1.0, 2.5], [3.0, 0.25]])
    values = (table, (np.float64(0.1) * 3, 2), np.sum, "text", [1.0], np.float32(0.5))
    assert exercises._plain(values) == "([[1. , 2.5 ], [3. , 0.25]], (0.3, 2), sum, 'text', [1.0], 0.5)"
    long = exercises._plain(list(range(1_000_000)))
    assert len(long) < 500 and long.startswith("[0, 1, 2, 3, ") and " … " in long and long.endswith(", 999999]")


def test_a_broken_exercise_is_an_error(capsys):
    for cases, message in [
        ([(([1.0, 3.0],), 5.0)], "the solution sum fails the cases of attempt"),
        ([(([2.0],), 2.0)], "the mistake mean passes the cases of attempt"),
        ([], "the solution sum has no cases of attempt"),
    ]:
        with pytest.raises(AssertionError, match=message):
            outcome(capsys, lambda values: sum(values), cases=cases)
