"""Renders the course as a site that can be read without Jupyter: `python -m tests.site FOLDER`.

Nothing is executed: the site shows the outputs that the labs store. It has a page for each lab, the README's start
instructions, a map of what each lab builds on, a glossary, a formula sheet and a search, and works without the
network, also when FOLDER/index.html is opened as a file. Map, glossary and formulas are collected from the labs. Sphinx
makes the pages, from sources that stand in a temporary folder only. It needs Python 3.12 and more than the course does:

    pip install -r .github/site-requirements.txt

FOLDER is made if it is missing, outside the course's folder. What an earlier run wrote there is replaced; a folder that
holds anything else is refused. If a page has a fault, a dead link say, FOLDER stays as it was.
"""

import argparse
import html
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

COURSE = Path(__file__).resolve().parents[1]
REQUIREMENTS = ".github/site-requirements.txt"
THEME = Path(__file__).with_name("site_theme")
LIST = ".files-of-the-site"  # in FOLDER: what was written there
START = ("Open the first lab", "In Colab", "Good to know")  # sections of the README
BOLD_ONLY = frozenset(
    re.split(
        r";\s+",
        """ask twice; before; crop; cropped; curve; data and answer; first epoch; flip; flipped; integer; larger batche;
        larger batches, larger step; last; light; map; mean of the square; more neuron; more steps per call;
        odd one goes after; one number; one-cycle rate; other; plain; pool early; predict; residual network; rule;
        scaled; schedule; second look; several steps per call; shifted; sign; small pictures first; stall;
        standardised pixel; sum; surface; word about the word""",
    )
)
"""What a lab prints bold for weight, not because it is a term: small letters, no article, no s at the end."""


_CODE = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1[`~]*\s*$|(?<!`)(`+)(?!`).+?(?<!`)\2(?!`)", re.M | re.S)
_LINK = re.compile(
    r"(?P<badge>\[!\[(?P<words>[^\]]*)\]\(https?:[^)]*\)\](?=\(https?:))"
    r"|(?P<image>!?)\[(?P<label>[^\[\]]*)\]\(\s*<?(?P<target>[^\s)>]+)>?\s*\)"
    r"|(?P<other><(?:a|img|source|video)\b|^ {0,3}\[[^\]]+\]: )",
    re.M | re.I,
)
_OUTSIDE = re.compile(r"[a-z][a-z0-9+.-]+:|//|#", re.I)  # an address, or a place in the same text
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_SENTENCE = re.compile(r"(?<=[.!?])[\"*)]*\s+(?=[A-Z\"*`$(])")
_LANGUAGES = {".py": "python", ".yml": "yaml", ".toml": "toml", "Dockerfile": "docker"}


