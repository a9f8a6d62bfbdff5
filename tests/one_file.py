"""Makes a lab one file that runs alone: `python -m tests.one_file labs/01_loss_play.ipynb --to FOLDER`.

Without names it takes every lab. The notebook in FOLDER runs offline, from the top, in an empty folder, wherever the
packages of requirements.txt are installed: for course platforms and e-mail. Cells before the setup cell hold utils as
readable source, the programs of labs/apps and the data samples that this lab uses, each with its SHA-256; the last of
them writes them beside the notebook and points LABS_HOME there. Links to other files become plain text.

A lab that would exceed LARGEST gets its pictures compressed with small losses (tests.lighter). It says so, and it is
run once when it is built, alone in an empty folder, so that its outputs are those of these pictures.

A file that is there is kept, unless `--force` is given. Built notebooks are never committed, so FOLDER cannot be in the
course's folder.
"""

import argparse
import ast
import base64
import hashlib
import inspect
import os
import re
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from unittest import mock

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.execute import COURSE, cell_name, code_cells, normalise, read, run, text_of, write
from tests.kernel import CellStopped
from tests.lighter import lighter
from utils import data, runtime

LARGEST = 6_000_000
"""Bytes of a notebook that a course platform or a mail server takes without trouble."""

FOLDER = "neural_network_labs"
"""Where a built notebook writes the course's files, beside itself."""

SETTINGS = ("LABS_HOME", "LABS_DATA", "LABS_DATA_DIR", "JPY_SESSION_NAME")  # that lead to the course or to other data
ALWAYS = ("LICENSE", "requirements.txt", "data/README.md")  # terms, packages, whose data they are
LINE = 4000  # characters of packed bytes
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}

NOTE = f"""\
**This notebook is one file.** The folded cells below hold the course's programs, which you may unfold and read, and the
data of this lab. They write them into the folder `{FOLDER}` beside this notebook, which is the course's folder
from then on, and change nothing that is there. No network is needed. If a package is missing:
`pip install -r {FOLDER}/requirements.txt`."""

LIGHTER = """

To keep the file small, its pictures are compressed with small losses, which the eye hardly sees. So the numbers
differ a little from those of the course itself, and the SHA-256 that `data/README.md` gives are those of the
course's own files."""

OPEN = '''\
# @title The course's own files: how they are kept
import base64
import hashlib
import zlib

course_files = {}


def course_file(name, sha256, text="", packed=""):
    """Keep one file of the course: its text, or its bytes packed as text. What is not as it was made is refused."""
    content = text.removeprefix("\\n").encode()
    if packed:
        content = zlib.decompress(base64.b85decode(packed.replace("\\n", "")))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{name} was changed or damaged in this notebook: take the notebook anew")
    course_files[name] = content


'''

UNPACK = f'''\
# @title The course's own files: write them beside this notebook
import os
import tempfile
from pathlib import Path


def unpack(folder):
    """Write the files that are missing in `folder`, and change none that is there."""
    there = {{name for name in course_files if os.path.lexists(folder / name)}}
    other = [
        name
        for name in there
        if not (folder / name).is_file() or (folder / name).read_bytes() != course_files[name]
    ]
    foreign = os.path.lexists(folder) and not (folder.is_dir() and (there or not any(folder.iterdir())))
    if other or foreign:
        raise FileExistsError(
            f"{{folder / min(other) if other else folder}} is there already and is something else. Nothing was "
            f"changed. Rename the folder {{folder.name}}, or put this notebook into an empty folder, then run again."
        )
    for name in course_files.keys() - there:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{{path.name}}.{{os.getpid()}}.part")
        part.write_bytes(course_files[name])
        part.replace(path)


home, place = Path("{FOLDER}").absolute(), "the folder {FOLDER}"
try:
    unpack(home)
except FileExistsError:
    raise
except OSError:  # this folder cannot be written
    temporary_home = tempfile.TemporaryDirectory()  # goes when the kernel stops
    home, place = Path(temporary_home.name), "a temporary folder"
    unpack(home)
os.environ["LABS_HOME"] = str(home)
print(f"{{len(course_files)}} files of the course, each verified, in {{place}}")'''

_LINK_OR_CODE = re.compile(
    r"""
    (?P<code>
        ^[ ]{0,3} (?P<fence>```+|~~~+) .*? ^[ ]{0,3} (?P=fence) [`~]*\s*$
        | (?<!`) (?P<ticks>`+) (?!`) .+? (?<!`) (?P=ticks) (?!`)
    )
    | (?P<image>!?) \[ (?P<label>(?:[^\[\]]|\[[^\]]*\])*) \] \( \s* <?(?P<target>[^\s)>]+)>? (?:\s+["'][^)]*)? \)
    | (?P<other>
        <(?:a|img|source|video)\b [^>]*? \b(?:href|src) \s*=\s* ["'] (?P<html>[^"']+)
        | ^[ ]{0,3} \[[^\]]+\]: \s* (?P<reference>\S+)
    )
    """,
    re.M | re.S | re.X | re.I,
)
_STAYS = re.compile(r"[a-z][a-z0-9+.-]+:|//|#", re.I)  # an address, or a place in the same notebook


