"""Checks of the reader's exercises."""

import contextlib
import copy
import io

import numpy as np


class Unsolved:
    """Stands where an exercise's function is missing: an edition without solutions, and no right answer yet."""

    def __init__(self, name):
        self.__name__ = name

    def __call__(self, *arguments, **named):
        """Raises RuntimeError, which says what to do."""
        raise RuntimeError(f"{self.__name__} is not solved yet: write it, then run the check below it")


def solved(*functions):
    """Whether none of what exercise() returned is Unsolved; prints which exercises to solve first."""
    missing = [function.__name__ for function in functions if isinstance(function, Unsolved)]
    if missing:
        print(f"✎ This waits for {' and '.join(missing)}: run it again when the check there says ✔.")
    return not missing


def exercise(attempt, solution, cases, mistakes=()):
    """Try the reader's function on known cases, say how it went, and return the function to go on with.

    attempt: the reader's function; one that raises NotImplementedError counts as not written yet
    solution: the lab's own function, which must pass every case; None in an edition without solutions
    cases: pairs (arguments as a tuple, expected result as a number or an array)
    mistakes: pairs (wrong function, or the list of its results on the cases; hint); the hint is given when the attempt
        errs just as that function does

    Returns `attempt` when it is right on every case, else `solution`, or Unsolved without one. Prints one or two lines.
    Raises AssertionError when the solution fails a case, or a listed mistake passes them all: the exercise is broken.
    """
    name = attempt.__name__
    known = [(wrong, "mistake") for wrong, _ in mistakes] + ([] if solution is None else [(solution, "solution")])
    for function, role in known:
        results = _results(function, cases)
        passed = all(_same(result, expected) for result, (_, expected) in zip(results, cases, strict=True))
        if passed != (role == "solution"):
            called = getattr(function, "__name__", "with these results")
            raise AssertionError(f"the {role} {called} {'passes' if passed else 'fails'} the cases of {name}")
    usable = Unsolved(name) if solution is None else solution
    onward = "What builds on it waits" if solution is None else "The lab goes on with its own version"
    for arguments, expected in cases:
        try:
            result = call(attempt, arguments)
        except NotImplementedError:
            print(f"✎ {name}: not written yet. {onward}.")
            return usable
        except Exception as error:  # whatever the reader's code raises is told to the reader
            print(f"✘ {name}{_shown(arguments)} stopped with {type(error).__name__}: {error}")
            print(f"  {onward}; mend yours and run both cells again.")
            return usable
        if not _same(result, expected):
            print(f"✘ {name}{_shown(arguments)} gave {_plain(result)}, expected {_plain(expected)}.")
            print(f"  {_hint(attempt, result, cases, mistakes)} {onward}.")
            return usable
    print(f"✔ {name}: right on every case. The lab goes on with yours.")
    return attempt


def _hint(attempt, result, cases, mistakes):
    if result is None:
        return "It gave back nothing: does it end with `return`?"
    for wrong, hint in mistakes:
        tried = [_tried(attempt, arguments) for arguments, _ in cases]
        if all(map(_same, tried, _results(wrong, cases))):
            return hint
    return "Work the case out on paper and compare step by step."


def _results(function, cases):
    """What a function, or the list of its results, gives on each case."""
    return (call(function, arguments) for arguments, _ in cases) if callable(function) else function


def _tried(function, arguments):
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # what an attempt prints was seen once
            return call(function, arguments)
    except Exception:  # an attempt that fails on a later case matches no known mistake
        return None


def call(function, arguments):
    """What the function gives on copies of these arguments, so that it cannot change a case."""
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
