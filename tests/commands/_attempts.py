"""What a learner's functions give back: the cells of a lab that its checks need, and the process that runs them.

`python -m tests.commands._attempts` is that process: a plan comes by stdin, and a line for each check goes to stdout.
"""

import ast
import contextlib
import copy
import json
import os
import re
import symtable
import sys

import numpy as np
from IPython.core.inputtransformer2 import TransformerManager
from IPython.core.interactiveshell import InteractiveShell

from utils import checks
from utils.checks import exercises

Cells = list[tuple[str, str]]  # role, as a cell's first tag says it, and source


def cells_of(lab) -> Cells:
    """A Lab's code cells up to its last check; what stands below the call in a check is a cell by itself."""
    cells, last = [], 0
    for code in lab.code:
        role, source = (code.tags or [""])[0], code.cell.source
        if role == "check":
            [end] = [node.end_lineno for node in ast.parse(source).body if "checks.exercise(" in ast.unparse(node)]
            lines = source.splitlines(keepends=True)
            cells.append((role, "".join(lines[:end])))
            role, source, last = "", "".join(lines[end:]), len(cells)
        cells.append((role, source))
    return cells[:last]


def own_cells(cells: list[tuple[str, str]], lab) -> list[str]:
    """Of (id, source) of a learner's cells those that are not the Lab's own, nor changed ones except its exercises."""
    known = {code.cell.id for code in lab.code if "exercise" not in code.tags}
    known |= {code.cell.source.strip() for code in lab.code}
    titles = tuple(code.cell.source.partition("\n")[0] for code in lab.code if code.folded)
    others = [source for name, source in cells if known.isdisjoint((name, source.strip()))]
    return [source for source in others if not source.startswith(titles)]


def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell gives to later ones, and those that it takes from earlier ones."""
    try:
        tables = [symtable.symtable(TransformerManager().transform_cell(source), "cell", "exec")]
    except (SyntaxError, ValueError, RecursionError):
        return set(), set()
    given = {one.get_name() for one in tables[0].get_symbols() if one.is_assigned() or one.is_imported()}
    taken = {one.get_name() for one in tables[0].get_symbols() if one.is_referenced()}
    for table in tables:
        tables += table.get_children()
        taken |= {one.get_name() for one in table.get_symbols() if one.is_referenced() and one.is_global()}
    return given, taken


def needed(cells: Cells, own: list[str]) -> Cells:
    """Those cells that the exercises need, and before their checks the learner's own cells, by the names they use."""
    uses = [names(source) for _, source in cells]
    of_own, chosen = set().union(*(names(source)[1] for source in own)), set()
    todo = [place for place, (role, _) in enumerate(cells) if role in ("setup", "exercise", "solution", "check")]
    while todo:
        if (place := todo.pop()) not in chosen:
            chosen.add(place)
            for name in uses[place][1] | (of_own if cells[place][0] == "check" else set()):
                todo += [before for before in range(place) if name in uses[before][0]][-1:]
    return [cells[place] for place in sorted(chosen)]


def plain(value):
    """A result as JSON can write it; `restored` makes of it what is the same to a check."""
    if isinstance(value, (tuple, list)):
        each = [plain(one) for one in value]
        return {"tuple": each} if isinstance(value, tuple) else each
    if isinstance(value, np.generic) or (type(value) is np.ndarray and not value.ndim):
        value = value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    array, name = np.asarray(value), "" if type(value) is np.ndarray else type(value).__name__
    return {"array": array.tolist(), "kind": array.dtype.kind, "type": name}


def restored(found):
    if isinstance(found, list):
        return [restored(one) for one in found]
    if isinstance(found, str):
        return type("str", (), {})()  # no check takes text; NumPy could make gigabytes of a list of texts
    if not isinstance(found, dict):
        return found
    if "tuple" in found:
        return tuple(map(restored, found["tuple"]))
    array = np.array(found["array"], {"b": bool, "i": float, "u": float, "f": float}.get(found["kind"], object))
    return type(found["type"], (), {"__array__": lambda *_, **__: array})() if found["type"] else array


def tried(function, cases) -> list[dict]:
    """What a function does on each case, up to the first on which it stops."""
    results = []
    for arguments, _ in cases:
        given = copy.deepcopy(arguments)
        try:
            with exercises._time_limit():
                results.append({"value": plain(function(*given)), "changed": exercises._changed(given, arguments)})
        except (Exception, SystemExit, KeyboardInterrupt) as error:
            return [*results, {"error": f"{type(error).__name__}: {exercises._shown(str, error)}".removesuffix(": ")}]
    return results


def main():
    """Runs the plan's cells, and before each check the learner's own; the lab itself goes on without them.

    Its keys: cells; own, the learner's, or None, which tries the solution and the known mistakes instead; seconds that
    a function may take over a case, and an own cell, 0 for any; gigabytes.
    """
    import resource  # Windows has none, and grades nothing

    plan, told, nowhere = json.load(sys.stdin), os.fdopen(os.dup(1), "w"), os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    resource.setrlimit(resource.RLIMIT_DATA, [int(plan["gigabytes"] * 1e9)] * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, [10**9] * 2)
    own, found = plan["own"], {}
    exercises.SECONDS = 0 if own is None else plan["seconds"]
    space, run_cell = InteractiveShell.instance().user_ns, InteractiveShell.instance().run_cell
    stubs = set().union(*(names(source)[0] for role, source in plan["cells"] if role == "exercise"))

    def record(attempt, solution, cases, mistakes=()):
        found["tried"] = tried(solution if own is None else attempt, cases)
        if own is None:
            found["expected"] = [plain(result) for _, result in cases]
            found["mistakes"] = [(tried(wrong, cases), hint) for wrong, hint in mistakes]
        return solution

    def stopping(error):
        def function(*_):
            raise error

        return function

    for role, source in plan["cells"]:
        if role == "check":
            before = dict(space)
            for cell in own or ():
                with contextlib.suppress(KeyboardInterrupt), exercises._time_limit():
                    ran = run_cell(cell)
                    error = ran.error_before_exec or ran.error_in_exec
                    for name in stubs.intersection(re.findall(r"^def (\w+)", cell, re.M)):
                        if error and space.get(name) is before.get(name):
                            space[name] = stopping(error)
            space |= {name: value for name, value in before.items() if name not in stubs}
            found.clear()
            checks.exercise = record
            ran = run_cell(source)
            error = ran.error_before_exec or ran.error_in_exec
            told.write(json.dumps(found or {"stopped": f"{type(error).__name__}: {error}"}, default=repr) + "\n")
            told.flush()
            space.clear()
            space |= before
            checks.exercise = lambda attempt, solution, *_: solution
        run_cell(source)  # after a check: again, for the names that it gives to later cells


if __name__ == "__main__":
    main()