def build(path: Path) -> NotebookNode:
    """The lab in the file `path` as a notebook of its own, in normal form, with outputs.

    They are the stored ones, or, if its pictures had to be made lighter, those of a run with these.

    Raises:
        ValueError: it is no lab of this course, or uses a file in a way that this command cannot follow.
        CellStopped: with lighter pictures, the lab does not reach its end.
    """
    lab = read(path)
    files = {name: (COURSE / name).read_bytes() for name in needed(lab)}
    notebook = _joined(path, files, NOTE)
    if len(text_of(notebook).encode()) < LARGEST or not any(map(_has_pictures, files)):
        return notebook
    print(f"{path}: with lighter pictures, it runs once to get its outputs", flush=True)
    notebook = _joined(path, _with_lighter_pictures(files), NOTE + LIGHTER)
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
        for name in SETTINGS:
            os.environ.pop(name, None)
        for _, cell, outputs in run(notebook, Path(folder), str(path)):
            cell.outputs = outputs
    return normalise(notebook)


def _joined(path: Path, files: dict[str, bytes], note: str) -> NotebookNode:
    """The lab in the file `path` with cells for these files in front of its setup cell, in normal form."""
    notebook = normalise(read(path))
    setup = next((i for i, cell in enumerate(notebook.cells) if "setup" in cell.metadata.get("tags", [])), None)
    if setup is None:
        raise ValueError(f"{path} has no cell with the tag setup: is it a lab of this course?")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = without_links(cell.source)
    added = [new_markdown_cell(note), *map(_folded, _sources(files)), _folded(UNPACK)]
    printed = f"{len(files)} files of the course, each verified, in the folder {FOLDER}\n"
    added[-1].outputs = [new_output("stream", name="stdout", text=printed)]
    for cell in added:
        del cell["id"]  # normalise makes one from the content
    notebook.cells[setup:setup] = added
    if any(cell.execution_count is not None for _, _, cell in code_cells(notebook)):
        for number, _, cell in code_cells(notebook):
            cell.execution_count = number
    return normalise(notebook)


def _has_pictures(name: str) -> bool:
    return name.startswith("data/") and name.endswith(".zip")


def _with_lighter_pictures(files: dict[str, bytes]) -> dict[str, bytes]:
    """These files with lighter samples, whose SHA-256 stand in utils in place of the course's own."""
    light = {name: lighter(content) for name, content in files.items() if _has_pictures(name)}
    result = files | light
    for sample, content in light.items():
        old, new = (hashlib.sha256(some).hexdigest().encode() for some in (files[sample], content))
        result |= {name: text.replace(old, new) for name, text in result.items() if name.startswith("utils/")}
    return result


def needed(notebook: NotebookNode) -> list[str]:
    """The course's files that a lab needs, as paths from its root: utils, the samples it loads, what else it names.

    Raises:
        ValueError: a cell is no Python, or names a file that is not there.
    """
    modules = [path for path in sorted((COURSE / "utils").rglob("*")) if path.is_file()]
    names = [path.relative_to(COURSE) for path in modules]
    found = [name.as_posix() for name in names if not any(part.startswith((".", "__pyc")) for part in name.parts)]
    trees = []
    for number, _, cell in code_cells(notebook):
        try:
            trees.append(ast.parse(cell.source))
        except SyntaxError as error:
            raise ValueError(f"{cell_name(number, cell)} is no Python: {error}") from None
    nodes = [node for tree in trees for node in ast.walk(tree)]
    other = {*ALWAYS, *_samples(nodes), *_named(nodes)}
    if missing := [name for name in sorted(other) if not (COURSE / name).is_file()]:
        raise ValueError(f"the lab uses {', '.join(missing)}, which is no file of the course {COURSE}")
    return found + sorted(other)


def without_links(text: str) -> str:
    """Markdown with the links to other files turned into their words; addresses and links within the text stay.

    Raises:
        ValueError: a picture, or a link in another form, which would be lost.
    """

    def words(match):
        target = match["target"] or match["html"] or match["reference"]
        if match["code"] or _STAYS.match(target):
            return match[0]
        if match["image"] or match["other"]:
            raise ValueError(f"{match[0]!r} leads to another file: write it as [words]({target}), or do without")
        return match["label"]

    return _LINK_OR_CODE.sub(words, text)


def _samples(nodes: Sequence[ast.AST]) -> set[str]:
    """The data files behind the loaders of utils.data that a lab names; each loader is asked what it would read."""
    imports = [(node.module, alias) for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names]
    modules = {alias.asname or alias.name for module, alias in imports if (module, alias.name) == ("utils", "data")}
    used = {alias.name for module, alias in imports if module == "utils.data"}
    for node in nodes:
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in modules | {"utils.data"}:
            used.add(node.attr)
    loaders = [getattr(data, name) for name in used & set(data.__all__)]
    return {f"data/{_asked_for(loader)}" for loader in loaders if inspect.isfunction(loader)}


