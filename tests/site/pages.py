"""What Sphinx reads: the README, the labs and what they link to, as they are, and three pages collected from the labs.

A glossary entry is a word that labs mark ***so***: the sentences around it say what it means, the first mark is where.
"""

import html
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from markdown_it.token import Token

from tests.course.lab import COURSE, Lab, labs, links, parsed

MARKED = re.compile(r"\*\*\*(\w[^*]*)\*\*\*")
SENTENCE = re.compile(r"\S.*?(?:[.!?][\"*)]*(?=\s+[A-Z\"*`$(])|\Z)", re.S)
FORMULAS = re.compile(r"^\| Name \| Formula \|.*?(?=^## |\Z)", re.M | re.S)
HERE = "This site shows [the labs](map.md) with all that they print and draw. To change something, start Jupyter:"


class Term(NamedTuple):
    """A word that labs define: where that is first done, and the sentences that say what it means."""

    name: str
    lab: Lab
    section: str
    meanings: list[str]


def write(folder: Path):
    """Writes the site's sources, each file at its path in the course. ValueError: a card sends to no lab before it."""
    course = [Lab(path) for path in labs()]
    files = with_linked([COURSE / "README.md", *labs()])
    for path in files:
        copy = folder / path.relative_to(COURSE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    others = [path.relative_to(COURSE).with_suffix("").as_posix() for path in files[1:] if path.suffix == ".md"]
    pages = {"map": labs_map(course), "glossary": glossary(course), "formulas": formula_sheet(course)}
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")
    readme = folder / "README.md"
    begin, heading, rest = readme.read_text(encoding="utf-8").partition("\n## ")
    readme.write_text(f"{begin}\n{HERE}\n{contents([*pages, *others])}{heading}{rest}", encoding="utf-8")


def with_linked(paths: Iterable[Path]) -> list[Path]:
    """Files of the course, with all of its files that they link to, and what those link to."""
    found = list(paths)
    for path in found:  # it grows on the way
        for _, target, _ in chain.from_iterable(map(links, _texts(path))):
            file = (path.parent / unquote(target.partition("#")[0])).resolve()
            if file.is_file() and file.is_relative_to(COURSE) and file not in found:
                found.append(file)
    return found


def _texts(path: Path) -> list[list[Token]]:
    """The tokens of the texts in a file; none if it is no page."""
    if path.suffix == ".ipynb":
        return Lab(path).markdown
    return [parsed(path.read_text(encoding="utf-8"))] if path.suffix == ".md" else []


def contents(pages: Iterable[str]) -> str:
    """The directive that makes pages known to Sphinx, and puts them into the head of every page."""
    return "\n".join(["", "```{toctree}", ":hidden:", "", *pages, "```", ""])


def anchor(heading: str) -> str:
    """What a link to a heading says after #, as in Jupyter."""
    return heading.replace("`", "").replace(" ", "-")


def short(lab: Lab) -> str:
    """A lab's name without its question, like 01 · Loss play."""
    return lab.title.partition(":")[0]


def before(lab: Lab) -> list[str]:
    """The files of the labs that its card names as its start."""
    targets = [target for _, target, _ in links(parsed(lab.card.get("Before you start", "")))]
    return [target for target in targets if target.endswith(".ipynb")]


def labs_map(course: Sequence[Lab]) -> str:
    """The page that shows which labs each lab builds on, as a drawing and as a table."""
    picture = drawing(course)
    link = {lab.path.name: f"[{short(lab)}](labs/{lab.path.name})" for lab in course}
    rows = ["| Lab | The question | Do first | To work through |", "|---|---|---|---|"]
    for lab in course:
        first = ", ".join(link[name] for name in before(lab)) or "nothing"
        time = lab.card.get("Time", "").partition(" to work")[0]
        rows.append(f"| {link[lab.path.name]} | {lab.title.partition(': ')[2]} | {first} | {time} |")
    said = "An arrow leads from a lab to each lab that builds on it; the table below says the same."
    listed = contents(f"labs/{lab.path.stem}" for lab in course)
    return "\n".join(["# The labs", "", said, "", picture, "", *rows, listed])


def drawing(course: Sequence[Lab]) -> str:
    """An SVG picture: a box for each lab, one below the other, and an arrow to it from each lab that it builds on."""
    wide, high, step = 210, 40, 74
    places = {lab.path.name: place for place, lab in enumerate(course)}
    shapes, widest = [], 0
    for place, lab in enumerate(course):
        shapes.append(f'<g transform="translate(0 {step * place})"><a href="labs/{lab.path.stem}.html">')
        shapes.append(f'<rect width="{wide}" height="{high}" rx="6"/>')
        shapes.append(f'<text x="{wide / 2:g}" y="{high / 2 + 5:g}">{html.escape(short(lab))}</text></a>')
        for name in before(lab):
            above = place - places.get(name, place)
            if above < 1:
                raise ValueError(f"{lab.path.name}: its card sends to {name}, which is no lab before it")
            line = f"M{wide / 2:g} {high - step} V-2"
            if above > 1:  # beside the labs between
                aside = 25 + 25 * above
                line = f"M{wide} {high / 2 - above * step:g} c{aside} 0 {aside} {above * step} 2 {above * step}"
                widest = max(widest, aside)
            shapes.append(f'<path d="{line}" marker-end="url(#arrow)"/>')
        shapes.append("</g>")
    return "\n".join(
        [
            f'<svg class="lab-map" viewBox="-2 -2 {wide + widest + 4} {step * len(course) - step + high + 4}">',
            "<title>What builds on what</title>",
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
            'orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
            *shapes,
            "</svg>",
        ]
    )


def glossary(course: Sequence[Lab]) -> str:
    """The page of terms, each with a link to the section that defines it."""
    lines = ["# Glossary", "", "What the labs define, in their own words.", "", "```{glossary}"]
    for term in terms(course):
        place = f"{short(term.lab)}, section {term.section.partition('.')[0]}"
        link = f"[{place}](<labs/{term.lab.path.name}#{anchor(term.section)}>)"
        text = "\n\n".join([*term.meanings, link])
        lines += [term.name, *(f"  {line}".rstrip() for line in text.splitlines()), ""]
    return "\n".join([*lines, "```", ""])


def terms(course: Iterable[Lab]) -> list[Term]:
    """What the labs define, by the alphabet."""
    found: dict[str, Term] = {}
    for lab in course:
        for (section, passage), (_, following) in pairwise([*passages(lab), ("", "")]):
            sentences = SENTENCE.findall(passage)
            for number, sentence in enumerate(sentences):
                for marked in MARKED.findall(sentence):
                    name = re.sub(r"^(an?|the) |\.$", "", " ".join(marked.split()), flags=re.I)
                    term = Term(name[0].upper() + name[1:], lab, section, [])
                    term = found.setdefault(name.casefold(), term)
                    term.meanings.append(_meaning(sentences, number, following))
    return [found[key] for key in sorted(found)]


def passages(lab: Lab) -> Iterator[tuple[str, str]]:
    """(section it stands in, text) of each paragraph and point of a list."""
    section = ""
    for opening, token in chain.from_iterable(map(pairwise, lab.markdown)):
        if opening.type == "heading_open":
            section = token.content if opening.tag == "h2" else section
        elif token.type == "inline":
            yield section, token.content


def _meaning(sentences: Sequence[str], number: int, following: str) -> str:
    """A sentence; with the one before or after it, or the formula that follows, where it says nothing alone."""
    first = number - 1 if number and re.match(r"(That|Th[ei]se?|It|They)\b", sentences[number]) else number
    last = number + 1 if sentences[number].endswith(".***") else number
    meaning = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(" ".join(sentences[first : last + 1]).split()))
    meaning = meaning.replace("***", "**")  # links are words, and nothing marks a definition
    if meaning[-1] not in ".!?" and following.startswith("$$"):
        return f"{meaning}\n\n{following}"
    return re.sub(r"(?<=\w)(\**)$|[:;,]$", r"\1.", meaning)


def formula_sheet(course: Iterable[Lab]) -> str:
    """The page of the labs' formula boxes, each with the text that explains its letters."""
    pages = ["# Formulas", "Every lab's formula box."]
    for lab in course:
        boxes = [FORMULAS.search(cell.source) for cell in lab.notebook.cells if cell.cell_type == "markdown"]
        pages += [f"## [{short(lab)}](labs/{lab.path.name})\n\n{box[0].strip()}" for box in boxes if box]
    return "\n\n".join([*pages, ""])