@dataclass
class Lab:
    """A lab as its file stores it; `before` names the labs that its card links to as its start."""

    path: Path
    notebook: NotebookNode
    title: str
    card: dict[str, str]
    before: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its short title, like 01 · Loss play."""
        return self.title.partition(":")[0]

    @property
    def number(self) -> str:
        return self.path.stem[:2]

    def markdown(self) -> list[str]:
        """The text of its cells, without the card."""
        return [cell.source for cell in self.notebook.cells[1:] if cell.cell_type == "markdown"]


@dataclass
class Term:
    """A word that a lab defines, in the sentences that print it bold."""

    name: str
    meaning: str
    lab: Lab
    section: str


def labs() -> list[Lab]:
    """The course's labs in their order.

    Raises:
        ValueError: one has no title or no card, or its card sends to a lab that is not there.
    """
    found = [_lab(path) for path in sorted((COURSE / "labs").glob("*.ipynb"))]
    stems = [lab.path.stem for lab in found]
    for place, lab in enumerate(found):
        if late := [stem for stem in lab.before if stem not in stems[:place]]:
            raise ValueError(f"{lab.path.name}: its card sends to {', '.join(late)}, which is no lab before it")
    return found


def _lab(path: Path) -> Lab:
    notebook = nbformat.read(path, as_version=4)
    first = notebook.cells[0].source if notebook.cells else ""
    title = re.match(r"# (.+)\n", first)
    card = dict(re.findall(r"^\| \*\*(.+?)\*\* \| (.+) \|$", first, re.M))
    if not title or "Before you start" not in card:
        raise ValueError(f"{path.name}: its first cell has no title, or no card with a row Before you start")
    before = re.findall(r"\]\((\w+)\.ipynb\)", card["Before you start"])
    return Lab(path, notebook, title[1], card, before)


def terms(course: Sequence[Lab]) -> list[Term]:
    """What the labs define, by the alphabet: the words in bold in their numbered sections, each where it first is."""
    found: dict[str, Term] = {}
    for lab in course:
        section = ""
        for text in lab.markdown():
            for heading, passage, following in _passages(text):
                section = heading or section
                if section == "What you learned":
                    _summed_up(passage, found, lab)
                if not section[:1].isdigit():
                    continue
                for bold in _BOLD.finditer(passage):
                    name, key = _named(bold[1])
                    if name[-1] in ":?!" or len(name.split()) > 4 or key in BOLD_ONLY or key in found:
                        continue
                    name = name[0].upper() + name[1:]
                    found[key] = Term(name, _meaning(passage, bold.start(), following), lab, section)
    return sorted(found.values(), key=lambda term: term.name.casefold())


def _named(bold: str) -> tuple[str, str]:
    """(name, key) of words in bold; singular and plural have one key, also with an article or a full stop."""
    name = re.sub(r"^(a|an|the) ", "", " ".join(bold.rstrip(".").split()), flags=re.I)
    return name, name.casefold().removesuffix("s")


def _summed_up(point: str, found: dict[str, Term], lab: Lab):
    """Adds to the terms of a lab the sentences of What you learned that begin with them."""
    for sentence in _SENTENCE.split(point):
        start = re.match(r"(?:An? |The )?\*\*([^*]+)\*\*", sentence)
        term = found.get(_named(start[1])[1]) if start else None
        if term and term.lab is lab:
            term.meaning += f"\n\n{_plain(sentence)}"


def _plain(text: str) -> str:
    """Text in one line, with links turned into their words."""
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(text.split()))


def _passages(text: str) -> Iterator[tuple[str, str, str]]:
    """(heading of a section that begins, paragraph or point of a list, the block that follows) of a cell's text."""
    blocks = re.split(r"\n\n+|\n(?=\s*(?:[*-]|\d+\.) )", text)
    for block, following in zip(blocks, [*blocks[1:], ""]):
        heading = re.match(r"## (.+)", block)
        if heading:
            yield heading[1], "", ""
        elif not block.startswith(("|", "#", "<", "```")):
            yield "", re.sub(r"^\s*(?:[*-]|\d+\.) ", "", block), following


def _meaning(passage: str, place: int, following: str) -> str:
    """The sentence at this place of a paragraph; with the one before or after it where it says nothing alone."""
    starts = [0, *(match.end() for match in _SENTENCE.finditer(passage))]
    number = max(i for i, start in enumerate(starts) if start <= place + 2)
    first = number - 1 if number and re.match(r"(That|Th[ei]se?|It|They)\b", passage[starts[number] :]) else number
    sentences = [passage[start:end].strip() for start, end in zip(starts, [*starts[1:], None])]
    last = number + 1 if sentences[number].endswith(".**") and number + 1 < len(sentences) else number
    meaning = _plain(" ".join(sentences[first : last + 1]))
    if meaning[-1] not in ".!?" and following.startswith("$$"):
        return f"{meaning}\n\n{following}"
    return re.sub(r"(?<=\w)$|[:;,]$", ".", meaning)


def formulas(lab: Lab) -> str:
    """The table of formulas under What you learned, with the text that explains its letters.

    Raises:
        ValueError: there is none.
    """
    text = next((text for text in lab.markdown() if text.startswith("## What you learned")), "")
    table = re.search(r"^\| Name \| Formula \|.*?(?=^## |\Z)", text, re.M | re.S)
    if not table:
        raise ValueError(f"{lab.path.name}: What you learned has no table | Name | Formula |")
    return table[0].strip()


