"""Makes a class pack from the labs: `python -m tests.class_pack FOLDER labs/04_mnist.ipynb`, without names from all.

FOLDER/student/ gets notebooks without solutions. Stubs, hints and checks stay, but a check knows mistakes by what they
give, not by their code. What builds on an exercise waits until the student's own version is right, so that an untouched
notebook runs to its end. Outputs are cleared; `--keep-outputs` keeps those that no exercise touches.
`--without-answers` takes away the folded answers too.

FOLDER/teacher/ gets the whole labs with solutions unfolded, and at the top the time and a list of the exercises with
the places of their solutions.

The labs stay the only source: nothing is read from a pack. A folder with content is refused; `--force` overwrites files
of the same name in it and removes nothing.
"""

import argparse
import ast
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import nbformat
import numpy as np
from nbformat import NotebookNode

from tests.execute import COURSE, code_cells, normalise, text_of, write
from tests.exercises import names_in, needed, perform
from tests.form import Lab, exercises_are_complete
from utils.checks import exercises as checking

ROLES = ("exercise", "solution", "check")
WIDTH = 100  # characters in a line of a lab's code
WORDING = {
    "and run it, then the folded cell below it, then the check.": "and run it, then the check below it.",
    "The folded cell holds a solution, which the check needs: run it, but unfold it only when you want to.": (
        "What builds on an exercise waits until yours is right."
    ),
}
WITHOUT_ANSWERS = {"answer before you unfold": "answer before you go on"}
EXPLANATIONS = ("Hint", "Where these come from")  # how summaries of folds that are no answers begin

_FOLD = re.compile(r"\n*<details><summary>(.*?)</summary>.*?</details>", re.S)
_CARD = re.compile(r"^\| \*\*(Time|Measured)\*\* \| (.*) \|$", re.M)
_HEADING = re.compile(r"^### (Exercise \d+: .*)$", re.M)


@dataclass
class Exercise:
    """One exercise of a lab: its stub's function, its heading, the solution's number among the code cells.

    mistakes: those its check knows, pairs (list of the results on the cases, hint)
    names: the lab's names at the check
    """

    name: str
    heading: str
    solution: int
    mistakes: list
    names: Mapping


def exercises_of(lab: Lab) -> list[Exercise]:
    """The lab's exercises in order; their checks run in this process for it.

    Raises:
        ValueError: an exercise is not complete: the notebook is no lab, or a pack's.
    """
    if broken := list(exercises_are_complete(lab)):
        raise ValueError("; ".join(broken))
    calls = []

    def exercise(attempt, solution, cases, mistakes=()):
        results = [([checking.call(wrong, arguments) for arguments, _ in cases], hint) for wrong, hint in mistakes]
        calls.append((attempt.__name__, results, dict(attempt.__globals__)))
        return solution

    try:
        with mock.patch.dict(os.environ, LABS_HOME=str(COURSE)):  # the lab may lie elsewhere
            perform(lab.path, needed(_up_to_the_checks(lab.notebook.cells), ROLES), exercise)
    except Exception as error:  # whatever a cell raises
        raise ValueError(f"a check stops with {type(error).__name__}: {error}") from error
    headings = [heading for text in lab.markdown for heading in _HEADING.findall(text)]
    places = [number for number, _, cell in code_cells(lab.notebook) if _role(cell) == "solution"]
    if not len(headings) == len(places) == len(calls):
        raise ValueError(f"{len(places)} exercises, but {len(headings)} headings like `### Exercise 1: ...`")
    return [
        Exercise(name, heading, place, mistakes, names)
        for (name, mistakes, names), heading, place in zip(calls, headings, places)
    ]


