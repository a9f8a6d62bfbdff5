"""Claims that hold a lab's text to its results."""

import numpy as np

from utils import runtime
from utils.checks import stored


class ClaimError(AssertionError):
    """A result is not what the lab's text says."""


def claim(what, measured, *, at_least=None, at_most=None, equals=None, within=0.0, digits=6, clock=False):
    """Print what was measured and what the text says of it; fail when the two disagree.

    what: the result's name, as the text calls it
    measured: a number, or a sequence of numbers when `equals` is one
    at_least, at_most, equals: the bounds, of which at least one is needed; each a number, or a dictionary
        {"sample": number, "full": number} with one for each data mode
    within: how far `measured` may be from `equals`, absolutely
    digits: significant digits to print
    clock: True for a result that depends on the machine's speed; it is printed with a tilde

    Raises ClaimError when the claim does not hold, ValueError when it says nothing or misses a data mode.
    """
    (at_least, least), (at_most, most), (equals, exact) = map(_for_mode, (at_least, at_most, equals))
    values = np.asarray(measured, dtype=float)
    holds, said = [np.isfinite(values)], []
    if at_least is not None:
        holds.append(values >= _like(values, at_least, what))
        said.append(f"at least {least}")
    if at_most is not None:
        holds.append(values <= _like(values, at_most, what))
        said.append(f"at most {most}")
    if equals is not None:
        holds.append(np.abs(values - _like(values, equals, what)) <= within)
        said.append(f"{exact} give or take {within:g}" if within else f"exactly {exact}")
    if not said:
        raise ValueError(f"the claim {what!r} has no bound: give at_least, at_most or equals")
    said = ", ".join(said)
    shown = ("~" if clock else "") + _text(values, digits)
    if not np.all(holds):
        raise ClaimError(
            f"✘ {what}: {shown}, but the text says {said} (on {runtime.data_mode()} data). If you changed a cell "
            "above, that is why: good, now explain the difference, or undo the change to go on. If you changed "
            f"nothing, restart the kernel and run all cells from the top. {stored.unlike()}"
        )
    print(f"✔ {what}: {shown} ({said})")


def _for_mode(bound):
    """The bound of this data mode, and in words, with those of other modes."""
    if not isinstance(bound, dict):
        return bound, "" if bound is None else _text(bound)
    if set(bound) != set(runtime.MODES):
        raise ValueError(f"a bound for {', '.join(map(str, bound))}: give one for each of {', '.join(runtime.MODES)}")
    mode = runtime.data_mode()
    others = [f", on {other} data {_text(value)}" for other, value in bound.items() if other != mode]
    return bound[mode], _text(bound[mode]) + "".join(others)


def _like(values, bound, what):
    bound = np.asarray(bound, dtype=float)
    if bound.shape != values.shape:
        raise ValueError(f"the claim {what!r} compares shape {values.shape} with a bound of shape {bound.shape}")
    return bound


def _text(values, digits=None):
    """`values` to so many significant digits, or with as few as tell the number apart."""
    if np.ndim(values):
        return "[" + ", ".join(_text(value, digits) for value in values) + "]"
    text = f"{float(values):.{digits}g}" if digits else repr(float(values)).removesuffix(".0")
    return f"{float(text):.0f}" if "e+" in text and abs(float(text)) < 1e15 else text
