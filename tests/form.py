"""The rules of form that every lab keeps, whatever it teaches. Each takes a lab and says where it breaks the rule."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from statistics import median
from urllib.parse import unquote

from nbformat import NotebookNode
from nbval.plugin import find_comment_markers

from tests.compare import WIDGET_VIEW, Tolerance, numbers, value
from tests.execute import cell_name, code_cells, normalise, read, text_of

PARTS = ("Exercises", "Change one thing", "When it goes wrong", "What you learned", "References")
LARGEST = 1_000_000
CLAIM = "✔"

_FENCED = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1[`~]*\s*$", re.M | re.S)
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(\s*<?([^\s)>]+)>?(?:\s+[\"'][^)]*)?\)")
_HTML_LINK = re.compile(r"<(?:a|img|source|video)\b[^>]*?\b(?:href|src)\s*=\s*[\"']([^\"']+)", re.I)
_HTML_IMAGE = re.compile(r"<img\b[^>]*>", re.I)
_HTML_TAG = re.compile(r"<[^<>]*>")
_ADDRESS = re.compile(r"https?://\S+")
_LATEX_COMMAND = re.compile(r"\\[A-Za-z]+")
_HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
_PROSE_NUMBER = re.compile(
    r"(?<![\w.])([-+−]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)(?![0-9]|\.[0-9])((?:\s|\\,)?\\?%)?"
)
_LOCAL_PATH = re.compile(
    r"(?<![\w./:-])/(?:home|Users|root|tmp|work|private|var|opt|mnt|usr)\b\S*"
    r"|\bfile://\S*|\b[A-Z]:\\\\?(?:Users|Windows|Program|Temp|Documents)\S*"
)


@dataclass
class Section:
    """What stands under one first- or second-level heading: its prose, without code and links, and its outputs."""

    title: str
    prose: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class Lab:
    """A notebook as its file stores it."""

    def __init__(self, path: Path):
        self.path = path
        self.notebook = read(path)
        self.code = [(cell_name(number, cell), cell) for number, _, cell in code_cells(self.notebook)]
        self.markdown = [_FENCED.sub("", cell.source) for cell in self.notebook.cells if cell.cell_type == "markdown"]

    def headings(self) -> list[tuple[int, str]]:
        """(level, text) of each heading, in order."""
        lines = [line for text in self.markdown for line in text.splitlines()]
        return [(len(match[1]), match[2]) for match in map(_HEADING.match, lines) if match]

    def sections(self) -> list[Section]:
        """The lab's sections but its References."""
        sections = [Section("(the beginning)")]
        in_references = False
        for cell in self.notebook.cells:
            if cell.cell_type == "code":
                sections[-1].outputs += map(_text_of_output, cell.outputs)
                continue
            text = _CODE_SPAN.sub(" ", _FENCED.sub("", cell.source))
            for line in text.splitlines():
                if match := _HEADING.match(line):
                    in_references = match[2] == "References"
                    if len(match[1]) <= 2:
                        sections.append(Section(match[2]))
                if not in_references:
                    for other in (_LINK, _HTML_TAG, _ADDRESS, _LATEX_COMMAND):
                        line = other.sub(" ", line)
                    sections[-1].prose.append(line)
        return sections


def executed_in_order(lab: Lab) -> Iterator[str]:
    for number, (name, cell) in enumerate(lab.code, 1):
        if cell.execution_count != number:
            yield f"{name}: execution count {cell.execution_count}, not {number}: python -m tests.execute {lab.path}"
            break
    for cell in lab.notebook.cells:
        if not cell.source.strip():
            yield f"an empty {cell.cell_type} cell"


def no_errors_or_warnings(lab: Lab) -> Iterator[str]:
    for name, cell in lab.code:
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{name}: stored with an error, {output.ename}: {output.evalue}"
            elif output.get("name") == "stderr":
                yield f"{name}: stored with text on stderr: {output.text[:200]}"


def setup_comes_first(lab: Lab) -> Iterator[str]:
    for number, (name, cell) in enumerate(lab.code):
        tags = cell.metadata.get("tags", [])
        if ("setup" in tags) != (number == 0):
            yield f"{name}: the first code cell and no other has the tag setup"
        if "parameters" in tags and cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"{name}: parameters must be visible"
    if sum("parameters" in cell.metadata.get("tags", []) for _, cell in lab.code) > 1:
        yield "more than one cell has the tag parameters"


