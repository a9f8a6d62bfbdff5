"""What "equal" means for the outputs of a cell: text, numbers, pictures. Knows nothing of pytest.

Text (text/*, streams, SVG, alternative texts) is equal when its words are, character by character, whole numbers are
the same, and each number with digits after a point, or an exponent, is within the cell's tolerance. A number stands by
itself or has its unit behind it: `3`, `-0.25`, `1e-7`, `12,000`, `0.9x`. Digits glued to a name (`Conv2D`, `x0.5`,
`28x28`, `3.12.1`, `0xff`) are part of the word, and so are nan and inf. Numbers of equal value are printed alike (not
`0.50` for `0.5`), unless another number of the same output moved, or the value is zero. A claim's name and bounds, as
in `✔ accuracy: 0.93 (at least 0.9)`, are no measurement, and `8 rows` or `32 x 32 pixels` in an alternative text no
count, so a cell's tolerances are not for them. White space at the end of a line, and empty lines at the end, are never
compared; other runs of it are folded only in an output in which a printed number changed its width.

Not compared at all, and nothing else is masked: a number after a tilde, with its unit of time if any (`~61`, `~0.8 ms`:
the labs' mark for what the clock says); ANSI colours; in the setup report, and only in its exact form, the versions,
Keras's backend and the device. A live widget's key is skipped: its model has a new number in every run. Its text/plain
is compared.

Pictures are equal when their sizes and the durations of their frames are and, on two grids, so is each frame's ink.
Anything else (JSON, scripts) is equal only if identical.
"""

import base64
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest

import numpy as np
from PIL import Image, UnidentifiedImageError

from tests.course.lab import WIDGET_VIEW

ROLES = ("setup", "parameters", "exercise", "solution", "check", "colab")

# Pictures are compared on two grids of overlapping cells; differences of a colour too small to be seen do not count.
# Over the kinds of figure that there are and the labs' own, Matplotlib 3.9 to 3.11 and Pillow 11 to 13 differ by at
# most 0.015 of the ink on the coarse grid; other digits in a grid of pictures make 0.04, a missing curve 0.09, a
# missing legend 0.11, another plot 0.5 and more, a blank picture 0.85 and more. On the fine grid they differ by at most
# 0.029 (a surface in space: 0.045), and hundreds of small pictures, each transposed, mirrored or upside down, by 0.09.
GRIDS = ((16, 6, 1), (128, 90, 2))  # cells a side, the least difference of 255 that counts, times the tolerance
FIGURE = 0.03
SIDE = 0.1
BILINEAR = Image.Resampling.BILINEAR

_DIGITS = r"(?:[0-9]{1,3}(?:[,_][0-9]{3})+(?![,_]?[0-9])|[0-9]+)"
_CLOCK = rf"~[-+−]?{_DIGITS}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?:[ \u00a0\u202f]?(?:ns|us|µs|μs|ms|s|min|h)\b)?"
_NUMBER = (
    r"(?<![\w.])[-+−]?(?:"
    rf"(?:{_DIGITS}\.[0-9]+|\.[0-9]+)(?:[eE][-+]?[0-9]{{1,3}})?(?![0-9]|\.[0-9])"  # 0.25, .5, 1.5e-3
    rf"|{_DIGITS}\.(?=\s*(?:[-+0-9\]),]|$))(?![0-9])"  # NumPy's 1.
    rf"|{_DIGITS}(?:[eE][-+]?[0-9]{{1,3}})?(?!\w|\.[0-9])"  # 3, 1e5
    r")"
)
_TOKEN = re.compile(f"({_CLOCK}|{_NUMBER})")
_WHOLE = re.compile(r"[-+−]?[0-9][0-9,_]*\.?")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
_SETUP_REPORT = re.compile(
    r"^Python \d[\w.+-]*, TensorFlow \d[\w.+-]*, Keras \d[\w.+-]* on \w+, NumPy \d[\w.+-]*\nDevice: .+?(\. Seed)", re.M
)
_CLAIM = re.compile(r"^(✔ .*: ).* \((?=at least |at most |exactly |[^()]* give or take )")
_SHAPE = re.compile(r" (?:x [0-9]|x $|(colour )?pictures|pixels|rows|columns|in a row|panels|points|bars|values|parts)")
_TAG = re.compile(r"(tolerance|rtol|counts|figure)-([0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)")
_FIELDS = {"tolerance": "absolute", "rtol": "relative", "counts": "counts", "figure": "figure"}