def teacher(lab: Lab, exercises: Sequence[Exercise]) -> NotebookNode:
    """The lab with its solutions unfolded, and a first cell for the teacher."""
    notebook = nbformat.from_dict(lab.notebook)
    for cell in notebook.cells:
        if _role(cell) == "solution":
            cell.metadata = nbformat.from_dict({"tags": list(cell.metadata.tags)})
    lines = ["**Teacher's edition.** The solutions are unfolded; the students' edition has none.", ""]
    lines += [
        "| | |",
        "|---|---|",
        *(f"| **{row}** | {text} |" for row, text in _CARD.findall(notebook.cells[0].source)),
    ]
    lines += ["", "| Exercise | The function | Its solution |", "|---|---|---|"]
    for exercise in exercises:
        link = f"[{exercise.heading}](#{exercise.heading.replace('`', '').replace(' ', '-')})"
        lines.append(f"| {link} | `{exercise.name}` | code cell {exercise.solution} |")
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell("\n".join(lines), id="teacher"))
    return normalise(notebook)


def student(
    lab: Lab, exercises: Sequence[Exercise], keep_outputs: bool = False, without_answers: bool = False
) -> NotebookNode:
    """The lab without its solutions; see the module.

    Raises:
        ValueError: something of a solution would be left, or a check is built in a way that is not known here.
    """
    notebook = nbformat.from_dict(lab.notebook)
    before = {cell.id: cell.source for cell in notebook.cells}
    solutions = set()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _told(cell.source, without_answers)
        elif _role(cell) == "solution":
            solutions |= names_in(cell.source)[1]
    notebook.cells = [cell for cell in notebook.cells if _role(cell) != "solution"]
    _rewrite_checks(notebook.cells, exercises, solutions)
    _drop_unused(notebook.cells)
    _let_wait(notebook.cells)
    for cell in code_of(notebook):
        if left := solutions & names_in(cell.source)[0]:
            raise ValueError(f"a cell still uses {', '.join(sorted(left))}:\n{cell.source}")
    for number, cell in enumerate(code_of(notebook), 1):
        kept = keep_outputs and cell.source == before[cell.id]
        cell.execution_count, cell.outputs = (number, cell.outputs) if kept else (None, [])
    return normalise(notebook)


def code_of(notebook: NotebookNode) -> list[NotebookNode]:
    """A notebook's code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _up_to_the_checks(cells):
    """Copies of a lab's cells, in which a check ends with its call of checks.exercise."""
    cells = nbformat.from_dict(cells)
    for cell in cells:
        if _role(cell) == "check":
            ends = [item.end_lineno for item in ast.parse(cell.source).body if "checks.exercise(" in ast.unparse(item)]
            cell.source = "\n".join(cell.source.splitlines()[: ends[0] if ends else None])
    return cells


def _role(cell):
    return next((tag for tag in cell.metadata.get("tags", []) if tag in ROLES), None)


def _told(text, without_answers):
    """Markdown as the student's edition has it."""
    for said, instead in WORDING.items() | (WITHOUT_ANSWERS.items() if without_answers else set()):
        text = text.replace(said, instead)
    if without_answers:
        text = _FOLD.sub(lambda fold: fold[0] if fold[1].startswith(EXPLANATIONS) else "", text)
    return text


def _rewrite_checks(cells, exercises, solutions):
    """In each check: no solution, mistakes as their results, and expected results that the solution gave as numbers."""
    waiting = list(exercises)
    for cell in cells:
        if _role(cell) != "check":
            continue
        replaced = []  # (first line, last line, new text), lines from 1
        exercise = waiting[0] if waiting else None
        for statement in ast.parse(cell.source).body:
            span = (_first_line(statement), statement.end_lineno)
            call = getattr(statement, "value", None)
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "checks.exercise":
                attempt, _, *known = map(ast.unparse, call.args)
                if not isinstance(statement, ast.Assign) or known != ["cases", "mistakes"]:
                    raise ValueError(f"not NAME = checks.exercise(attempt, solution, cases, mistakes):\n{cell.source}")
                line = f"{ast.unparse(statement.targets[0])} = checks.exercise({attempt}, None, cases, mistakes)"
                replaced.append((*span, [*_mistakes(exercise.mistakes), line]))
                waiting.pop(0)
            elif "mistakes" in names_in(ast.unparse(statement))[1]:
                replaced.append((*span, []))
            elif "cases" in names_in(ast.unparse(statement))[1]:
                replaced.append((*span, _with_results(cell.source, statement, solutions, exercise)))
        cell.source = _replace_lines(cell.source, replaced)