def _asked_for(loader: Callable) -> str:
    """The shipped file that a loader reads: it is called, and stopped when it asks for the file."""

    class Asked(Exception):  # noqa: N818 (it tells which file)
        pass

    def read_shipped(name, expected):
        raise Asked(name)

    sample = mock.patch.object(runtime, "data_mode", return_value="sample")
    with sample, mock.patch.object(data.files, "read_shipped", read_shipped):
        try:
            loader()
        except Asked as asked:
            return asked.args[0]
    raise ValueError(f"utils.data.{loader.__name__} reads no file that ships with the course")


def _named(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """The files that a lab names as course / "folder" / "file"."""
    for node in nodes:
        parts = []
        while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            parts.insert(0, str(node.right.value))
            node = node.left
        name = "/".join(parts)
        if parts and ast.unparse(node) in ("course", "runtime.COURSE") and not (COURSE / name).is_dir():
            yield name


def _sources(files: dict[str, bytes]) -> Iterator[str]:
    """The source of the cells that hold these files: one for each module of utils, one for the rest, one for data."""
    cells = {"terms and programs": OPEN}
    for name, content in files.items():
        text = _readable(content)
        parts = name.split("/")
        if text is None:
            title = "data"
        elif parts[0] == "utils" and parts[1] != "__init__.py":
            title = f"utils.{parts[1].removesuffix('.py')}"
        else:
            title = "terms and programs"
        cells.setdefault(title, f"# @title The course's own files: {title}\n")
        digest = hashlib.sha256(content if text is None else text.encode()).hexdigest()
        if text is None:
            packed = base64.b85encode(zlib.compress(content, 9)).decode()
            lines = "\n".join(packed[start : start + LINE] for start in range(0, len(packed), LINE))
            cells[title] += f"course_file({name!r}, {digest!r}, packed='''\n{lines}\n''')\n"
        else:
            cells[title] += f"course_file({name!r}, {digest!r}, {_literal(text)})\n"
    return iter(cells.values())


def _readable(content: bytes) -> str | None:
    """The text of a file that can stand in a cell as it is; None for any other. Lines end in \\n wherever it was."""
    try:
        text = content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    return None if re.search(r"[^\S\n]$|[\0\r\f]", text, re.M) else text


def _literal(text: str) -> str:
    """Python's spelling of a text, after a first line break that is not part of it."""
    if "'''" in text or text.endswith(("'", "\\")):
        return "'''\n" + text.replace("\\", "\\\\").replace("'", "\\'") + "'''"
    return f"r'''\n{text}'''"


def _folded(source: str) -> NotebookNode:
    return new_code_cell(source.rstrip("\n"), metadata=FOLDED)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 0 if all is well, 1 if a notebook was not built; then none is written."""
    parser = argparse.ArgumentParser(prog="python -m tests.one_file", description="Make labs files that run alone.")
    parser.add_argument("labs", nargs="*", type=Path, help="notebooks; all labs if none is named")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where to put them; made if missing")
    parser.add_argument("--force", action="store_true", help="replace files that are there")
    options = parser.parse_args(arguments)
    paths = options.labs or sorted((COURSE / "labs").glob("*.ipynb"))
    if missing := [str(path) for path in paths if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    folder = options.to.resolve()
    if folder.is_relative_to(COURSE):
        parser.error(f"{options.to} is in the course's folder, and built notebooks are not kept there: name another")
    targets = [folder / path.name for path in paths]
    if len(set(targets)) < len(targets):
        parser.error("two of these labs have the same file name: build them into different folders")
    if own := [str(path) for path, target in zip(paths, targets) if target.exists() and target.samefile(path)]:
        parser.error(f"{', '.join(own)} would be overwritten by what is made of it: name another folder")
    if not options.force and (there := [str(target) for target in targets if os.path.lexists(target)]):
        parser.error(f"{', '.join(there)} is there already: --force replaces it")
    texts = []
    for path in paths:
        try:
            texts.append(text_of(build(path)))
        except CellStopped as stop:
            print(f"{stop}\n\n{stop.details}\n\nNothing was written.", file=sys.stderr)
            return 1
        except (OSError, ValueError, nbformat.ValidationError) as error:
            print(f"{path}: {error}\nNothing was written.", file=sys.stderr)
            return 1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for target, text in zip(targets, texts):
            write(target, text)
            size = len(text.encode())
            large = f", which is more than {LARGEST / 1e6:g} MB: not every mail server takes it"
            print(f"{target}: {size / 1e6:.1f} MB{large if size >= LARGEST else ''}", flush=True)
    except OSError as error:
        print(f"{error}: name another folder, or make room", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
