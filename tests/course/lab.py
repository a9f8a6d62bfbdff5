"""A lab: its file in normal form, its cells by role, its card, headings, sections and links."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from nbformat import NotebookNode

COURSE = Path(__file__).resolve().parents[2]
LABS = COURSE / "labs"
RECORDS = COURSE / "tests" / "records"

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
METADATA |= {"language_info": {"name": "python"}}
FOLDED = {"cellView": "form", "jupyter": {"source_hidden": True}}  # a cell's metadata, in Colab and in Jupyter
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_CARD = re.compile(r"^\| \*\*(.+?)\*\* \| (.*) \|$", re.M)
_LIMITS = {"sample": r"at most (\d+) seconds to run", "full": r"(\d+) on full data"}
# Backslashes and & stay as they are: in a lab they belong to formulas.
MARKDOWN = MarkdownIt("commonmark").enable("table").disable(["escape", "entity"])


class CellStopped(Exception):  # noqa: N818 (it tells what a cell did)
    """A cell did not reach its end. The message says why; `details` is the traceback or the kernel's log."""

    def __init__(self, reason: str, details: str = ""):
        super().__init__(reason)
        self.details = details


class CodeCell(NamedTuple):
    """A code cell that holds code: its number as Jupyter counts, from 1; its place in notebook.cells; the cell."""

    number: int
    place: int
    cell: NotebookNode

    def __str__(self):
        """How messages call it, so that a person finds it."""
        return f"code cell {self.number} ({self.cell.source.strip().splitlines()[0][:60]})"

    @property
    def tags(self) -> list[str]:
        return self.cell.metadata.get("tags", [])

    @property
    def folded(self) -> bool:
        """Whether its source is out of sight: in Jupyter by source_hidden, in Colab by its form's title."""
        metadata = self.cell.metadata
        hidden = metadata.get("jupyter", {}).get("source_hidden") and metadata.get("cellView") == "form"
        return bool(hidden and self.cell.source.startswith("# @title "))


@dataclass
class Section:
    """What stands under one first- or second-level heading: its prose, without code and links, and its outputs."""

    title: str
    prose: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class Lab:
    """A notebook as its file stores it. Raises ValueError for a file that is not a notebook of format 4."""

    def __init__(self, path: Path):
        self.path = Path(path)
        self.notebook = read(self.path)

    @cached_property
    def code(self) -> list[CodeCell]:
        cells = self.notebook.cells
        places = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.strip()]
        return [CodeCell(number, place, cells[place]) for number, place in enumerate(places, 1)]

    def tagged(self, tag: str) -> list[CodeCell]:
        """Its code cells with this tag."""
        return [code for code in self.code if tag in code.tags]

    @property
    def setup(self) -> CodeCell:
        """Its setup cell. Raises ValueError where there is none."""
        if not (found := self.tagged("setup")):
            raise ValueError(f"{self.path} has no cell with the tag setup: is it a lab of this course?")
        return found[0]

    @property
    def title(self) -> str:
        """Such as `01 · Loss play: how wrong is a guess?`"""
        first = self.notebook.cells[0].source if self.notebook.cells else ""
        return first.partition("\n")[0].removeprefix("# ")

    @property
    def card(self) -> dict[str, str]:
        """The rows of the table in its first cell."""
        return dict(_CARD.findall(self.notebook.cells[0].source)) if self.notebook.cells else {}

    def limits(self, mode: str) -> float | None:
        """Seconds that it may take on two cores with "sample" or "full" data; None where its card does not say."""
        found = re.search(_LIMITS[mode], self.card.get("Time", ""))
        return float(found[1]) if found else None

    @cached_property
    def markdown(self) -> list[list[Token]]:
        """The tokens of each text cell, inline ones in their places."""
        return [parsed(cell.source) for cell in self.notebook.cells if cell.cell_type == "markdown"]

    def headings(self) -> list[tuple[int, str]]:
        """(level, text) of each heading, in order."""
        pairs = [pair for tokens in self.markdown for pair in pairwise(tokens)]
        return [(int(one.tag[1]), two.content) for one, two in pairs if one.type == "heading_open"]

    def sections(self) -> list[Section]:
        """The lab's sections but its References."""
        sections, in_references = [Section("(the beginning)")], False
        for cell in self.notebook.cells:
            if cell.cell_type == "code":
                sections[-1].outputs += map(text_of_output, cell.outputs)
                continue
            tokens = parsed(cell.source)
            for token, following in pairwise([*tokens, None]):
                if token.type == "heading_open":
                    in_references = following.content == "References"
                    if token.tag in ("h1", "h2"):
                        sections.append(Section(following.content))
                elif token.type in ("inline", "html_block") and not in_references:
                    sections[-1].prose.append(_prose(token))
        return sections


