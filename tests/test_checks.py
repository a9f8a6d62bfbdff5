"""Claims hold text to results; exercise checks know right from wrong, and which wrong."""

import numpy as np
import pytest

from utils import checks, runtime
from utils.checks import exercises


@pytest.fixture(autouse=True)
def sample_mode(monkeypatch):
    monkeypatch.setenv("LABS_DATA", "sample")
    monkeypatch.setattr(runtime, "reported", [])
    yield
    runtime.use_data(None)


def said(capsys, *arguments, **named):
    checks.claim(*arguments, **named)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("measured", "bounds", "line"),
    [
        (0.9412349, {"at_least": 0.93}, "✔ it: 0.941235 (at least 0.93)\n"),
        (0.93, {"at_least": 0.93}, "✔ it: 0.93 (at least 0.93)\n"),
        (3, {"at_most": 3}, "✔ it: 3 (at most 3)\n"),
        (2, {"at_least": 1, "at_most": 3}, "✔ it: 2 (at least 1, at most 3)\n"),
        (5.0, {"equals": 5}, "✔ it: 5 (exactly 5)\n"),
        (5.004, {"equals": 5, "within": 0.01}, "✔ it: 5.004 (5 give or take 0.01)\n"),
        ([1, 2.5], {"equals": (1, 2.5)}, "✔ it: [1, 2.5] (exactly [1, 2.5])\n"),
        (311.7, {"at_least": 5, "digits": 2, "clock": True}, "✔ it: ~310 (at least 5)\n"),
        (1 / 3, {"at_most": 1, "digits": 3}, "✔ it: 0.333 (at most 1)\n"),
        (np.float32(0.5), {"equals": 0.5}, "✔ it: 0.5 (exactly 0.5)\n"),
    ],
)
def test_a_claim_that_holds_is_one_line(capsys, measured, bounds, line):
    assert said(capsys, "it", measured, **bounds) == line


@pytest.mark.parametrize(
    ("measured", "bounds", "text"),
    [
        (0.92, {"at_least": 0.93}, "✘ it: 0.92, but the text says at least 0.93 "),
        (3.01, {"at_most": 3}, "✘ it: 3.01, but the text says at most 3 "),
        (4, {"at_least": 1, "at_most": 3}, "at least 1, at most 3 "),
        (0, {"at_least": 1, "at_most": 3}, "at least 1, at most 3 "),
        (5.001, {"equals": 5}, "exactly 5 "),
        (4.98, {"equals": 5, "within": 0.01}, "5 give or take 0.01 "),
        (5.02, {"equals": 5, "within": 0.01}, "5 give or take 0.01 "),
        ([1, 2], {"equals": (2, 1)}, "exactly [2, 1] "),
        (float("nan"), {"at_most": 3}, "✘ it: nan"),
        (float("inf"), {"at_least": 3}, "✘ it: inf"),
    ],
)
def test_a_claim_that_does_not_hold_says_what_to_do(capsys, measured, bounds, text):
    with pytest.raises(checks.ClaimError) as error:
        checks.claim("it", measured, **bounds)
    assert text in str(error.value)
    assert (
        "(on sample data). If you changed a cell above, that is why: good, now explain the difference, or undo the "
        "change to go on. If you changed nothing, restart the kernel and run all cells from the top. "
        "Unlike the stored run, setup: the setup cell has not run."
    ) in str(error.value)
    assert capsys.readouterr().out == ""


def test_thresholds_by_data_mode(capsys):
    bounds = {"at_least": {"sample": 0.8, "full": 0.9}}
    assert said(capsys, "accuracy", 0.85, **bounds) == "✔ accuracy: 0.85 (at least 0.8, on full data 0.9)\n"
    runtime.use_data("full")
    with pytest.raises(checks.ClaimError, match=r"at least 0\.9, on sample data 0\.8 \(on full data\)"):
        checks.claim("accuracy", 0.85, **bounds)


@pytest.mark.parametrize("bound", [{"sample": 1}, {"sample": 1, "full": 1, "half": 1}, {"sample": 1, "lluf": 1}])
def test_a_bound_without_just_the_data_modes_is_refused(bound):
    with pytest.raises(ValueError, match=f"a bound for {', '.join(bound)}: give one for each of sample, full"):
        checks.claim("it", 1, equals=bound)