class Sources:
    """The folder that Sphinx reads. A page stands at the path of the file that it shows, so links between them hold."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.course = labs()
        self.wanted: list[str] = []  # files of the course that pages link to
        self.done: set[str] = set()

    def write(self):
        """Writes every page, and a page for each other file of the course that one of them links to."""
        readme = _sections((COURSE / "README.md").read_text(encoding="utf-8"))
        begin = readme.pop("").strip()
        if missing := [name for name in (*START, "The labs", "What the labs reach") if name not in readme]:
            raise ValueError(f"README.md has no section {', '.join(missing)}, which the site shows")
        tables = "\n".join(readme[name] for name in ("The labs", "What the labs reach"))
        self.put("index.md", f"{self.linked(begin)}\n\n{FRONT}\n\n{self.linked(tables)}")
        self.put("start.md", self.linked("# Start\n\n" + "\n".join(readme[name] for name in START)))
        listed = "\n".join(lab.path.stem for lab in self.course)
        table = self.linked(readme["The labs"].removeprefix("#"), at="labs/index.md")
        self.put("labs/index.md", f"{table}\n\n```{{toctree}}\n:hidden:\n\n{listed}\n```\n")
        for lab in self.course:
            self.put(f"labs/{lab.path.name}", nbformat.writes(self.page(lab)))
        self.put("map.md", dependencies(self.course))
        self.put("glossary.md", glossary(self.course))
        self.put("formulas.md", self.linked(formula_sheet(self.course)))
        while left := [name for name in self.wanted if name not in self.done]:
            self.file(left[0])
        shutil.copyfile(THEME / "conf.py", self.folder / "conf.py")
        for name in ("site.css", "icon.svg"):
            self.put(f"_static/{name}", (THEME / name).read_text(encoding="utf-8"))

    def put(self, name: str, text: str):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")

    def page(self, lab: Lab) -> NotebookNode:
        """The lab as Sphinx reads it, with its outputs."""
        notebook = nbformat.from_dict(lab.notebook)
        place = f"labs/{lab.path.name}"
        cells = []
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = self.linked(_with_targets(cell.source, lab), of=place, at=place)
                cells.append(cell)
            else:
                cells += _code_cells(cell, lab.path.name)
        cells[0].source = re.sub(r"^\| \*\*In Colab\*\* \| (?!.*\]\().*\n?", "", cells[0].source, flags=re.M)
        notebook.cells = cells
        return notebook

    def linked(self, text: str, of: str = "README.md", at: str = "index.md") -> str:
        """Markdown of the file `of`, made to stand in the page `at`: its links lead to pages of the site.

        Raises:
            ValueError: a link leads to no file of the course, or is written in another way.
        """

        def link(match):
            if match["other"]:
                raise ValueError(f"{of}: {match[0]!r} is a link that the site cannot follow: write [words](target)")
            if match["badge"]:
                return f"[{match['words']}]"
            if match["image"] and (_OUTSIDE.match(match["target"]) or not match["label"]):
                raise ValueError(f"{of}: the picture {match['target']} has no description, or is no file of the course")
            if _OUTSIDE.match(match["target"]):
                return match[0]
            path, mark, anchor = match["target"].partition("#")
            name = posixpath.normpath(posixpath.join(posixpath.dirname(of), unquote(path)))
            if name.startswith("../") or not (COURSE / name).is_file():
                raise ValueError(f"{of}: {match['target']} is no file of the course")
            self.wanted.append(name)
            target = posixpath.relpath(page_of(name), posixpath.dirname(at) or ".")
            return f"{match['image']}[{match['label']}]({target}{mark}{anchor})"

        pieces, start = [], 0
        for code in _CODE.finditer(text):
            pieces += [_LINK.sub(link, text[start : code.start()]), code[0]]
            start = code.end()
        return "".join(pieces) + _LINK.sub(link, text[start:])

    def file(self, name: str):
        """Writes the page of a file that another page links to: text as it stands, Markdown as text, a picture."""
        self.done.add(name)
        path, page = COURSE / name, page_of(name)
        if name == "README.md" or name in [f"labs/{lab.path.name}" for lab in self.course]:
            return
        if path.suffix in (".png", ".jpg", ".svg"):
            (self.folder / page).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.folder / page)
            return
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            text = self.linked(text, of=name, at=page)
        else:
            text = f"# {name}\n\n`````{_LANGUAGES.get(path.suffix or path.name, 'text')}\n{text.rstrip()}\n`````\n"
        self.put(page, f"---\norphan: true\n---\n\n{text}")


FRONT = """\
This site shows the labs with everything they print and draw. To change something
and try it out, [start Jupyter](start.md).

