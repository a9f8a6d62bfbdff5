"""The rules of form that every lab keeps, whatever it teaches. Each takes a lab and says where it breaks the rule."""

import ast
import re
import symtable
from collections.abc import Iterator
from decimal import Decimal
from statistics import median
from urllib.parse import unquote

from tests.course.compare import numbers, value
from tests.course.lab import Lab, links, normalise, read, text_of, text_of_output

PARTS = ("Exercises", "Change one thing", "When it goes wrong", "What you learned", "References")
CARD = ("You will be able to", "Before you start", "Time", "Hardware and data")
LARGEST = 1_000_000
CLAIM = "✔"

_PROSE_NUMBER = re.compile(
    r"(?<![\w.])([-+−]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"
    r"(?![0-9]|\.[0-9])((?:\s|\\,)?\\?%)?"
)
_LOCAL_PATH = re.compile(
    r"(?<![\w./:-])/(?:home|Users|root|tmp|work|private|var|opt|mnt|usr)\b\S*"
    r"|\bfile://\S*|\b[A-Z]:\\\\?(?:Users|Windows|Program|Temp|Documents)\S*"
)


def executed_in_order(lab: Lab) -> Iterator[str]:
    for code in lab.code:
        if (count := code.cell.execution_count) != code.number:
            yield f"{code}: execution count {count}, not {code.number}: python -m tests execute {lab.path}"
            break
    for cell in lab.notebook.cells:
        if not cell.source.strip():
            yield f"an empty {cell.cell_type} cell"


def no_errors_or_warnings(lab: Lab) -> Iterator[str]:
    for code in lab.code:
        for output in code.cell.outputs:
            if output.output_type == "error":
                yield f"{code}: stored with an error, {output.ename}: {output.evalue}"
            elif output.get("name") == "stderr":
                yield f"{code}: stored with text on stderr: {output.text[:200]}"


def setup_comes_first(lab: Lab) -> Iterator[str]:
    first = 1 + ("colab" in lab.code[0].tags) if lab.code else 1  # where the course has an address
    for code in lab.code:
        if ("setup" in code.tags) != (code.number == first):
            yield f"{code}: the first code cell and no other has the tag setup"
        if "setup" in code.tags and not (code.folded and len(code.cell.source.splitlines()) <= 10):
            yield f"{code}: the setup cell is folded and has at most 10 lines"
        if "parameters" in code.tags and code.cell.metadata.get("jupyter", {}).get("source_hidden"):
            yield f"{code}: parameters must be visible"
    if len(lab.tagged("parameters")) > 1:
        yield "more than one cell has the tag parameters"


def cells_are_short(lab: Lab) -> Iterator[str]:
    lengths = {str(code): len(code.cell.source.splitlines()) for code in lab.code if not code.folded}
    for name, length in lengths.items():
        if length > 25:
            yield f"{name}: {length} lines; 25 are allowed"
    long = [name for name, length in lengths.items() if length > 16]
    if len(long) * 10 > len(lengths):
        yield f"{len(long)} of {len(lengths)} code cells are longer than 16 lines; 1 in 10 may be: {', '.join(long)}"
    if lengths and median(lengths.values()) > 6:
        yield f"the median code cell has {median(lengths.values()):g} lines; 6 are allowed"


def no_local_paths(lab: Lab) -> Iterator[str]:
    for cell in lab.notebook.cells:
        texts = [cell.source, *map(text_of_output, cell.get("outputs", []))]
        for found in _LOCAL_PATH.findall("\n".join(texts)):
            yield f"an absolute path, {found}, in the cell that begins {cell.source[:40]!r}"


def in_normal_form(lab: Lab) -> Iterator[str]:
    if lab.path.read_bytes() != text_of(normalise(read(lab.path))).encode():
        yield f"not in normal form: python -m tests execute {lab.path}"


def small_enough(lab: Lab) -> Iterator[str]:
    size = lab.path.stat().st_size
    if size >= LARGEST:
        yield f"{size:,} bytes; a lab stays under {LARGEST:,}"