def cells_are_short(lab: Lab) -> Iterator[str]:
    lengths = [len(cell.source.splitlines()) for _, cell in lab.code]
    for (name, _), length in zip(lab.code, lengths, strict=True):
        if length > 25:
            yield f"{name}: {length} lines; 25 are allowed"
    long = [name for (name, _), length in zip(lab.code, lengths, strict=True) if length > 16]
    if len(long) * 10 > len(lengths):
        yield f"{len(long)} of {len(lengths)} code cells are longer than 16 lines; 1 in 10 may be: {', '.join(long)}"
    if lengths and median(lengths) > 6:
        yield f"the median code cell has {median(lengths):g} lines; 6 are allowed"


def no_widgets_stored(lab: Lab) -> Iterator[str]:
    if "widgets" in lab.notebook.metadata:
        yield "the notebook's metadata hold widgets"
    for name, cell in lab.code:
        if any(WIDGET_VIEW in output.get("data", {}) for output in cell.outputs):
            yield f"{name}: a live widget is stored"


def no_local_paths(lab: Lab) -> Iterator[str]:
    for cell in lab.notebook.cells:
        texts = [cell.source, *map(_text_of_output, cell.get("outputs", []))]
        for found in _LOCAL_PATH.findall("\n".join(texts)):
            yield f"an absolute path, {found}, in the cell that begins {cell.source[:40]!r}"


def in_normal_form(lab: Lab) -> Iterator[str]:
    if lab.path.read_bytes() != text_of(normalise(read(lab.path))).encode():
        yield f"not in normal form: python -m tests.execute {lab.path}"


def small_enough(lab: Lab) -> Iterator[str]:
    size = lab.path.stat().st_size
    if size >= LARGEST:
        yield f"{size:,} bytes; a lab stays under {LARGEST:,}"


def pictures_have_alternative_text(lab: Lab) -> Iterator[str]:
    for name, cell in lab.code:
        for output in cell.outputs:
            text = output.get("data", {}).get("text/plain", "")
            for kind in output.get("data", {}):
                if not kind.startswith("image/"):
                    continue
                if text.startswith("<") or len(text.split()) < 5:
                    yield f"{name}: {kind} has no alternative text as text/plain, only {text[:60]!r}"
                if output.metadata.get(kind, {}).get("alt") != text:
                    yield f"{name}: the alt of {kind} in the metadata is not its text/plain"
    for text in lab.markdown:
        for image, words, target in _LINK.findall(text):
            if image and len(words.split()) < 3:
                yield f"the picture {target} has no alternative text"
        for tag in _HTML_IMAGE.findall(text):
            if not re.search(r"\balt\s*=\s*[\"'][^\"']*\w+ \w+", tag):
                yield f"no alternative text in {tag}"


def prose_says_what_outputs_say(lab: Lab) -> Iterator[str]:
    """Each decimal or percentage in prose is, rounded as it is, a number of an output in its section, or of a claim."""
    sections = lab.sections()
    lines = [line for section in sections for text in section.outputs for line in text.splitlines()]
    claimed = [value(number) for line in lines if line.startswith(CLAIM) for number in numbers(line)]
    for section in sections:
        shown = [value(number) for text in section.outputs for number in numbers(text)] + claimed
        for number, percent in _PROSE_NUMBER.findall("\n".join(section.prose)):
            if not (percent or "." in number or "e" in number.lower()):
                continue
            said = value(number)
            half = Decimal((0, (5,), said.as_tuple().exponent - 1))
            meant = [*shown, *(100 * number for number in shown)] if percent else shown
            if not any(abs(number - said) <= half for number in meant):
                yield f"{number}{percent} in the prose of {section.title!r}: no output there and no claim says so"


def links_resolve(lab: Lab) -> Iterator[str]:
    for text in lab.markdown:
        text = _CODE_SPAN.sub(" ", text)
        for target in [*(target for _, _, target in _LINK.findall(text)), *_HTML_LINK.findall(text)]:
            if re.match(r"https?://|mailto:|data:", target):
                continue
            file, _, anchor = unquote(target).partition("#")
            path = lab.path.parent / file if file else lab.path
            if file.startswith("/") or not path.exists():
                yield f"the link {target} leads nowhere"
            elif anchor and path.suffix == ".ipynb":
                headings = (lab if path == lab.path else Lab(path)).headings()
                if anchor not in [heading.replace("`", "").replace(" ", "-") for _, heading in headings]:
                    yield f"the link {target} leads to no heading"