```{toctree}
:hidden:

start
labs/index
map
glossary
formulas
```"""


def page_of(name: str) -> str:
    """The source of the page that shows a file of the course; for a picture, where it stands."""
    if name == "README.md":
        return "index.md"
    if name.endswith((".md", ".ipynb")):
        return name
    if name.endswith((".png", ".jpg", ".svg")):
        return f"pictures/{posixpath.basename(name)}"
    return f"files/{name.removeprefix('.')}.md"


def _sections(text: str) -> dict[str, str]:
    """{heading: text with its heading} of the second level; what comes before the first has the name ""."""
    pieces = re.split(r"^(?=## )", text, flags=re.M)
    return {"": pieces[0]} | {piece.splitlines()[0][3:]: piece for piece in pieces[1:]}


def target(lab: Lab, section: str) -> str:
    """The name that links use for a numbered section of a lab."""
    return f"lab-{lab.number}-section-{section.partition('.')[0]}"


def _with_targets(text: str, lab: Lab) -> str:
    return re.sub(r"^## (\d+\..*)$", lambda match: f"({target(lab, match[1])})=\n{match[0]}", text, flags=re.M)


def _code_cells(cell: NotebookNode, name: str) -> list[NotebookNode]:
    """A code cell as Sphinx reads it: alternative text where it looks for it, one for each cell; solutions folded.

    Raises:
        ValueError: a figure has no alternative text.
    """
    cells, outputs = [cell], cell.outputs
    cell.outputs = []
    tags = cell.metadata.get("tags", [])
    cell.metadata["mystnb"] = {}
    if "solution" in tags or "setup" in tags:
        title = re.match(r"# @title (.+)\n", cell.source)
        summary = html.escape(title[1] if title else "Setup, the same in every lab")
        fold = f"<details><summary>{summary}</summary>"
        cells = [new_markdown_cell(fold), cell, new_markdown_cell("</details>")]
    for output in outputs:
        if cells[-1].cell_type != "code":
            cells.append(_without_source())
        pictures = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
        if pictures:
            texts = {output.metadata.get(kind, {}).get("alt", "") for kind in pictures}
            if len(texts) > 1 or not all(text.strip() for text in texts):
                raise ValueError(f"{name}: a figure of the cell {cell.id} has no alternative text")
            if "image" in cells[-1].metadata.mystnb:
                cells.append(_without_source())
            cells[-1].metadata.mystnb["image"] = {"alt": texts.pop()}
        cells[-1].outputs.append(output)
    return cells


def _without_source() -> NotebookNode:
    """A cell for outputs alone."""
    return new_code_cell("# outputs", metadata={"tags": ["remove-input"], "mystnb": {}})


def glossary(course: Sequence[Lab]) -> str:
    """The page of terms, each with a link to the section that defines it."""
    lines = ["# Glossary", "", "What the labs define, in their own words.", "", "```{glossary}"]
    for term in terms(course):
        meaning = f"{term.meaning}\n\n[{term.lab.name}, section {term.section.partition('.')[0]}]"
        meaning += f"(#{target(term.lab, term.section)})"
        lines += [term.name, *(f"  {line}".rstrip() for line in meaning.splitlines()), ""]
    return "\n".join([*lines[:-1], "```", ""])


def formula_sheet(course: Sequence[Lab]) -> str:
    """The page of the formulas of all labs."""
    pages = [f"## [{lab.name}](labs/{lab.path.name})\n\n{formulas(lab)}\n" for lab in course]
    return "\n".join(["# Formulas", "", "Every lab's formula box.", "", *pages])


def dependencies(course: Sequence[Lab]) -> str:
    """The page that shows which labs each lab builds on, as a drawing and as a table."""
    rows = [
        f"| [{lab.name}](labs/{lab.path.name}) | {_before(lab, course)} | {lab.card.get('Time', '')} |"
        for lab in course
    ]
    table = ["| Lab | Do first | Time |", "|---|---|---|", *rows]
    return "\n".join(["# What builds on what", "", drawing(course), "", *table, ""])


def _before(lab: Lab, course: Iterable[Lab]) -> str:
    names = [f"[{other.name}](labs/{other.path.name})" for other in course if other.path.stem in lab.before]
    return ", ".join(names) or "nothing"


def drawing(course: Sequence[Lab]) -> str:
    """An SVG picture: a box for each lab, one below the other, and an arrow from each lab to those that build on it."""
    wide, high, step = 210, 40, 74
    rows = {lab.path.stem: number for number, lab in enumerate(course)}
    shapes = []
    for lab in course:
        y = 4 + step * rows[lab.path.stem]
        for stem in lab.before:
            skipped = rows[lab.path.stem] - rows[stem] - 1
            start, end = 4 + step * rows[stem] + high, y - 2
            line = f"M{4 + wide / 2:g} {start} V{end}"
            if skipped:  # beside the labs between
                start, end, aside = start - high / 2, end + 2 + high / 2, wide + 50 + 25 * skipped
                line = f"M{4 + wide} {start:g} C{aside} {start:g} {aside} {end:g} {6 + wide} {end:g}"
            shapes.append(f'<path d="{line}" marker-end="url(#arrow)"/>')
        name = html.escape(lab.name)
        shapes.append(
            f'<a href="labs/{lab.path.stem}.html"><rect x="4" y="{y}" width="{wide}" height="{high}" rx="6"/>'
            f'<text x="{4 + wide / 2:g}" y="{y + high / 2 + 5:g}">{name}</text></a>'
        )
    size = f"0 0 {wide + 70} {step * len(course) - step + high + 8}"
    return "\n".join(
        [
            f'<svg class="lab-map" viewBox="{size}" xmlns="http://www.w3.org/2000/svg">',
            "<title>An arrow leads from a lab to each lab that builds on it; the table below says the same.</title>",
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
            *shapes,
            "</svg>",
        ]
    )


def prepare(folder: Path):
    """Write everything that Sphinx reads into a folder. Needs neither Sphinx nor a kernel.

    Raises:
        ValueError: the course has something that the site could not show; the message says where.
    """
    Sources(folder).write()


def missing_packages() -> list[str]:
    """The lines of the site's requirements that this Python does not fulfil."""
    from packaging.requirements import Requirement

    lines = (COURSE / REQUIREMENTS).read_text(encoding="utf-8").splitlines()
    found = []
    for requirement in (Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()):
        try:
            if not requirement.specifier.contains(metadata.version(requirement.name), prereleases=True):
                found.append(str(requirement))
        except metadata.PackageNotFoundError:
            found.append(str(requirement))
    return found


