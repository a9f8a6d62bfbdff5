"""Claims that hold a lab's text to its results."""

import contextlib
import os
import reprlib

import numpy as np

from utils import runtime
from utils.checks import recorded


class ClaimError(AssertionError):
    """A result is not what the lab's text says."""


def claim(what, measured, *, at_least=None, at_most=None, equals=None, within=0.0, digits=6, clock=False):
    """Print what was measured and what the text says of it; fail when the two disagree.

    what: the result's name, as the text calls it
    measured: a number, or a sequence of numbers when `equals` is one
    at_least, at_most, equals: the bounds, of which at least one is needed; each a number, or a dictionary
        {"sample": number, "full": number} with one for each data mode; for a mode without a bound, the number is
        printed and nothing is claimed
    within: how far `measured` may be from `equals`, absolutely
    digits: significant digits to print
    clock: True for a result that depends on the machine's speed; it is printed with a tilde

    Raises ClaimError when the claim does not hold, unless the reader changed the lab: then it prints why. Raises
    ValueError when the claim says nothing or is not about numbers.
    """
    values, tests, said = _numbers(measured, what), [], []
    for bound, words, compare in (
        (at_least, "at least {}", np.greater_equal),
        (at_most, "at most {}", np.less_equal),
        (equals, f"{{}} give or take {within:g}" if within else "exactly {}", lambda a, b: np.abs(a - b) <= within),
    ):
        if bound is not None:
            bound, text = _for_mode(bound, words)
            said.append(text)
            if bound is None:
                continue
            bound = _numbers(bound, what)
            if (has := values.shape) != bound.shape:
                raise ValueError(f"the claim {what!r} compares shape {has} with a bound of shape {bound.shape}")
            tests.append((compare, bound))
    if not said:
        raise ValueError(f"the claim {what!r} has no bound: give at_least, at_most or equals")

    def holds(values):
        return np.isfinite(values).all() and all(compare(values, bound).all() for compare, bound in tests)

    held, said = holds(values), ", ".join(said)
    while not held and holds(_rounded(values, digits)):  # or the message would show numbers that do as the text says
        digits += 1
    shown = ("~" if clock else "") + _text(values, digits)
    if not held:
        _fail(f"{what}: {shown}, but the text says {said} (on {runtime.data_mode()} data)")
    else:
        print(f"{'✔ ' if tests else ''}{what}: {shown} ({said})")


def agree(what, one, other, within):
    """Print that two ways to the same numbers agree, or say by how much they do not.

    what: the two ways, such as "loop and formula"
    one, other: numbers, or arrays that broadcast
    within: how far they may be apart, absolutely

    Raises ClaimError when they are further apart, unless the reader changed the lab: then it prints why.
    """
    apart = np.max(np.abs(np.subtract(_numbers(one, what), _numbers(other, what))))
    if apart <= within:
        print(f"✔ {what} agree to within {within:g}")
    else:
        _fail(f"{what}: {apart:.3g} apart, but the text says at most {within:g}")


def _fail(message):
    edits = recorded.edits()
    if edits and "PYTEST_CURRENT_TEST" not in os.environ:  # the tests and who stores a lab want the error
        print(f"✘ {message}. That was written for the lab as it stands, and {edits}.")
        return
    raise ClaimError(
        f"✘ {message}. {recorded.unlike()} If you changed a cell above, that is why: good, now explain the difference, "
        "or undo the change to go on. If you changed nothing, restart the kernel and run all cells from the top."
    )


def _for_mode(bound, words):
    """The bound of this data mode, or None, and in words, with those of other modes."""
    if not isinstance(bound, dict):
        return bound, words.format(_text(bound))
    if not bound or not set(bound) <= set(runtime.MODES):
        raise ValueError(f"a bound for {', '.join(map(str, bound))}: give them for {' and '.join(runtime.MODES)}")
    mode = runtime.data_mode()
    here = [words.format(_text(bound[mode]))] if mode in bound else []
    others = [f"on {other} data {_text(value)}" for other, value in bound.items() if other != mode]
    return bound.get(mode), ", ".join(here + others)


def _numbers(values, what):
    with contextlib.suppress(Exception):  # whatever a value's own conversion raises
        array = np.asarray(values)
        if array.dtype == object:  # numbers of sympy and the like; text has no such method
            array = np.reshape([value.__float__() for value in array.flat], array.shape)
        if np.can_cast(array.dtype, float, "same_kind"):
            return array.astype(float)
    raise ValueError(f"the claim {what!r} compares numbers, but was given {reprlib.repr(values)}")


def _rounded(values, digits):
    return np.reshape([float(f"{value:.{digits}g}") for value in values.flat], values.shape)


def _text(values, digits=None):
    """`values` to so many significant digits, or with as few as tell the number apart."""
    if np.ndim(values):
        return "[" + ", ".join(_text(value, digits) for value in values) + "]"
    text = f"{float(values):.{digits}g}" if digits else repr(float(values)).removesuffix(".0")
    return f"{float(text):.0f}" if "e+" in text and abs(float(text)) < 1e15 else text