def exercises_are_complete(lab: Lab) -> Iterator[str]:
    """Each is a stub, a folded solution under another name, and a check, which may take several cells, in this order;
    hints stand before the solution."""
    following = {"exercise": "solution", "solution": "check", "check": "exercise"}
    last, stub, hinted, count = "check", set(), False, 0
    names = {cell.id: name for name, cell in lab.code}
    for cell in lab.notebook.cells:
        role = next((tag for tag in cell.metadata.get("tags", []) if tag in following), None)
        if cell.cell_type == "markdown":
            begins = re.search(r"^#+ Exercises$", cell.source, re.M)
            hinted = (hinted and not begins) or ("<details" in cell.source and "</details>" in cell.source)
        if role is None:
            continue
        name = names.get(cell.id, "a cell without code")
        if role != following[last] and not (count and role == last == "check"):
            yield f"{name}: expected the exercise's {following[last]}, found its {role}"
        last = role
        if role == "exercise":
            count, stub = count + 1, _defined(cell.source)
            if "raise NotImplementedError" not in cell.source:
                yield f"{name}: the stub does not raise NotImplementedError"
        elif role == "solution":
            if not hinted:
                yield f"{name}: no hints in <details> before the solution"
            hidden = cell.metadata.get("jupyter", {}).get("source_hidden")
            if not (hidden and cell.metadata.get("cellView") == "form" and cell.source.startswith("# @title ")):
                yield f"{name}: not folded in Jupyter (source_hidden) and in Colab (cellView form, # @title)"
            if again := stub & _defined(cell.source):
                yield f"{name}: defines {', '.join(sorted(again))} as the stub does; a solution has another name"
            hinted = False
    if last != "check":
        yield f"the last exercise has no {following[last]}"
    if not 2 <= count <= 4:
        yield f"{count} exercises; a lab has 2 to 4"


def all_parts_are_there(lab: Lab) -> Iterator[str]:
    headings = lab.headings()
    if not lab.notebook.cells or not lab.notebook.cells[0].source.startswith("# "):
        yield "the first cell does not begin with the title"
    if sum(level == 1 for level, _ in headings) != 1:
        yield "not exactly one first-level heading"
    texts = [text for _, text in headings if text in PARTS]
    if texts != list(PARTS):
        yield f"the headings must be, in this order: {', '.join(PARTS)}; found: {', '.join(texts) or 'none'}"


def tags_are_known(lab: Lab) -> Iterator[str]:
    for name, cell in lab.code:
        if marks := [mark for mark, _ in find_comment_markers(cell.source)]:
            yield f"{name}: a comment asks nbval for another treatment: {', '.join(marks)}"
        try:
            Tolerance.from_tags(cell.metadata.get("tags", []))
        except ValueError as error:
            yield f"{name}: {error}"
    for cell in lab.notebook.cells:
        if cell.cell_type != "code" and cell.metadata:
            yield f"metadata on the {cell.cell_type} cell that begins {cell.source[:40]!r}"


RULES = (
    executed_in_order,
    no_errors_or_warnings,
    setup_comes_first,
    cells_are_short,
    no_widgets_stored,
    no_local_paths,
    in_normal_form,
    small_enough,
    pictures_have_alternative_text,
    prose_says_what_outputs_say,
    links_resolve,
    exercises_are_complete,
    all_parts_are_there,
    tags_are_known,
)


def _text_of_output(output: NotebookNode) -> str:
    """The text that a reader sees in an output."""
    if output.output_type == "stream":
        return output.text
    data = output.get("data", {})
    texts = {kind: text for kind, text in data.items() if kind.startswith("text/")}
    return "\n".join(_HTML_TAG.sub(" ", text) if kind == "text/html" else text for kind, text in texts.items())


def _defined(source: str) -> set[str]:
    """The functions and classes that a cell defines."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(source).body if isinstance(node, kinds)}
