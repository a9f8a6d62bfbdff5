"""Claims that hold a lab's text to its results, and checks of the reader's exercises."""

import copy

import numpy as np

from utils import runtime


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
            "nothing, restart the kernel and run all cells from the top."
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


def exercise(attempt, solution, cases, mistakes=()):
    """Try the reader's function on known cases, say how it went, and return the function to go on with.

    attempt: the reader's function; one that raises NotImplementedError counts as not written yet
    solution: the lab's own function, which must pass every case
    cases: pairs (arguments as a tuple, expected result as a number or an array)
    mistakes: pairs (wrong function, hint); the hint is given when the attempt errs just as that function does

    Returns `attempt` when it is right on every case, else `solution`. Prints one or two lines.
    Raises AssertionError when the solution fails a case, or a listed mistake passes them all: the exercise is broken.
    """
    name = attempt.__name__
    for function, role in [(solution, "solution"), *((wrong, "mistake") for wrong, _ in mistakes)]:
        passed = all(_same(_call(function, arguments), expected) for arguments, expected in cases)
        if passed != (role == "solution"):
            raise AssertionError(
                f"the {role} {function.__name__} {'passes' if passed else 'fails'} the cases of {name}"
            )
    for arguments, expected in cases:
        try:
            result = _call(attempt, arguments)
        except NotImplementedError:
            print(f"✎ {name}: not written yet. The lab goes on with its own version.")
            return solution
        except Exception as error:  # whatever the reader's code raises is told to the reader
            print(f"✘ {name}{_shown(arguments)} stopped with {type(error).__name__}: {error}")
            print("  The lab goes on with its own version; mend yours and run both cells again.")
            return solution
        if not _same(result, expected):
            print(f"✘ {name}{_shown(arguments)} gave {_plain(result)}, expected {_plain(expected)}.")
            print("  " + _hint(attempt, result, cases, mistakes) + " The lab goes on with its own version.")
            return solution
    print(f"✔ {name}: right on every case. The lab goes on with yours.")
    return attempt


def _hint(attempt, result, cases, mistakes):
    if result is None:
        return "It gave back nothing: does it end with `return`?"
    for wrong, hint in mistakes:
        if all(_same(_tried(attempt, arguments), _call(wrong, arguments)) for arguments, _ in cases):
            return hint
    return "Work the case out on paper and compare step by step."


def _tried(function, arguments):
    try:
        return _call(function, arguments)
    except Exception:  # an attempt that fails on a later case matches no known mistake
        return None


def _call(function, arguments):
    return function(*copy.deepcopy(arguments))


def _same(result, expected):
    try:
        values = np.asarray(result, dtype=float)
    except (TypeError, ValueError):
        return False
    target = np.asarray(expected, dtype=float)
    return values.shape == target.shape and np.allclose(values, target, rtol=1e-6, atol=1e-9, equal_nan=True)


def _shown(arguments):
    return _plain(tuple(arguments))


def _plain(value):
    """The value on one line, as a learner would write it."""
    if callable(value):
        return value.__name__
    if isinstance(value, tuple):
        return "(" + ", ".join(_plain(part) for part in value) + ")"
    if isinstance(value, np.ndarray) and value.ndim:
        return " ".join(np.array2string(value, separator=", ", precision=6, threshold=20).split())
    return f"{value:.6g}" if isinstance(value, (float, np.floating)) else repr(value)
