"""Executes labs from top to bottom and stores them in normal form: `python -m tests.execute labs/01_loss_play.ipynb`.

Without names it takes every lab. A lab that stops with an error is left as it was. `--check` executes nothing: it only
says which files are not in normal form.

Normal form: nbformat 4.5 with one-space indent, sorted keys and one newline at the end; no metadata but the Python 3
kernel and what the labs use of a cell's (tags, jupyter.source_hidden, cellView); stable cell ids; no white space at the
end of a line of source or printed text; neighbouring pieces of one stream joined, and a progress line in its final
state; no live widgets (a stored view without its model shows as an error).
"""

import argparse
import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from tests.compare import WIDGET_VIEW, Tolerance, differences
from tests.kernel import CellStopped, LabKernel

COURSE = Path(__file__).resolve().parents[1]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
EXACT = Tolerance(Decimal(0), Decimal(0), 0.0)


def read(path: Path) -> NotebookNode:
    """The notebook in a file, as it stands: nothing is repaired.

    Raises:
        ValueError: the file is not a notebook of format 4.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error
    if not isinstance(content, dict) or content.get("nbformat") != 4 or "cells" not in content:
        raise ValueError(f"{path} is not a notebook of format 4: open it in JupyterLab and save it")
    return nbformat.v4.reads(text)


def code_cells(notebook: NotebookNode) -> list[tuple[int, int, NotebookNode]]:
    """(number among the code cells that hold code, from 1; place in notebook.cells; cell), as Jupyter counts them."""
    places = [i for i, cell in enumerate(notebook.cells) if cell.cell_type == "code" and cell.source.strip()]
    return [(number, place, notebook.cells[place]) for number, place in enumerate(places, 1)]


def cell_name(number: int, cell: NotebookNode) -> str:
    """How messages call a code cell, so that a person finds it."""
    return f"code cell {number} ({cell.source.strip().splitlines()[0][:60]})"


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Brings a notebook into normal form, in place, and returns it. Execution counts stay as they are.

    Raises:
        nbformat.ValidationError: it is not a valid notebook even then.
    """
    notebook.update(nbformat=4, nbformat_minor=5, metadata=nbformat.from_dict(METADATA))
    for cell in notebook.cells:
        cell.source = "\n".join(line.rstrip() for line in cell.source.split("\n")).rstrip("\n")
        cell.metadata = _cell_metadata(cell.metadata)
        if cell.cell_type == "code":
            cell.outputs = normalise_outputs(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
    _give_ids(notebook.cells)
    nbformat.validate(notebook)
    return notebook


def normalise_outputs(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """A cell's outputs in normal form."""
    result = []
    for output in map(nbformat.from_dict, outputs):
        if output.output_type == "stream":
            if result and result[-1].get("name") == output.name:
                result[-1].text += output.text
                continue
        elif "data" in output:
            output.data.pop(WIDGET_VIEW, None)
            output.metadata = {kind: value for kind, value in output.metadata.items() if kind in output.data}
        result.append(output)
    for output in result:
        if output.output_type == "stream":
            output.text = final_state(output.text)
    return [output for output in result if output.get("text") or output.get("data") or "ename" in output]


def final_state(text: str) -> str:
    """What remains to be seen of printed text after its carriage returns and backspaces."""
    lines = []
    for line in text.split("\n"):
        states = [_without_erased(state) for state in line.split("\r")]
        lines.append(next((state for state in reversed(states) if state), "").rstrip())
    return "\n".join(lines)


def text_of(notebook: NotebookNode) -> str:
    """A normal notebook as it stands in its file."""
    return nbformat.v4.writes(notebook).rstrip("\n") + "\n"


def execute(path: Path) -> bool:
    """Executes a lab in a fresh kernel and stores it in normal form.

    Outputs that differ from the stored ones by nothing but the clock keep their stored form, so that executing an
    unchanged lab changes nothing in its file.

    Returns:
        Whether the file changed.

    Raises:
        ValueError: the file is not a notebook.
        CellStopped: a cell did not reach its end; the file is as it was.
    """
    notebook = normalise(read(path))
    for number, cell, outputs in run(notebook, path.resolve().parent, str(path)):
        fresh = "setup" in cell.metadata.get("tags", [])  # its report tells which versions ran
        if fresh or cell.execution_count is None or differences(cell.outputs, outputs, EXACT):
            cell.outputs = outputs
        cell.execution_count = number
    return write(path, text_of(normalise(notebook)))


def run(notebook: NotebookNode, folder: Path, name: str) -> Iterator[tuple[int, NotebookNode, list[NotebookNode]]]:
    """Runs a notebook in a fresh kernel: each code cell's number, the cell as it was, and its outputs in normal form.

    Args:
        notebook: It is not changed.
        folder: Where the kernel works.
        name: What the notebook is called if a cell stops.

    Raises:
        CellStopped: a cell did not reach its end.
    """
    with LabKernel(notebook, folder) as kernel:
        for number, place, cell in code_cells(notebook):
            try:
                outputs = normalise_outputs(kernel.run(place))
            except CellStopped as stop:
                raise CellStopped(f"{name}, {cell_name(number, cell)} stopped: {stop}", stop.details) from None
            yield number, cell, outputs


def record() -> str:
    """What `utils.checks.why` knows of the labs as they are stored, and of students' editions, as its file's text."""
    from tests import class_pack, form  # here: class_pack imports this module
    from utils.checks import stored  # here: the plugin, which imports this module, does without utils

    known = {}
    for path in sorted((COURSE / "labs").glob("*.ipynb")):
        lab = form.Lab(path)
        editions = {"": read(path), ", for students": class_pack.student(lab, class_pack.exercises_of(lab))}
        (_, _, setup), *_ = code_cells(editions[""])
        for name, notebook in editions.items():
            others = [cell for _, _, cell in code_cells(notebook)][1:]
            exercises = {}
            for place, cell in enumerate(others):
                if "exercise" in cell.metadata.get("tags", []):
                    exercises |= dict.fromkeys(re.findall(r"^def (\w+)\(", cell.source, re.M), place)
            known[path.stem + name] = {
                "report": "".join(output.text for output in setup.outputs).splitlines(),
                "cells": [stored.fingerprint(cell.source) for cell in others],
                "exercises": exercises,
            }
    lines = (f"{json.dumps(name)}: {json.dumps(facts, ensure_ascii=False)}" for name, facts in known.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write(path: Path, text: str) -> bool:
    """Puts the text into the file at once or not at all; returns whether that changed it."""
    path = path.resolve()
    there = path.exists()
    if there and path.read_bytes() == text.encode():
        return False
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        Path(name).chmod(path.stat().st_mode if there else 0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return True


def _without_erased(text: str) -> str:
    kept = []
    for character in text:
        if character != "\b":
            kept.append(character)
        elif kept:
            kept.pop()
    return "".join(kept)


def _cell_metadata(metadata: dict) -> dict:
    kept = {key: metadata[key] for key in ("tags", "cellView") if metadata.get(key)}
    if metadata.get("jupyter", {}).get("source_hidden"):
        kept["jupyter"] = {"source_hidden": True}
    return nbformat.from_dict(kept)


def _give_ids(cells: Sequence[NotebookNode]):
    """Valid ids stay, the first one of equal ids too; the others are made from the cell's content."""
    used = set()
    for cell in cells:
        if CELL_ID.fullmatch(cell.get("id") or "") and cell.id not in used:
            used.add(cell.id)
        else:
            cell.pop("id", None)
    for cell in cells:
        attempt = 0
        while "id" not in cell:
            name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}\n{attempt}".encode()).hexdigest()[:8]
            if name not in used:
                cell.id = name
                used.add(name)
            attempt += 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 0 if all is well, 1 if a lab stopped or is not in normal form."""
    parser = argparse.ArgumentParser(prog="python -m tests.execute", description="Execute labs and normalise them.")
    parser.add_argument("labs", nargs="*", type=Path, help="notebooks; all labs if none is named")
    parser.add_argument("--check", action="store_true", help="only say which files are not in normal form")
    options = parser.parse_args(arguments)
    paths = options.labs or sorted((COURSE / "labs").glob("*.ipynb"))
    if missing := [str(path) for path in paths if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    if not options.check and os.environ.get("LABS_DATA", "sample") != "sample":
        parser.error("the labs are stored as they run on the sample data: unset LABS_DATA")
    try:
        return _check(paths) if options.check else _execute(paths)
    except CellStopped as stop:
        print(f"{stop}\n\n{stop.details}\n\nThe file is as it was.", file=sys.stderr)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        print(error, file=sys.stderr)
    return 1


def _check(paths: Sequence[Path]) -> int:
    others = [path for path in paths if path.read_bytes() != text_of(normalise(read(path))).encode()]
    for path in others:
        print(f"{path} is not in normal form: python -m tests.execute {path}")
    return 1 if others else 0


def _execute(paths: Sequence[Path]) -> int:
    from utils.checks import stored

    try:
        for path in paths:
            print(f"{path}: ", end="", flush=True)
            print("executed and stored" if execute(path) else "executed, its outputs are as they were")
    finally:  # for the labs before one that stops, too
        if write(stored.RECORD, record()):
            print(f"{stored.RECORD.relative_to(COURSE)}: written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
