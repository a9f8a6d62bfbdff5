"""Tells every lab where the course stands, and gives it a badge for Colab.

Colab opens a lab by its badge and gets the rest of the course by a shallow clone. Both need the address of the public
repository on GitHub. It is set in pyproject.toml, and written from there into every lab: a badge into the card, and a
folded cell before the setup cell, which does nothing elsewhere. Without an argument the address that is set is written
once more; `--none` takes it away.
"""

import re
from pathlib import Path

from nbformat.v4 import new_code_cell

from tests.course.lab import COURSE, FOLDED, Lab, labs, normalise, text_of, write

SETTING = COURSE / "pyproject.toml"
COLAB = "https://colab.research.google.com"
BRANCH = "main"
CLONE = """\
# @title In Colab: get the course
import os
import sys

if "google.colab" in sys.modules and not os.path.exists("course"):  # noqa: PTH110
    os.system("git clone --quiet --depth=1 ADDRESS course")"""

_SET = re.compile(r'(?<=^address = ")[^"\n]*(?=")', re.M)
_ADDRESS = re.compile(r"(https://github\.com/[A-Za-z0-9][A-Za-z0-9-]*/([A-Za-z0-9_.-]+?))(?:\.git)?/?")
_IN_CARD = re.compile(r"\n\| \*\*In Colab\*\* \| .* \|(?=\n|$)")
_ROWS = re.compile(r"(?:\n\| \*\*.+?\*\* \| .* \|)+")


def arguments(parser):
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("address", nargs="?", help="https://github.com/OWNER/NAME; without it the one that is set")
    choice.add_argument("--none", action="store_true", help="take the address away")


def main(options):
    there = address()
    where = "" if options.none else there if options.address is None else checked(options.address)
    setting = SETTING.read_bytes().decode()  # its line endings stay
    new = {path: text_with(path, where) for path in labs()} | {SETTING: _SET.sub(where, setting)}
    for path, text in new.items():
        print(f"{path.name}: {'written' if write(path, text) else 'nothing changed'}")


def address() -> str:
    """The address that is set, or "" where none is."""
    found = _SET.search(SETTING.read_bytes().decode())
    if not found:
        raise ValueError(f'{SETTING} has no line `address = ""`: restore it below [tool.neural-network-labs]')
    return found[0]


def checked(text: str) -> str:
    """The address in its normal form, https://github.com/OWNER/NAME. Raises ValueError for anything else."""
    match = _ADDRESS.fullmatch(text)
    if not match or match[2] in (".", "..", ".git"):
        raise ValueError(f"{text!r} is no address that Colab opens labs from: give https://github.com/OWNER/NAME")
    return match[1]


def text_with(path: Path, where: str) -> str:
    """The text of a lab's file with the address in it, or without any. ValueError: it has no card or no setup cell."""
    lab = Lab(path)
    cells = lab.notebook.cells = [cell for cell in lab.notebook.cells if "colab" not in cell.metadata.get("tags", [])]
    cells[0].source = _IN_CARD.sub("", cells[0].source)
    if not (rows := _ROWS.search(cells[0].source)):
        raise ValueError(f"{path}: its first cell has no card that the address could go into")
    ran = lab.setup.cell.execution_count is not None
    if where:
        link = f"{COLAB}/github/{where.removeprefix('https://github.com/')}/blob/{BRANCH}/labs/{path.name}"
        row = f"| **In Colab** | [![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link}) |"
        cells[0].source = f"{cells[0].source[: rows.end()]}\n{row}{cells[0].source[rows.end() :]}"
        clone = new_code_cell(CLONE.replace("ADDRESS", where), id="colab", metadata=FOLDED | {"tags": ["colab"]})
        cells.insert(lab.setup.place, clone)
    for number, cell in enumerate((cell for cell in cells if cell.cell_type == "code"), 1):
        cell.execution_count = number if ran else None
    return text_of(normalise(lab.notebook))
