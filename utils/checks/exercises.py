"""Checks of the reader's exercises."""

import contextlib
import copy
import io
import pickle
import signal
import threading

import numpy as np

from utils.checks.solved import note

SECONDS = 10  # that an attempt may take over a case; what it has to do takes milliseconds
LONGEST = 300  # characters of one value, or of an error's message, that are shown
ONWARD = "The lab goes on with its own version"


def exercise(attempt, solution, cases, mistakes=()):
    """Try the reader's function on known cases, say how it went, and return the function to go on with.

    attempt: the reader's function; one that raises NotImplementedError counts as not written yet
    solution: the lab's own function, which must pass every case
    cases: pairs (arguments as a tuple, expected result as a number, an array, or a tuple or list of them)
    mistakes: pairs (wrong function, hint); the hint is given when the attempt errs just as that function does

    The attempt is right when its results are those expected, each of the solution's kind (a number of Python's or of
    NumPy's, an array), and its arguments stay as they were. It is stopped after SECONDS, except on Windows.

    Returns `attempt` when it is right on every case, else `solution`. Prints one or two lines.
    Raises AssertionError when the exercise is broken: no cases, a solution that fails one, a mistake that fails none.
    """
    name = getattr(attempt, "__name__", type(attempt).__name__)
    expected = [result for _, result in cases]
    models = _results(solution, cases)
    if not cases or not all(map(_same, models, expected)):
        raise AssertionError(f"the solution {_plain(solution)} {'fails the' if cases else 'has no'} cases of {name}")
    known = [(_results(wrong, cases), hint) for wrong, hint in mistakes]
    for (wrong, _), (results, _) in zip(mistakes, known):
        if all(map(_same, results, expected)):
            raise AssertionError(f"the mistake {_plain(wrong)} passes the cases of {name}")
    if not callable(attempt):
        print(f"✘ {_plain(attempt)} is no function: write one with `def`, as the exercise begins. {ONWARD}.")
        return solution
    for (arguments, result), model in zip(cases, models):
        if fault := _fault(attempt, name, arguments, result, model, cases, known):
            print(fault)
            return solution
    print(f"✔ {name}: right on every case. The lab goes on with yours.")
    note(name)
    return attempt


def _fault(attempt, name, arguments, expected, model, cases, known):
    """What to tell the reader about this case, or None."""
    given, called = copy.deepcopy(arguments), f"{name}({', '.join(map(_plain, arguments))})"
    try:
        with _time_limit():
            result = attempt(*given)
    except NotImplementedError:
        return f"✎ {name}: not written yet. {ONWARD}."
    except KeyboardInterrupt:
        return f"✘ {called} was stopped: does its loop end?\n  {ONWARD}; mend yours and run both cells again."
    except (Exception, SystemExit) as error:  # whatever the reader's code raises is told to the reader
        stopped = f"✘ {called} stopped with {type(error).__name__}: {_shown(str, error)}".removesuffix(": ")
        return f"{stopped}\n  {ONWARD}; mend yours and run both cells again."
    right = _same(result, expected)
    hint = None if right else _hint(attempt, result, cases, known)
    if hint is None and _kind(result) != _kind(model):
        hint = f"It came as {_kind(result)}, but the lab needs {_kind(model)}."
    elif right and _changed(given, arguments):
        return f"✘ {called} changed what it was given.\n  Work on a copy, as `values.copy()` makes one. {ONWARD}."
    elif right:
        return None
    hint = hint or "Work the case out on paper and compare step by step."
    return f"✘ {called} gave {_plain(result)}, expected {_plain(expected)}.\n  {hint} {ONWARD}."


def _hint(attempt, result, cases, known):
    """The hint for a mistake that is known, or None."""
    if result is None:
        return "It gave back nothing: does it end with `return`?"
    with contextlib.suppress(Exception, KeyboardInterrupt, SystemExit):  # on a later case: it is no known mistake
        with contextlib.redirect_stdout(io.StringIO()), _time_limit():  # what an attempt prints was seen once
            tried = _results(attempt, cases)
        for results, hint in known:
            if all(map(_same, tried, results)):
                return hint
    return None


def _results(function, cases):
    return [function(*copy.deepcopy(arguments)) for arguments, _ in cases]


@contextlib.contextmanager
def _time_limit():
    """Interrupt what takes longer than SECONDS, as a reader would; where the system cannot, wait."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _same(result, expected):
    """Whether two results have the same shape and, but for rounding, the same values."""
    if isinstance(result, tuple) and isinstance(expected, tuple) and len(result) == len(expected):
        return all(map(_same, result, expected))  # such as weights and a bias, of different shapes
    try:
        values, target = np.asarray(result), np.asarray(expected)
        return values.shape == target.shape and np.allclose(values, target, rtol=1e-6, atol=1e-9, equal_nan=True)
    except Exception:  # no numbers: text, tensors that stand in a gradient, lists of unequal length
        return False


def _kind(value):
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)):
        return "a truth value"
    if isinstance(value, (int, float, np.integer, np.floating)):
        return "a number"
    if isinstance(value, tuple):
        return f"a tuple of {' and '.join(map(_kind, value))}"
    if type(value) is np.ndarray:  # a masked array or a matrix computes otherwise
        return f"an array of {'numbers' if value.dtype.kind in 'iuf' else value.dtype.name}"
    name = type(value).__name__
    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _changed(given, arguments):
    """Whether a call changed one of its arguments, as far as they can be written down."""
    for now, before in zip(given, arguments):
        with contextlib.suppress(Exception):  # a lambda or the like
            if pickle.dumps(now) != pickle.dumps(copy.deepcopy(before)):
                return True
    return False


def _plain(value):
    """The value on one line, as a learner would write it."""
    return _shown(_written, value)


def _written(value):
    if isinstance(value, tuple):
        return "(" + ", ".join(map(_plain, value)) + ")"
    if isinstance(value, np.ndarray) and value.ndim:
        return " ".join(np.array2string(value, separator=", ", precision=6, threshold=20).split())
    if isinstance(value, (float, np.floating)):
        return f"{value:.6g}"
    return getattr(value, "__name__", None) or repr(value)


def _shown(convert, value):
    """What `convert` makes of a value, shortened; a value that it cannot take is told by its type."""
    try:
        text = convert(value)
    except Exception:
        text = object.__repr__(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 4 :]}"