def foreign(folder: Path) -> list[str]:
    """What stands in a folder and was not written there by this command, as paths within it."""
    listing = folder / LIST
    own = set(listing.read_text(encoding="utf-8").splitlines()) if listing.is_file() else set()
    there = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    }
    return sorted(there - own - ({LIST} if own else set()))


def build(folder: Path) -> bool:
    """Make the site in `folder`, which holds nothing else. Returns whether all is well; if not, it stays as it was."""
    with tempfile.TemporaryDirectory(prefix="site-") as name:
        sources, pages = Path(name, "sources"), Path(name, "pages")
        prepare(sources)
        options = ["-b", "html", "-W", "--keep-going", "-q", "-d", Path(name, "trees")]
        command = [sys.executable, "-X", "utf8", "-m", "sphinx", *options, sources, pages]
        if subprocess.run([*map(str, command)], cwd=name, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}).returncode:
            return False
        (pages / ".buildinfo").unlink(missing_ok=True)
        files = sorted(path.relative_to(pages).as_posix() for path in pages.rglob("*") if path.is_file())
        (pages / LIST).write_text("\n".join([*files, ""]), encoding="utf-8")
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            fresh.chmod(0o755)
            shutil.copytree(pages, fresh, dirs_exist_ok=True)
            if folder.exists():
                shutil.rmtree(folder)
            fresh.replace(folder)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return True


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. Returns its exit status: 0 if the site stands in FOLDER, 1 if FOLDER stayed as it was."""
    parser = argparse.ArgumentParser(prog="python -m tests.site", description="Render the course as a site.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where to put it; made if missing")
    options = parser.parse_args(arguments)
    folder = options.folder.resolve()
    if folder.is_relative_to(COURSE) or COURSE.is_relative_to(folder):
        parser.error(
            f"{options.folder} is in the course's folder or holds it: name another, the site is never committed"
        )
    if folder.exists() and not folder.is_dir():
        parser.error(f"{options.folder} is a file: name a folder")
    if folder.is_dir() and (other := foreign(folder)):
        parser.error(
            f"{options.folder} holds {other[0]}, which this command did not write: name an empty or new folder"
        )
    if missing := missing_packages():
        print(f"Missing: {', '.join(missing)}. Get them: pip install -r {REQUIREMENTS}", file=sys.stderr)
        return 1
    try:
        if not build(folder):
            print(f"Mend what Sphinx complains about above. {options.folder} stays as it was.", file=sys.stderr)
            return 1
    except (OSError, ValueError, nbformat.ValidationError) as error:
        print(f"{error}\n{options.folder} stays as it was.", file=sys.stderr)
        return 1
    print(f"{options.folder / 'index.html'}: open it in a browser")
    return 0


if __name__ == "__main__":
    sys.exit(main())