def _mistakes(mistakes):
    lines = ["mistakes = ["]
    for results, hint in mistakes:
        text, hint = _literal(results), json.dumps(hint, ensure_ascii=False)
        line = f"    ({text}, {hint}),"
        lines += [line] if len(line) <= WIDTH else ["    (", *_wrapped(text, 8), f"        {hint},", "    ),"]
    return [*lines, "]"]


def _with_results(source, statement, solutions, exercise):
    """The lines of a statement, with what its calls of the solution give in their place."""
    text = "\n".join(source.splitlines()[_first_line(statement) - 1 : statement.end_lineno])
    for call in ast.walk(statement):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in solutions:
            result = eval(ast.unparse(call), dict(exercise.names))  # the lab's own code
            text = text.replace(ast.get_source_segment(source, call), f"np.array({_literal(result)})")
    return text.splitlines()


def _literal(value):
    """Code for a number, or for a list of numbers, lists and arrays, true to ten digits."""
    if isinstance(value, (list, tuple)) or np.ndim(value):
        return "[" + ", ".join(map(_literal, value)) + "]"
    number = float(value)
    if not np.isfinite(number):
        return f'float("{number}")'
    return f"{number:.10g}"


def _wrapped(text, indent):
    """A literal's text in lines, broken after commas."""
    lines, line = [], " " * indent
    for part in re.findall(r"[^,]+,?\s*", text + ","):
        if len(line) + len(part.rstrip()) > WIDTH and line.strip():
            lines.append(line.rstrip())
            line = " " * indent
        line += part
    return [*lines, line.rstrip()]


def _drop_unused(cells):
    """Drops what stands in checks for the mistakes only, then the cells that are left empty."""
    live = set()
    for cell in reversed(cells):
        if cell.cell_type != "code":
            continue
        replaced = []
        for statement in reversed(ast.parse(cell.source).body):
            used, bound = names_in(ast.unparse(statement))
            binds = isinstance(statement, (ast.FunctionDef, ast.Assign, ast.AugAssign))
            if _role(cell) == "check" and binds and bound and not bound & live:
                replaced.append((_first_line(statement), statement.end_lineno, []))
            else:
                live = live - bound | used
        cell.source = _replace_lines(cell.source, replaced[::-1])
    cells[:] = [cell for cell in cells if cell.cell_type != "code" or cell.source.strip()]


def _let_wait(cells):
    """Puts what builds on exercises under `if checks.solved(...)`, in every cell after them."""
    waits = {}  # name: the exercises' functions that it builds on
    for cell in cells:
        if cell.cell_type != "code":
            continue
        statements = [(item, *names_in(ast.unparse(item))) for item in ast.parse(cell.source).body]
        calls = [place for place, (item, *_) in enumerate(statements) if "checks.exercise(" in ast.unparse(item)]
        begin = calls[0] + 1 if calls else len(statements) if _role(cell) == "check" else 0
        for _, used, bound in statements[:begin]:
            if used & waits.keys():
                raise ValueError(f"a check builds on an exercise before it:\n{cell.source}")
            _forget(waits, bound)
        for place in calls:
            waits |= {name: {name} for name in statements[place][2]}
        block, functions = _block(statements[begin:], waits)
        if block:
            first, last = (statements[begin + place][0] for place in (block[0], block[-1]))
            span = _first_line(first), last.end_lineno
            lines = _indented(cell.source, *span)
            condition = f"if checks.solved({', '.join(sorted(functions))}):"
            cell.source = _replace_lines(cell.source, [(*span, [condition, *lines])])