@dataclass(frozen=True)
class Tolerance:
    """How far a cell's outputs may be from the stored ones."""

    absolute: Decimal = Decimal(0)  # of a number with a point or an exponent
    relative: Decimal = Decimal("1e-5")  # of such a number, to the stored one; the wider of the two counts
    counts: Decimal = Decimal(0)  # of a whole number; a training moves what it counts
    figure: float = FIGURE  # the share of a picture's ink that may be out of place; at 0 pictures must be identical

    @classmethod
    def from_tags(cls, tags: Iterable[str]) -> "Tolerance":
        """Reads `tolerance-0.02` (absolute), `rtol-0.05` (relative), `counts-2` and `figure-0.3` (share of ink).

        ValueError: a tag that is none of these nor one of ROLES, or a number that makes no sense.
        """
        if not isinstance(tags, Sequence) or isinstance(tags, str):
            raise ValueError(f"tags must be a list, not {tags!r}")
        found = {}
        for tag in tags:
            if tag in ROLES:
                continue
            match = _TAG.fullmatch(str(tag))
            if not match:
                known = ", ".join(["tolerance-<number>", "rtol-<number>", "counts-<number>", "figure-<number>", *ROLES])
                raise ValueError(f"unknown tag {tag!r}; a cell may have: {known}")
            kind, number = _FIELDS[match[1]], Decimal(match[2])
            share = kind in ("relative", "figure")
            if number == 0 or (share and number >= 1) or (kind == "counts" and number % 1):
                rule = "above 0 and below 1" if share else "above 0" if kind == "absolute" else "a whole one above 0"
                raise ValueError(f"tag {tag!r}: the number must be {rule}")
            if kind in found:
                raise ValueError(f"two {match[1]} tags on one cell")
            found[kind] = float(number) if kind == "figure" else number
        return cls(**found)

    def allowed(self, expected: str, got: str) -> Decimal:
        """How far apart these two numbers may be."""
        if is_whole(expected) and is_whole(got):
            return self.counts
        return max(self.absolute, self.relative * abs(value(expected)))


def value(number: str) -> Decimal:
    """The value of a number as it is printed."""
    return Decimal(number.replace("−", "-").replace(",", ""))


def is_whole(number: str) -> bool:
    """Whether a number is printed without an exponent and with nothing after its point, if it has one."""
    return bool(_WHOLE.fullmatch(number))


def numbers(text: str) -> list[str]:
    """The numbers in a text that are compared, as they are printed."""
    return [token for token in _TOKEN.split(_masked(text))[1::2] if not token.startswith("~")]


def differences(expected: Sequence[Mapping], got: Sequence[Mapping], tolerance: Tolerance) -> list[str]:
    """Says where a cell's outputs, in nbformat's form, differ from those expected: a few lines per difference."""
    expected, got = _views(expected), _views(got)
    expected_keys, got_keys = [tuple(view) for view in expected], [tuple(view) for view in got]
    if expected_keys != got_keys:
        return _other_outputs(expected, got, expected_keys, got_keys)
    found = []
    for expected_view, got_view in zip(expected, got, strict=True):
        for key in expected_view:
            if gap := _gap(key, expected_view[key], got_view[key], tolerance):
                found.append(f"{key}: {gap}")
    return found


def shown(line: str) -> str:
    """A line short enough for a message."""
    return line if len(line) <= 200 else f"{line[:120]} … {line[-60:]}"


