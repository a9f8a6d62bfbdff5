"""The makers' commands: `python -m tests` lists them, `python -m tests NAME --help` explains one.

A command is a module of tests.commands. Its docstring explains it, the first line in the list; `arguments(parser)` adds
what it takes, and `main(options)` does it and returns its exit status (none: 0). What it cannot do it raises as a
ValueError or an OSError whose message is for people. An argument named `labs` is a list of notebooks, for which numbers
and names of labs do, too; without any it means all labs.
"""

import argparse
import ast
import difflib
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat

from tests.course.lab import COURSE, CellStopped, labs

COMMANDS = {path.stem: path for path in sorted((COURSE / "tests" / "commands").glob("[a-z]*.py"))}


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help explains)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns its exit status: 0 if all is well, 1 if it failed, 2 if it lacks what it needs."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print("python -m tests NAME, where NAME is one of these; with --help it explains itself:\n")
        print(*(f"  {name:9} {first_line(path)}" for name, path in COMMANDS.items()), sep="\n")
        return 0
    if name not in COMMANDS:
        close = difflib.get_close_matches(name, COMMANDS, 1)
        meant = f": is it {close[0]}?" if close else f", but {', '.join(COMMANDS)}"
        print(f"python -m tests: there is no command {name!r}{meant}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"tests.commands.{name}")
    form = argparse.RawDescriptionHelpFormatter
    parser = Parser(prog=f"python -m tests {name}", description=module.__doc__, formatter_class=form)
    module.arguments(parser)
    options = parser.parse_args(rest)
    if "labs" in options:
        options.labs = [lab_named(text, parser) for text in options.labs] or labs()
    try:
        return module.main(options) or 0
    except CellStopped as stop:
        print(f"{stop}\n\n{stop.details}", file=sys.stderr)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
    return 1


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).partition("\n")[0]


def lab_named(text: str, parser: argparse.ArgumentParser) -> Path:
    """The notebook that somebody means: a path, or how the name of a lab begins."""
    if Path(text).is_file():
        return Path(text)
    found = [path for path in labs() if path.name.startswith(text.zfill(2) if text.isdigit() else text)]
    if len(found) != 1:
        parser.error(f"there is no lab {text}: name a notebook, such as labs/{labs()[0].name}")
    return found[0]


if __name__ == "__main__":
    sys.exit(main())