def test_bounds_are_named():
    with pytest.raises(TypeError):
        checks.claim("it", 1, 0)


def test_a_claim_without_bounds_is_refused():
    with pytest.raises(ValueError, match="'it' has no bound: give at_least, at_most or equals"):
        checks.claim("it", 1)


@pytest.mark.parametrize("bounds", [{"equals": (1, 1)}, {"at_least": (0, 0)}, {"at_most": (2, 2)}])
def test_shapes_must_agree(bounds):
    with pytest.raises(ValueError, match=r"compares shape \(\) with a bound of shape \(2,\)"):
        checks.claim("it", 1, **bounds)


CASES = [((np.array([1.0, 3.0]),), 4.0), ((np.array([2.0]),), 2.0), ((np.array([-1.0, 1.0]),), 0.0)]


def total(values):
    return np.sum(values)


def mean(values):
    return np.mean(values)


def largest(values):
    return np.max(values)


MISTAKES = [(mean, "That is the mean."), (largest, "That is the largest.")]


def outcome(capsys, attempt, cases=CASES, mistakes=MISTAKES):
    attempt.__name__ = "attempt"
    usable = checks.exercise(attempt, total, cases, mistakes)
    return usable, capsys.readouterr().out


def test_right_attempt_is_used(capsys):
    def attempt(values):
        return sum(values)

    usable, out = outcome(capsys, attempt)
    assert usable is attempt
    assert out == "✔ attempt: right on every case. The lab goes on with yours.\n"


def test_untouched_stub_leaves_the_solution(capsys):
    def attempt(values):
        raise NotImplementedError

    usable, out = outcome(capsys, attempt)
    assert usable is total
    assert out == "✎ attempt: not written yet. The lab goes on with its own version.\n"


def test_a_mistake_that_gives_no_number_gets_its_hint(capsys):
    def no_number(values):
        return np.nan

    def attempt(values):
        return np.nan

    def solution(values):
        return 4.0

    checks.exercise(attempt, solution, [(([1, 3],), 4.0)], [(no_number, "That is not a number.")])
    assert "gave nan, expected 4.\n  That is not a number. The lab" in capsys.readouterr().out


@pytest.mark.parametrize(("wrong", "hint"), [(mean, "That is the mean."), (largest, "That is the largest.")])
def test_known_mistakes_get_their_own_hint(capsys, wrong, hint):
    usable, out = outcome(capsys, lambda values: wrong(values))
    assert usable is total
    assert out.startswith("✘ attempt([1., 3.]) gave ")
    assert out.endswith(f"expected 4.\n  {hint} The lab goes on with its own version.\n")


def test_what_a_wrong_attempt_prints_is_seen_once(capsys):
    def attempt(values):
        print("mine")
        return mean(values)

    _, out = outcome(capsys, attempt)
    assert out.startswith("mine\n✘ attempt([1., 3.]) gave ") and out.count("mine") == 1
    assert "That is the mean." in out


def test_unknown_mistake_gets_general_advice(capsys):
    usable, out = outcome(capsys, lambda values: 4.0)
    assert usable is total
    assert out == (
        "✘ attempt([2.]) gave 4, expected 2.\n"
        "  Work the case out on paper and compare step by step. The lab goes on with its own version.\n"
    )


def test_forgotten_return_is_told(capsys):
    assert (
        "gave None, expected 4.\n  It gave back nothing: does it end with `return`?"
        in outcome(capsys, lambda v: None)[1]
    )


def test_exception_is_told_with_its_name(capsys):
    usable, out = outcome(capsys, lambda values: values.missing)
    assert usable is total
    assert out.startswith("✘ attempt([1., 3.]) stopped with AttributeError: ")
    assert out.endswith("\n  The lab goes on with its own version; mend yours and run both cells again.\n")


