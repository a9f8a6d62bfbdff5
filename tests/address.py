"""Gives the course an address: `python -m tests.address https://github.com/OWNER/NAME`.

Colab opens a lab by its badge and gets the rest of the course by a shallow clone. Both need the address of the public
repository on GitHub. It is set in pyproject.toml, and written from there into every lab: into the setup cell, and into
the card as a badge. Without an argument the address that is set is written once more; `--none` takes it away.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.execute import COURSE, code_cells, read, text_of, write

SETTING = COURSE / "pyproject.toml"
LABS = COURSE / "labs"
COLAB = "https://colab.research.google.com"
BRANCH = "main"
_SET = re.compile(r'(?<=^address = ")[^"\n]*(?="$)', re.M)
_ADDRESS = re.compile(r"(https://github\.com/[A-Za-z0-9][A-Za-z0-9-]*/([A-Za-z0-9_.-]+?))(?:\.git)?/?")
_IN_SETUP = re.compile(r'(?<=^# where Colab gets the course from:\naddress = ")[^"\n]*(?="$)', re.M)
_IN_CARD = re.compile(r"(?<=\n)\| \*\*In Colab\*\* \| .* \|(?=\n|$)")
NONE = "this copy of the course has no address that Colab could open it from (README, *In Colab*)"


def address() -> str:
    """The address that is set, or "" where none is."""
    return _SET.search(SETTING.read_text(encoding="utf-8"))[0]


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


def put(path: Path, where: str) -> bool:
    """Put the address into the lab at `path`. Returns whether that changed it; outputs stay as they are.

    Raises:
        ValueError: its card or its setup cell does not have exactly one place for it.
    """
    notebook = read(path)
    card, setup = notebook.cells[0], code_cells(notebook)[0][2]
    for cell, pattern, new in ((card, _IN_CARD, row(path.name, where)), (setup, _IN_SETUP, where)):
        pieces = pattern.split(cell.source)
        if len(pieces) != 2:
            raise ValueError(f"{path}: {len(pieces) - 1} places for the address in its cell {cell.id}, and not one")
        cell.source = new.join(pieces)
    return write(path, text_of(notebook))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.address", description="Give the course an address.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("address", nargs="?", help="https://github.com/OWNER/NAME; without it the one that is set")
    choice.add_argument("--none", action="store_true", help="take the address away")
    options = parser.parse_args(arguments)
    try:
        where = "" if options.none else address() if options.address is None else checked(options.address)
    except ValueError as error:
        parser.error(str(error))
    write(SETTING, _SET.sub(where, SETTING.read_text(encoding="utf-8")))
    for lab in sorted(LABS.glob("*.ipynb")):
        print(f"{lab.name}: {'written' if put(lab, where) else 'nothing changed'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
