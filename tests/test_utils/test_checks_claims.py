"""Claims hold text to results."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy

from utils import checks, runtime


@pytest.fixture(autouse=True)
def sample_mode(monkeypatch):
    monkeypatch.setenv("LABS_DATA", "sample")
    monkeypatch.setattr(runtime, "reported", [])
    yield
    runtime.use_data(None)


def test_a_claim_that_holds_is_one_line(capsys):
    for measured, bounds, line in [
        (0.9412349, {"at_least": 0.93}, "0.941235 (at least 0.93)"),
        (0.93, {"at_least": 0.93}, "0.93 (at least 0.93)"),
        (3, {"at_least": 1, "at_most": 3}, "3 (at least 1, at most 3)"),
        (5.0, {"equals": 5}, "5 (exactly 5)"),
        (5.004, {"equals": 5, "within": 0.01}, "5.004 (5 give or take 0.01)"),
        ([1, 2.5], {"equals": (1, 2.5)}, "[1, 2.5] (exactly [1, 2.5])"),
        (311.7, {"at_least": 5, "digits": 2, "clock": True}, "~310 (at least 5)"),
        (np.float32(0.5), {"equals": 0.5}, "0.5 (exactly 0.5)"),
        (np.bool_(True), {"equals": True}, "1 (exactly 1)"),
        (Decimal("0.5"), {"equals": Fraction(1, 2)}, "0.5 (exactly 0.5)"),
        (sympy.Integer(12), {"equals": 12}, "12 (exactly 12)"),
    ]:
        checks.claim("it", measured, **bounds)
        assert capsys.readouterr().out == f"✔ it: {line}\n"


def test_a_claim_that_does_not_hold_says_what_to_do(capsys):
    for measured, bounds, text in [
        (4, {"at_least": 1, "at_most": 3}, "4, but the text says at least 1, at most 3 "),
        (0, {"at_least": 1, "at_most": 3}, "0, but the text says at least 1, at most 3 "),
        (5.001, {"equals": 5}, "5.001, but the text says exactly 5 "),
        (4.98, {"equals": 5, "within": 0.01}, "4.98, but the text says 5 give or take 0.01 "),
        ([1, 2], {"equals": (2, 1)}, "[1, 2], but the text says exactly [2, 1] "),
        (float("nan"), {"at_most": 3}, "nan, but"),
        (float("inf"), {"at_least": 3}, "inf, but"),
        # what is shown does not do as the text says either
        (np.float32(0.1), {"equals": 0.1}, "0.100000001, but the text says exactly 0.1 "),
        (0.1 + 0.2, {"equals": 0.3}, "0.30000000000000004, but the text says exactly 0.3 "),
        (0.92999, {"at_least": 0.93, "digits": 2}, "0.92999, but the text says at least 0.93 "),
        (5.0100001, {"equals": 5, "within": 0.01}, "5.0100001, but the text says 5 give or take 0.01 "),
        ([1, 2.0000001], {"equals": (1, 2)}, "[1, 2.0000001], but the text says exactly [1, 2] "),
    ]:
        with pytest.raises(checks.ClaimError) as error:
            checks.claim("it", measured, **bounds)
        assert str(error.value).startswith(f"✘ it: {text}")
        assert "(on sample data). Unlike the stored run, setup: the setup cell has not run. If you " in str(error.value)
        assert str(error.value).endswith("If you changed nothing, restart the kernel and run all cells from the top.")
        assert capsys.readouterr().out == ""


def test_thresholds_by_data_mode(capsys):
    bounds = {"at_least": {"sample": 0.8, "full": 0.9}}
    checks.claim("accuracy", 0.85, **bounds)
    assert capsys.readouterr().out == "✔ accuracy: 0.85 (at least 0.8, on full data 0.9)\n"
    runtime.use_data("full")
    with pytest.raises(checks.ClaimError, match=r"at least 0\.9, on sample data 0\.8 \(on full data\)"):
        checks.claim("accuracy", 0.85, **bounds)


def test_where_a_data_mode_has_no_bound_nothing_is_claimed(capsys):
    checks.claim("times faster", 0.3, at_least={"full": 15}, clock=True)
    assert capsys.readouterr().out == "times faster: ~0.3 (on full data 15)\n"
    runtime.use_data("full")
    with pytest.raises(checks.ClaimError, match="at least 15 "):
        checks.claim("times faster", 0.3, at_least={"full": 15}, clock=True)


def test_two_ways_agree_or_not(capsys):
    checks.agree("loop and formula", [1, 2], np.array([1, 2.001]), within=0.01)
    checks.agree("both", 3, 3, within=0)
    assert capsys.readouterr().out == "✔ loop and formula agree to within 0.01\n✔ both agree to within 0\n"
    for other in (np.array([1, 2.011]), [1, float("nan")]):
        with pytest.raises(checks.ClaimError, match=r"loop and formula: .* apart, but the text says at most 0.01"):
            checks.agree("loop and formula", [1, 2], other, within=0.01)


def test_a_claim_of_a_lab_that_the_reader_changed_only_says_so(capsys, monkeypatch):
    monkeypatch.setattr("utils.checks.recorded.edits", lambda: "In [4] is not the lab's (rate = 9)")
    with pytest.raises(checks.ClaimError):  # in a kernel of the tests, or of who stores a lab
        checks.claim("it", 4, at_most=3)
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    checks.claim("it", 4, at_most=3)
    checks.agree("both", 4, 3, within=0.1)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("✘ it: 4, but the text says at most 3 (on sample data). That was written for the lab")
    assert all(line.endswith("and In [4] is not the lab's (rate = 9).") for line in said)


class Broken:
    def __array__(self, *_, **__):
        raise RuntimeError


def test_a_claim_that_says_nothing_is_refused():
    for measured, bounds, message in [
        (1, {}, "the claim 'it' has no bound: give at_least, at_most or equals"),
        (1, {"equals": {}}, "a bound for : give them for sample and full"),
        (1, {"at_least": {"sample": 1, "lluf": 1}}, "a bound for sample, lluf: give them for sample and full"),
        (1, {"equals": (1, 1)}, r"the claim 'it' compares shape \(\) with a bound of shape \(2,\)"),
        ("0.95", {"at_least": 0.9}, "the claim 'it' compares numbers, but was given '0.95'"),
        (np.array(0.95 + 1j), {"at_least": 0.9}, "the claim 'it' compares numbers, but was given array"),
        ([1, [2]], {"equals": 0.9}, r"the claim 'it' compares numbers, but was given \[1, \[2\]\]"),
        (None, {"at_most": 0.9}, "the claim 'it' compares numbers, but was given None"),
        (Broken(), {"at_most": 0.9}, "the claim 'it' compares numbers, but was given <"),
        (1, {"at_most": "1"}, "the claim 'it' compares numbers, but was given '1'"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            checks.claim("it", measured, **bounds)