def _block(statements, waits):
    """The places of the statements from the first to the last that build on exercises, and on which; tells `waits`."""
    block, found = range(0), None
    while block != found:
        found, now, places, functions = block, dict(waits), [], set()
        for place, (_, used, bound) in enumerate(statements):
            builds_on = set().union(*(now[name] for name in used & now.keys()))
            functions |= builds_on
            if builds_on:
                places.append(place)
            if builds_on or place in found:
                now |= dict.fromkeys(bound, builds_on or {"?"})
            else:
                _forget(now, bound)
        block = range(places[0], places[-1] + 1) if places else range(0)
    functions.discard("?")
    waits.clear()
    waits.update({name: functions if "?" in needs else needs for name, needs in now.items()})
    return block, functions


def _forget(waits, names):
    for name in names:
        waits.pop(name, None)


def _indented(source, first, last):
    """The lines of a source from first to last, numbered from 1, indented where no text of several lines goes on."""
    inside = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Constant, ast.JoinedStr)):
            text = ast.get_source_segment(source, node)
            if '"""' in text or "'''" in text:
                inside |= set(range(node.lineno + 1, node.end_lineno + 1))
    lines = source.splitlines()
    return [
        lines[number - 1] if number in inside or not lines[number - 1] else "    " + lines[number - 1]
        for number in range(first, last + 1)
    ]


def _first_line(statement):
    return min([statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", []))])


def _replace_lines(source, replaced):
    """A source with new lines in place of (first line, last line, new lines), in order and numbered from 1."""
    lines = source.splitlines()
    for first, last, new in reversed(replaced):
        if not new:  # the comment above goes with what it is about
            while first > 1 and lines[first - 2].startswith("#"):
                first -= 1
        lines[first - 1 : last] = new
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(lines).strip("\n"))


def pack(
    paths: Sequence[Path], folder: Path, keep_outputs: bool = False, without_answers: bool = False
) -> Iterator[tuple[Path, str]]:
    """Each file of the pack and its text; nothing is written.

    Raises:
        ValueError: a notebook cannot be packed, or two of one name.
    """
    if len({path.name for path in paths}) < len(paths):
        raise ValueError("two notebooks have the same name: pack them into two folders")
    for path in paths:
        lab = Lab(path)
        try:
            exercises = exercises_of(lab)
            editions = student(lab, exercises, keep_outputs, without_answers), teacher(lab, exercises)
        except ValueError as error:
            raise ValueError(f"{path} cannot be packed: {error}") from error
        for name, notebook in zip(("student", "teacher"), editions):
            yield folder / name / path.name, text_of(notebook)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 0, or 1 if nothing was written."""
    parser = argparse.ArgumentParser(prog="python -m tests.class_pack", description="Make a class pack from labs.")
    parser.add_argument("folder", type=Path, help="where student/ and teacher/ go; new or empty")
    parser.add_argument("labs", nargs="*", type=Path, help="notebooks; all labs if none is named")
    parser.add_argument("--keep-outputs", action="store_true", help="students get the outputs that no exercise touches")
    parser.add_argument("--without-answers", action="store_true", help="students get no folded answers, only hints")
    parser.add_argument(
        "--force", action="store_true", help="write into a folder with content, over files of that name"
    )
    options = parser.parse_args(arguments)
    paths = options.labs or sorted((COURSE / "labs").glob("*.ipynb"))
    if missing := [str(path) for path in paths if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    if options.folder.exists() and not options.folder.is_dir():
        parser.error(f"{options.folder} is a file: name a folder")
    if options.folder.is_dir() and any(options.folder.iterdir()) and not options.force:
        parser.error(
            f"{options.folder} has content: name another folder, or write over files of the same name with --force"
        )
    try:
        files = dict(pack(paths, options.folder, options.keep_outputs, options.without_answers))
        if own := {path.resolve() for path in files} & {path.resolve() for path in paths}:
            raise ValueError(f"{own.pop()} would be written over itself: name another folder")
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, text)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{options.folder}: {len(paths)} notebook{'s' * (len(paths) > 1)} in student/, and in teacher/ with solutions."
    )
    print("Hand out the course's folder, without .git, with student's notebooks in place of those in its labs/.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
