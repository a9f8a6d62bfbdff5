"""Makes each lab one file that runs alone, anywhere, offline.

The notebook in FOLDER runs from the top in an empty folder, wherever the packages of requirements.txt are installed.
One folded cell before the setup cell holds utils, the samples and the programs of this lab as a zip archive; it writes
them beside the notebook, changes nothing that is there, and points LABS_HOME to them. Links to files become words.

A lab that would be too large gets its pictures compressed with small losses. It says so, and it runs once while it is
built, alone in an empty folder, so that its outputs are those of these pictures. A file that is there is kept, unless
`--force` is given. Built notebooks are never committed, so FOLDER cannot be in the course's folder.
"""

import base64
import hashlib
import io
import os
import re
import tempfile
import zipfile
from pathlib import Path
from unittest import mock

from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from PIL import Image

from tests.course.kernel import run
from tests.course.lab import COURSE, FOLDED, Lab, links, normalise, parsed, text_of, write
from utils.data import SAMPLES

LARGEST = 6_000_000  # bytes of a notebook that a course platform or a mail server takes without trouble
FOLDER = "neural_network_labs"  # where a built notebook writes the course's files, beside itself
ALWAYS = ("LICENSE", "requirements.txt", "data/README.md")  # terms, packages, whose data they are
SETTINGS = ("LABS_HOME", "LABS_DATA", "LABS_DATA_DIR", "JPY_SESSION_NAME")  # that lead to the course or to other data
LINE = 4000  # characters of the packed archive
QUALITIES = (95, 80, 75)  # of 100, until it fits. Losses (root mean square): up to 1.5 % of the range, 3 % in colour
KINDS = {"webp": ("webp", {"method": 6}), "png": ("jpeg", {"optimize": True})}  # of pictures: before, after, and how

NOTE = f"""\
**This notebook is one file.** The folded cell below holds the course's programs and the data of this lab. It writes
them into the folder `{FOLDER}` beside this notebook, where you may read them, or, where that is not possible or other
files have their names, into a temporary one. It changes nothing that is there, and needs no network. If a package is
missing: `pip install -r {FOLDER}/requirements.txt`."""

LIGHTER = """

To keep the file small, its pictures are compressed with losses, so its numbers differ a little from the course's."""

UNPACK = f"""\
# @title The course's own files: written beside this notebook
import atexit
import base64
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

packed = '''
PACKED
'''
try:
    archive = zipfile.ZipFile(io.BytesIO(base64.b85decode(packed.replace("\\n", ""))))
    files = {{name: archive.read(name) for name in archive.namelist()}}
except Exception as error:
    raise ValueError("This cell was changed or damaged: take the notebook anew.") from error
home, where = Path("{FOLDER}").absolute(), "the folder {FOLDER}"
try:
    there = [name for name in files if os.path.lexists(home / name)]
    if any((home / name).read_bytes() != files[name] for name in there):
        raise FileExistsError("other files have these names")
    archive.extractall(home, files.keys() - there)
except OSError:
    home, where = Path(tempfile.mkdtemp()), "a temporary folder"
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    archive.extractall(home)
os.environ["LABS_HOME"] = str(home)
print(f"{{len(files)}} files of the course, in {{where}}")"""

_STAYS = re.compile(r"[a-z][a-z0-9+.-]+:|//|#", re.I)  # an address, or a place in the same notebook
_WORDS = r"\[((?:[^\[\]]|\[[^\]]*\])*)\]"  # of a link


def arguments(parser):
    parser.add_argument("labs", nargs="*", default=[], metavar="LAB", help="notebooks; all labs if none is named")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where to put them; made if missing")
    parser.add_argument("--force", action="store_true", help="replace files that are there")


def main(options):
    folder = options.to.resolve()
    if folder.is_relative_to(COURSE):
        raise ValueError(f"{options.to} is in the course's folder, and built notebooks are not kept there")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{options.to} is a file: name a folder")
    targets = {path: folder / path.name for path in options.labs}
    if len(set(targets.values())) < len(options.labs):
        raise ValueError("two of these labs have the same file name: build them into different folders")
    for path, target in targets.items():
        if target.exists() and target.samefile(path):
            raise ValueError(f"{path} would be overwritten by what is made of it: name another folder")
        if os.path.lexists(target) and not options.force:
            raise ValueError(f"{target} is there already: --force replaces it")
    texts = {target: text_of(built(path)) for path, target in targets.items()}
    folder.mkdir(parents=True, exist_ok=True)
    for target, text in texts.items():
        write(target, text)
        size = len(text.encode())
        large = f", which is more than {LARGEST / 1e6:g} MB: not every mail server takes it"
        print(f"{target}: {size / 1e6:.1f} MB{large if size >= LARGEST else ''}", flush=True)