def labs() -> list[Path]:
    """The notebooks of the course's labs, in their order."""
    return sorted(LABS.glob("*.ipynb"))


def parsed(markdown: str) -> list[Token]:
    """The tokens of a Markdown text."""
    return MARKDOWN.parse(markdown)


def links(tokens: Iterable[Token]) -> Iterator[tuple[str, str, str]]:
    """(kind, target, words) of each link and picture; the kind is "link", "image" or "html"."""
    for token in tokens:
        if token.type == "link_open":
            yield "link", token.attrs["href"], ""
        elif token.type == "image":
            yield "image", token.attrs["src"], token.content
        elif token.type in ("html_inline", "html_block"):
            for tag in re.findall(r"<(?:a|img|source|video)\b[^>]*>", token.content, re.I):
                if target := re.search(r"\b(?:href|src)\s*=\s*[\"']([^\"']+)", tag, re.I):
                    words = re.search(r"\balt\s*=\s*[\"']([^\"']*)", tag, re.I)
                    yield ("image" if tag.startswith("<img") else "html"), target[1], words[1] if words else ""
        yield from links(token.children or [])


def _prose(inline: Token) -> str:
    """The words of a paragraph or of HTML, without tags, code, links, addresses and LaTeX's commands."""
    words, inside = [re.sub(r"<[^<>]*>", " ", inline.content) if inline.children is None else ""], 0
    for token in inline.children or []:
        inside += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        if token.type == "text" and not inside:
            words.append(token.content)
        elif token.type != "text":
            words.append("\n" if "break" in token.type else " " if token.nesting == 0 or "link" in token.type else "")
    return re.sub(r"https?://\S+|\\[A-Za-z]+", " ", "".join(words))


def text_of_output(output: NotebookNode) -> str:
    """The text that a reader sees in an output."""
    if output.output_type == "stream":
        return output.text
    texts = {kind: text for kind, text in output.get("data", {}).items() if kind.startswith("text/")}
    return "\n".join(re.sub(r"<[^<>]*>", " ", text) if kind == "text/html" else text for kind, text in texts.items())


def read(path: Path) -> NotebookNode:
    """The notebook in a file, as it stands. Raises ValueError for a file that is not a notebook of format 4."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path} is not a notebook: {error}") from error
    if not isinstance(content, dict) or content.get("nbformat") != 4 or "cells" not in content:
        raise ValueError(f"{path} is not a notebook of format 4: open it in JupyterLab and save it")
    return nbformat.v4.reads(text)


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Brings a notebook into normal form, in place, and returns it. Execution counts stay as they are.

    Normal form: nbformat 4.5 with one-space indent, sorted keys and one newline at the end; no metadata but the
    Python 3 kernel, the lab's recipes, and of a cell its tags, its folding (jupyter.source_hidden, cellView) and its
    drift (what was measured of how far its numbers move); stable cell ids; no white space at the end of a line of
    source or printed text; neighbouring pieces of one stream joined, and a progress line in its final state; no live
    widgets (a stored view without its model shows as an error). nbformat.ValidationError: it is not valid even then.
    """
    recipes = {key: notebook.metadata[key] for key in ("recipes",) if notebook.metadata.get(key)}
    notebook.update(nbformat=4, nbformat_minor=5, metadata=nbformat.from_dict(METADATA | recipes))
    for cell in notebook.cells:
        cell.source = "\n".join(line.rstrip() for line in cell.source.split("\n")).rstrip("\n")
        cell.metadata = _cell_metadata(cell.metadata if cell.cell_type == "code" else {})
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
    outputs = list(outputs)
    result = _joined(outputs)
    return result if len(result) == len(outputs) else normalise_outputs(result)  # what goes may have stood between two


def _joined(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
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


def _without_erased(text: str) -> str:
    kept = ""
    for character in text:
        kept = kept[:-1] if character == "\b" else kept + character
    return kept


def _cell_metadata(metadata: dict) -> dict:
    kept = {key: metadata[key] for key in ("tags", "cellView", "drift") if metadata.get(key)}
    if metadata.get("jupyter", {}).get("source_hidden"):
        kept["jupyter"] = {"source_hidden": True}
    return nbformat.from_dict(kept)


def _give_ids(cells: Sequence[NotebookNode]):
    """Valid ids stay, the first one of equal ids too; the others are made from the cell's content."""
    used = set()
    for cell in cells:
        if _CELL_ID.fullmatch(cell.get("id") or "") and cell.id not in used:
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


def text_of(notebook: NotebookNode) -> str:
    """A normal notebook as it stands in its file."""
    return nbformat.v4.writes(notebook).rstrip("\n") + "\n"


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