def _views(outputs: Sequence[Mapping]) -> list[dict]:
    """What of each output is compared: its content by kind, and the alternative text of its pictures."""
    views = []
    for output in outputs:
        if output["output_type"] == "stream":
            views.append({output["name"]: output["text"]})
        elif output["output_type"] == "error":
            views.append({"error": f"{output['ename']}: {output['evalue']}"})
        else:
            view = {key: output["data"][key] for key in sorted(output["data"]) if key != WIDGET_VIEW}
            for key in list(view):
                if "alt" in output.get("metadata", {}).get(key, {}):
                    view[f"alternative text of {key}"] = output["metadata"][key]["alt"]
            views.append(view)
    return [view for view in views if view]


def _other_outputs(expected, got, expected_keys, got_keys) -> list[str]:
    found = []
    for kind, i, j, k, m in SequenceMatcher(None, expected_keys, got_keys, autojunk=False).get_opcodes():
        if kind != "equal":
            found += [f"missing output {_shown_view(view)}" for view in expected[i:j]]
            found += [f"unexpected output {_shown_view(view)}" for view in got[k:m]]
    return found


def _shown_view(view: dict) -> str:
    text = next((content for key, content in view.items() if _is_text(key) and content.strip()), "")
    lines = [f"    {shown(line)}" for line in _masked(text).strip().splitlines()[:10]]
    return "\n".join([f"({', '.join(view)})", *lines])


def _gap(key: str, expected, got, tolerance: Tolerance) -> str | None:
    if expected == got:
        return None
    if _is_text(key):
        return _text_gap(expected, got, tolerance)
    if key.startswith("image/") and tolerance.figure:
        return _picture_gap(expected, got, tolerance)
    return "the content differs"


def _is_text(key: str) -> bool:
    return "/" not in key or key.startswith(("text/", "alternative text")) or key == "image/svg+xml"


def _masked(text: str) -> str:
    text = _SETUP_REPORT.sub(r"Python, TensorFlow, Keras, NumPy\nDevice\1", COLOUR.sub("", text))
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _text_gap(expected: str, got: str, tolerance: Tolerance) -> str | None:
    expected, got = (_masked(text).rstrip("\n").split("\n") for text in (expected, got))
    expected_tokens, got_tokens = ([_TOKEN.split(line) for line in lines] for lines in (expected, got))
    both = [[line[1::2] for line in lines] for lines in zip(expected_tokens, got_tokens)]
    pairs = [pair for lines in both for pair in zip(*lines)]
    moved = any(not a.startswith("~") and not b.startswith("~") and value(a) != value(b) for a, b in pairs)
    fold = any(len(a) != len(b) for a, b in pairs)
    found = []
    if len(expected) != len(got):
        found.append(f"{len(expected)} lines became {len(got)}")
    reports = 0
    for number, (ours, theirs) in enumerate(zip_longest(expected_tokens, got_tokens), 1):
        reason = "no such line" if ours is None or theirs is None else _line_gap(ours, theirs, tolerance, fold, moved)
        if reason:
            reports += 1
            if reports <= 5:
                lines = ["(none)" if line is None else shown("".join(line)) for line in (ours, theirs)]
                found.append(f"line {number}: {reason}\n    expected: {lines[0]}\n    got:      {lines[1]}")
    if reports > 5:
        found.append(f"and {reports - 5} more lines")
    return "\n  ".join(["", *found]) if found else None