@pytest.mark.parametrize("result", [[4.0], "four", {"a": 1}, np.array([4.0, 4.0])])
def test_other_kinds_and_shapes_are_wrong(capsys, result):
    usable, out = outcome(capsys, lambda values: result)
    assert usable is total
    assert out.startswith("✘ attempt([1., 3.]) gave ")


def test_an_attempt_that_breaks_on_a_later_case_matches_no_mistake(capsys):
    def attempt(values):
        return 2.0 if len(values) == 2 and values[0] == 1 else values.missing

    assert "Work the case out on paper" in outcome(capsys, attempt)[1]


def test_values_are_shown_on_one_line_as_a_learner_would_write_them():
    table = np.array([[1.0, 2.5], [3.0, 0.25]])
    shown = exercises._shown((table, (np.float64(0.1) * 3, 2), total, "text", [1.0], np.float32(0.5)))
    assert shown == "([[1. , 2.5 ], [3. , 0.25]], (0.3, 2), total, 'text', [1.0], 0.5)"


def test_rounding_is_forgiven_and_no_more(capsys):
    assert outcome(capsys, lambda v: total(v) * (1 + 1e-8))[1].startswith("✔")
    assert outcome(capsys, lambda v: total(v) * (1 + 1e-5))[1].startswith("✘")


def test_an_attempt_cannot_spoil_the_cases(capsys):
    def attempt(values):
        values += 1
        return np.sum(values) - len(values)

    assert outcome(capsys, attempt)[1].startswith("✔")
    assert CASES[0][0][0].tolist() == [1.0, 3.0]


def test_a_solution_that_fails_its_cases_is_an_error():
    with pytest.raises(AssertionError, match="the solution total fails the cases of mean"):
        checks.exercise(mean, total, [((np.array([1.0, 3.0]),), 5.0)])


def test_a_mistake_that_passes_the_cases_is_an_error():
    with pytest.raises(AssertionError, match="the mistake mean passes the cases of total"):
        checks.exercise(total, total, [((np.array([2.0]),), 2.0)], [(mean, "no")])


def without_solution(capsys, attempt):
    attempt.__name__ = "attempt"
    results = [([2.0, 2.0, 0.0], "That is the mean."), ([3.0, 2.0, 1.0], "That is the largest.")]
    usable = checks.exercise(attempt, None, CASES, results)
    return usable, capsys.readouterr().out


def test_a_right_attempt_needs_no_solution(capsys):
    def attempt(values):
        return sum(values)

    usable, out = without_solution(capsys, attempt)
    assert usable is attempt
    assert out == "✔ attempt: right on every case. The lab goes on with yours.\n"
    assert checks.solved(usable)
    assert capsys.readouterr().out == ""


def test_without_a_solution_an_untouched_stub_leaves_nothing_to_go_on_with(capsys):
    def attempt(values):
        raise NotImplementedError

    usable, out = without_solution(capsys, attempt)
    assert out == "✎ attempt: not written yet. What builds on it waits.\n"
    assert not checks.solved(total, usable, mean)
    assert capsys.readouterr().out == "✎ This waits for attempt: run it again when the check there says ✔.\n"
    assert not checks.solved(usable, checks.Unsolved("other"))
    assert "waits for attempt and other:" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="attempt is not solved yet: write it"):
        usable(np.array([1.0]), factor=2)


@pytest.mark.parametrize(("wrong", "hint"), [(mean, "That is the mean."), (largest, "That is the largest.")])
def test_mistakes_are_known_by_their_results_too(capsys, wrong, hint):
    usable, out = without_solution(capsys, lambda values: wrong(values))
    assert isinstance(usable, checks.Unsolved)
    assert out.endswith(f"expected 4.\n  {hint} What builds on it waits.\n")


def test_without_a_solution_an_attempt_that_stops_is_told_so(capsys):
    usable, out = without_solution(capsys, lambda values: values.missing)
    assert isinstance(usable, checks.Unsolved)
    assert out.endswith("\n  What builds on it waits; mend yours and run both cells again.\n")


def test_right_results_are_no_mistake():
    with pytest.raises(AssertionError, match="the mistake with these results passes the cases of total"):
        checks.exercise(total, None, CASES, [([4.0, 2.0, 0.0], "no")])