def pictures_have_alternative_text(lab: Lab) -> Iterator[str]:
    for code in lab.code:
        for output in code.cell.outputs:
            text = output.get("data", {}).get("text/plain", "")
            for kind in output.get("data", {}):
                if not kind.startswith("image/"):
                    continue
                if text.startswith("<") or len(text.split()) < 5:
                    yield f"{code}: {kind} has no alternative text as text/plain, only {text[:60]!r}"
                if output.metadata.get(kind, {}).get("alt") != text:
                    yield f"{code}: the alt of {kind} in the metadata is not its text/plain"
    for tokens in lab.markdown:
        for kind, target, words in links(tokens):
            if kind == "image" and len(words.split()) < 3:
                yield f"the picture {target} has no alternative text"


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
    for target in [target for tokens in lab.markdown for _, target, _ in links(tokens)]:
        if re.match(r"https?://|mailto:|data:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        path = lab.path.parent / file if file else lab.path
        if file.startswith("/") or not path.exists():
            yield f"the link {target} leads nowhere"
        elif anchor and path.suffix == ".ipynb":
            texts = [text for _, text in (lab if path == lab.path else Lab(path)).headings()]
            if anchor not in [text.replace("`", "").replace(" ", "-") for text in texts]:
                yield f"the link {target} leads to no heading"


def exercises_are_complete(lab: Lab) -> Iterator[str]:
    """Each is a stub, a folded solution under another name, and a folded check, in this order; hints stand before the
    solution."""
    following = {"exercise": "solution", "solution": "check", "check": "exercise"}
    last, stub, hinted, count = "check", set(), False, 0
    codes = {code.cell.id: code for code in lab.code}
    for cell in lab.notebook.cells:
        role = next((tag for tag in cell.metadata.get("tags", []) if tag in following), None)
        if cell.cell_type == "markdown":
            hinted = hinted or "<summary>Hint" in cell.source
        if role is None:
            continue
        name = codes.get(cell.id, "a cell without code")
        if role != following[last]:
            yield f"{name}: expected the exercise's {following[last]}, found its {role}"
        last = role
        if role == "exercise":
            count, stub = count + 1, defined(cell.source)
            if "raise NotImplementedError" not in cell.source:
                yield f"{name}: the stub does not raise NotImplementedError"
        elif not (cell.source.startswith(title := f"# @title {role.capitalize()} {count}\n") and codes[cell.id].folded):
            yield f"{name}: not folded in Jupyter (source_hidden) and in Colab (cellView form) under {title.strip()!r}"
        if role == "solution":
            if not hinted:
                yield f"{name}: no hint, <details><summary>Hint, before the solution"
            if again := stub & defined(cell.source):
                yield f"{name}: defines {', '.join(sorted(again))} as the stub does; a solution has another name"
            hinted = False
    if last != "check":
        yield f"the last exercise has no {following[last]}"
    if not 2 <= count <= 4:
        yield f"{count} exercises; a lab has 2 to 4"


def exercises_keep_their_names(lab: Lab) -> Iterator[str]:
    """No later cell binds what a reader writes in an exercise to something else, in a loop for example."""
    names = set()
    for code in lab.code:
        if "exercise" in code.tags:
            names |= defined(code.cell.source)
        elif again := names & bound(code.cell.source):
            yield f"{code}: binds {', '.join(sorted(again))}, which is an exercise's name: take another"


def all_parts_are_there(lab: Lab) -> Iterator[str]:
    found = lab.headings()
    if not lab.notebook.cells or not lab.notebook.cells[0].source.startswith("# "):
        yield "the first cell does not begin with the title"
    if missing := [row for row in CARD if row not in lab.card]:
        yield f"the card has no row {', '.join(missing)}"
    elif not lab.limits("sample"):
        yield "the card's row Time does not say `at most N seconds to run`"
    if sum(level == 1 for level, _ in found) != 1:
        yield "not exactly one first-level heading"
    texts = [text for _, text in found if text in PARTS]
    if texts != list(PARTS):
        yield f"the headings must be, in this order: {', '.join(PARTS)}; found: {', '.join(texts) or 'none'}"


RULES = (
    executed_in_order,
    no_errors_or_warnings,
    setup_comes_first,
    cells_are_short,
    no_local_paths,
    in_normal_form,
    small_enough,
    pictures_have_alternative_text,
    prose_says_what_outputs_say,
    links_resolve,
    exercises_are_complete,
    exercises_keep_their_names,
    all_parts_are_there,
)


def bound(source: str) -> set[str]:
    """The names that a cell gives a value to: by =, for, with, def, class or import."""
    symbols = symtable.symtable(source, "cell", "exec").get_symbols()
    return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}


def defined(source: str) -> set[str]:
    """The functions and classes that a cell defines."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(source).body if isinstance(node, kinds)}
