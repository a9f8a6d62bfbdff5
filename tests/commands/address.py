"""Tells every lab where the course stands, and gives it a badge for Colab.

Colab opens a lab by its badge and gets the rest of the course by a shallow clone. Both need the address of the public
repository on GitHub. It is set in pyproject.toml, and written from there into every lab: into the setup cell, and into
the card as a badge. Without an argument the address that is set is written once more; `--none` takes it away.
"""

import re
from pathlib import Path

from tests.course.lab import COURSE, Lab, labs, text_of, write

SETTING = COURSE / "pyproject.toml"
COLAB = "https://colab.research.google.com"
BRANCH = "main"
NONE = "this copy of the course has no address that Colab could open it from (README, *In Colab*)"

_SET = re.compile(r'(?<=^address = ")[^"\n]*(?=")', re.M)
_ADDRESS = re.compile(r"(https://github\.com/[A-Za-z0-9][A-Za-z0-9-]*/([A-Za-z0-9_.-]+?))(?:\.git)?/?")
_IN_SETUP = re.compile(r'(?<=^# where Colab gets the course from:\naddress = ")[^"\n]*(?="$)', re.M)
_IN_CARD = re.compile(r"(?<=\n)\| \*\*In Colab\*\* \| .* \|(?=\n|$)")


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


def row(name: str, where: str) -> str:
    """The line of the card of the lab in the file `name`: a badge, or a sentence where there is no address."""
    if not where:
        return f"| **In Colab** | {NONE} |"
    link = f"{COLAB}/github/{where.removeprefix('https://github.com/')}/blob/{BRANCH}/labs/{name}"
    return f"| **In Colab** | [![Open in Colab]({COLAB}/assets/colab-badge.svg)]({link}) |"


def text_with(path: Path, where: str) -> str:
    """The text of the lab's file with the address in it; outputs stay as they are.

    Raises:
        ValueError: its card or its setup cell does not have exactly one place for it.
    """
    lab = Lab(path)
    setup, card = lab.setup.cell, lab.notebook.cells[0]
    for cell, pattern, new in ((card, _IN_CARD, row(path.name, where)), (setup, _IN_SETUP, where)):
        pieces = pattern.split(cell.source)
        if len(pieces) != 2:
            raise ValueError(f"{path}: {len(pieces) - 1} places for the address in its cell {cell.id}, and not one")
        cell.source = new.join(pieces)
    return text_of(lab.notebook)
