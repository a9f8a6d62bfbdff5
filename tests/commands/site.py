"""Renders the course as a site that can be read without Jupyter.

Nothing is executed: the site shows the outputs that the labs store. It has a page for each lab, the README's start
instructions, a map of what builds on what, a glossary, a formula sheet and a search, and works without the network,
also when FOLDER/index.html is opened as a file. Sphinx makes it. It needs Python 3.12 and more than the course does:

    pip install -r .github/site-requirements.txt

FOLDER is made if it is missing, outside the course's folder. What an earlier run wrote there is replaced; a folder that
holds anything else is refused. If a page has a fault, a dead link say, FOLDER stays as it was.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.course.lab import COURSE
from tests.site.pages import write

NEEDED = ("sphinx", "myst_nb", "pydata_sphinx_theme", "latex2mathml")
LIST = ".files-of-the-site"  # in FOLDER: what was written there


def arguments(parser):
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put it; made if missing")


def main(options):
    folder = options.folder.resolve()
    if folder.is_relative_to(COURSE) or COURSE.is_relative_to(folder):
        raise ValueError(f"{folder} is in the course's folder or holds it: name another, the site is never committed")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file: name a folder")
    if other := foreign(folder):
        raise ValueError(f"{folder} holds {other[0]}, which this command did not write: name an empty or new folder")
    if missing := [name for name in NEEDED if not find_spec(name)]:
        cure = "with Python 3.12 or newer, python -m pip install -r .github/site-requirements.txt"
        raise ValueError(f"{', '.join(missing)} missing: in an environment of its own, {cure}")
    build(folder)
    print(f"{options.folder / 'index.html'}: open it in a browser")


def foreign(folder: Path) -> list[str]:
    """What stands in a folder and was not written there by this command, as paths within it."""
    listing = folder / LIST
    own = listing.read_text(encoding="utf-8").splitlines() if listing.is_file() else []
    there = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return sorted({path.relative_to(folder).as_posix() for path in there}.difference(own))


def build(folder: Path):
    """Makes the site in a folder that holds nothing else; with a ValueError it stays as it was: a page has a fault."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".site-") as name:
        sources, trees, pages = (Path(name, part) for part in ("sources", "trees", "pages"))
        write(sources)
        options = ["-q", "-W", "-c", COURSE / "tests" / "site", "-d", trees]
        command = [sys.executable, "-X", "utf8", "-m", "sphinx", *options, sources, pages]
        if subprocess.run(command, cwd=COURSE, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}).returncode:
            raise ValueError(f"mend what Sphinx complains about above; {folder} stays as it was")
        shutil.copyfile(pages / "README.html", pages / "index.html")
        written = [path.relative_to(pages).as_posix() for path in pages.rglob("*") if path.is_file()]
        (pages / LIST).write_text("\n".join([*written, LIST, ""]), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        pages.replace(folder)
