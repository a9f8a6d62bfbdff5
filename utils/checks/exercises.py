"""Checks of the reader's exercises."""

import copy

import numpy as np


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