def built(path: Path):
    """A lab as a notebook of its own, with the outputs that are stored or, with lighter pictures, those of a run.

    Raises ValueError where a link would be lost, CellStopped where that run does not reach its end.
    """
    files = {name: (COURSE / name).read_bytes() for name in needed(Lab(path))}
    lab = joined(path, files, NOTE)
    pictures = [name for name in files if name.endswith(".zip")]
    if len(text_of(lab.notebook).encode()) < LARGEST or not pictures:
        return lab.notebook
    print(f"{path}: with lighter pictures, it runs once to get its outputs", flush=True)
    for quality in QUALITIES:
        light = {name: lighter(files[name], quality) for name in pictures}
        new = files | light
        for name in pictures:
            old, other = (hashlib.sha256(sample[name]).hexdigest().encode() for sample in (files, light))
            new = {file: text.replace(old, other) if file.startswith("utils/") else text for file, text in new.items()}
        lab = joined(path, new, NOTE + LIGHTER)
        if len(text_of(lab.notebook).encode()) < LARGEST:
            break
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ):
        for name in SETTINGS:
            os.environ.pop(name, None)
        for code, outputs in run(lab, Path(folder)):
            code.cell.outputs = outputs if code.cell.execution_count else []  # cleared ones stay so
    return normalise(lab.notebook)


def needed(lab: Lab) -> list[str]:
    """The course's files that a lab needs, as paths from its root: utils, the samples it loads, programs it names."""
    code = "\n".join(one.cell.source for one in lab.code)
    samples = [f"data/{SAMPLES[name]}" for name in re.findall(r"\bdata\.(\w+)", code) if name in SAMPLES]
    found = [path for folder in ("utils", "labs/apps") for path in (COURSE / folder).rglob("*.*")]
    names = [path.relative_to(COURSE).as_posix() for path in found]
    used = [name for name in names if name.startswith("utils/") or name.rpartition("/")[2] in code]
    return sorted({*ALWAYS, *samples, *(name for name in used if not re.search(r"/(\.|__pycache__)", name))})


def joined(path: Path, files: dict[str, bytes], note: str) -> Lab:
    """The lab in the file `path` with a cell for these files in front of its setup cell, in normal form."""
    lab, alone = Lab(path), Lab(path)
    cells = alone.notebook.cells
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = without_links(cell.source, path)
    unpack = new_code_cell(
        UNPACK.replace("PACKED", packed(files)),
        id="one-file-files",
        metadata=dict(FOLDED),
        outputs=[new_output("stream", text=f"{len(files)} files of the course, in the folder {FOLDER}\n")],
    )
    cells[lab.setup.place : lab.setup.place] = [new_markdown_cell(note, id="one-file-note"), unpack]
    for code in alone.code:
        code.cell.execution_count = None if lab.setup.cell.execution_count is None else code.number
    normalise(alone.notebook)
    return alone


def packed(files: dict[str, bytes]) -> str:
    """A zip archive of these files as lines of text."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, file in files.items():
            archive.writestr(zipfile.ZipInfo(name), file, zipfile.ZIP_DEFLATED, 9)
    text = base64.b85encode(content.getvalue()).decode()
    return "\n".join(text[start : start + LINE] for start in range(0, len(text), LINE))


def without_links(text: str, path: Path) -> str:
    """A notebook's Markdown in which links to files are words. Raises ValueError where a picture would be lost."""
    for target in _elsewhere(text):
        text = re.sub(rf"(?<!!){_WORDS}\({re.escape(target)}\)", r"\1", text)
    for target in _elsewhere(text):
        raise ValueError(f"{path}: {target} is another file: link it as [words]({target}), or do without")
    return text


def _elsewhere(text: str) -> list[str]:
    return [target for _, target, _ in links(parsed(text)) if not _STAYS.match(target)]


def lighter(content: bytes, quality: int) -> bytes:
    """A sample, a zip archive, with smaller pictures; those that losses make hardly smaller stay, such as MNIST's."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(result, "w") as smaller:
        for entry in archive.infolist():
            name, file = entry.filename, archive.read(entry)
            stem, _, kind = name.rpartition(".")
            if kind in KINDS:
                other, options = KINDS[kind]
                compressed = io.BytesIO()
                Image.open(io.BytesIO(file)).convert("RGB").save(compressed, other, quality=quality, **options)
                if len(compressed.getvalue()) < 0.9 * len(file):
                    name, file = f"{stem}.{other}", compressed.getvalue()
            smaller.writestr(zipfile.ZipInfo(name), file, entry.compress_type)
    return result.getvalue()