def _line_gap(expected: list[str], got: list[str], tolerance: Tolerance, fold: bool, moved: bool) -> str | None:
    """Compares two lines, each split into words (at even places) and numbers (at odd places).

    fold: whether runs of white space count as one; moved: whether a number of the same output has another value
    """
    words = [[" ".join(part.split()) if fold else part for part in line[::2]] for line in (expected, got)]
    if words[0] != words[1]:
        return "the text differs"
    numbers = list(zip(expected[1::2], got[1::2], strict=True))
    allows = [tolerance] * len(numbers)
    if (line := "".join(expected)).startswith("✔ "):  # only what is measured may move, not what is said of it
        claim = _CLAIM.match(line)
        first, end = (len(_TOKEN.split(claim[part])) // 2 for part in (1, 0)) if claim else (0, 0)
        allows = [tolerance if first <= place < end else Tolerance() for place in range(len(numbers))]
    gaps = []
    for place, (a, b) in enumerate(numbers):
        shape = _SHAPE.match(expected[2 * place + 2]) or expected[2 * place].endswith((" x ", " from ", " to "))
        gap = _number_gap(a, b, replace(allows[place], counts=Decimal(0)) if shape else allows[place], moved)
        gaps += [gap] if gap else []
    return "; ".join(gaps[:3]) + ("; …" if len(gaps) > 3 else "") or None


def _number_gap(expected: str, got: str, tolerance: Tolerance, moved: bool) -> str | None:
    if expected == got or (expected[0] == got[0] == "~"):
        return None
    if "~" in (expected[0], got[0]):
        return "the text differs"
    gap, allowed = abs(value(expected) - value(got)), tolerance.allowed(expected, got)
    if gap == 0 and (is_whole(expected) != is_whole(got) or not (moved or value(got) == 0)):
        return f"{expected} became {got}"
    return f"{expected} became {got}, off by {gap:.3g}, tolerance {allowed:.3g}" if gap > allowed else None


def _picture_gap(expected: str, got: str, tolerance: Tolerance) -> str | None:
    try:
        gap = _shape_gap(_opened(expected), _opened(got))  # Pillow reads an animated PNG's frames only once
        return gap or _ink_gap(_opened(expected), _opened(got), tolerance)
    except (UnidentifiedImageError, ValueError, OSError) as error:
        return f"not a readable picture: {error}"


def _shape_gap(expected: Image.Image, got: Image.Image) -> str | None:
    if any(abs(a - b) > max(2, SIDE * a) for a, b in zip(expected.size, got.size, strict=True)):
        sizes = [f"{width} × {height}" for width, height in (expected.size, got.size)]
        return f"the size differs: {sizes[0]} pixels became {sizes[1]}, tolerance {SIDE:.0%} a side"
    ours, theirs = ([frame.info.get("duration", 0) for frame in frames(image)] for image in (expected, got))
    if len(ours) != len(theirs):
        return f"{len(ours)} frames became {len(theirs)}"
    return next((f"a frame of {a:g} ms became one of {b:g} ms" for a, b in zip(ours, theirs) if a != b), None)


def frames(image: Image.Image) -> Iterator[Image.Image]:
    """The frames of a picture, one after the other, each the same object in another state."""
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        yield image


def ink_distance(expected: str, got: str) -> float:
    """The share of ink by which two pictures, as base64, differ; 0 if they are equal, 1 if nothing of them is."""
    return max(_ink_gaps(_opened(expected), _opened(got)))


def _opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def _ink_gaps(expected: Image.Image, got: Image.Image) -> Iterator[float]:
    """For each frame, the share of its ink that is out of place, on the grid that tells more."""
    for frame_pair in zip(frames(expected), frames(got)):
        papers = [_on_paper(frame) for frame in frame_pair]
        shares = []
        for cells, unseen, times in GRIDS:
            ours, theirs = (np.asarray(paper.resize((cells, cells), BILINEAR), float) for paper in papers)
            ground = np.median(ours, axis=(0, 1))
            total = max(np.abs(ours - ground).sum(), np.abs(theirs - ground).sum(), 1)
            gaps = np.abs(ours - theirs)
            shares.append(gaps[gaps >= unseen].sum() / total / times)
        yield max(shares)


def _ink_gap(expected: Image.Image, got: Image.Image, tolerance: Tolerance) -> str | None:
    for number, distance in enumerate(_ink_gaps(expected, got), 1):
        if distance > tolerance.figure:
            where = f" in its frame {number}" if getattr(expected, "n_frames", 1) > 1 else ""
            told = f"{distance:.3f} of the ink is out of place{where}, tolerance {tolerance.figure:g}"
            return f"the picture differs: {told}"
    return None


def _on_paper(frame: Image.Image) -> Image.Image:
    paper = Image.new("RGBA", frame.size, "white")
    paper.alpha_composite(frame.convert("RGBA"))
    return paper.convert("RGB")
