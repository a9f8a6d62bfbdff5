"""What "equal" means for the outputs of a cell: text, numbers, pictures. Knows nothing of pytest.

Text (text/*, streams, SVG, alternative texts) is equal when its words are, character by character, and each of its
numbers is within the cell's tolerance. A number stands by itself or carries a point: `3`, `-0.25`, `1e-7`, `12,000`,
`0.9x`. Digits inside a name (`Conv2D`, `x1`, `28x28`, `3.12.1`) are part of the word, and so are nan and inf. The
bounds of a claim, as in `✔ accuracy: 0.93 (at least 0.9)`, are no measurement, so the cell's tolerance is not for them.
White space at the end of a line is never compared; other runs of it are folded only in an output in which a printed
number changed its width.

Not compared at all, and nothing else is masked:
- a number after a tilde, with its unit of time if any: `~61`, `~0.8 ms` (the labs' mark for what the clock says);
- a decimal with a unit of time (ns, us, µs, ms, s, min, h): `12.3 ms`, `0.5s`; whole ones (`5 s`) are compared;
- Keras's progress, `1s 3ms/step` and `1s - 3ms/step`; tqdm's, `00:01<00:00, 9.9it/s`; the time of day, `12:34:56`;
- addresses, `0x7f12a3b4c5d6`; ANSI colours;
- in the setup report, and only in its exact form: the versions, Keras's backend and the device.
A live widget's key is skipped: its model has a new number in every run. Its text/plain is compared.

Pictures are equal when their sizes, numbers of frames and durations are and, on a coarse grid, so is their ink.
Anything else (JSON, scripts) is equal only if identical.
"""

import base64
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest

import numpy as np
from PIL import Image, ImageSequence, UnidentifiedImageError

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ROLES = ("setup", "parameters", "exercise", "solution", "check")

# 16 x 16 cells that overlap, and differences under 6 of 255 are not seen: over 17 kinds of figure of a fixed size and
# the labs' own, in few colours, Matplotlib 3.10 and 3.11 and Pillow 11 to 13 differ by at most 0.015 of the ink. Other
# digits in a grid of pictures make 0.04, a missing curve 0.09, a missing legend 0.11, another plot 0.5 and more, and a
# blank picture 0.85 and more.
GRID = 16
UNSEEN = 6
FIGURE = 0.03
SIDE = 0.1

_UNIT = r"(?:ns|us|µs|μs|ms|s|min|h)\b"
_SPAN = r"(?:[0-9]+:)+[0-9]{2}"
_PER_STEP = r"[0-9]+(?:us|µs|μs|ms|s)/(?:step|epoch|sample)\b"
_DIGITS = r"(?:[0-9]{1,3}(?:[,_][0-9]{3})+(?![,_]?[0-9])|[0-9]+)"
_CLOCK = "|".join(
    [
        rf"~[-+−]?{_DIGITS}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?(?:[ \u00a0\u202f]?{_UNIT})?",
        rf"(?<![\w.])[0-9]+\.[0-9]+[ \u00a0\u202f]?{_UNIT}(?:/\w+)?",
        rf"(?<![\w.:])(?:{_SPAN}|[0-9]+s)(?: -)? {_PER_STEP}",
        rf"(?<![\w.]){_PER_STEP}",
        rf"(?<![\w.:])(?:{_SPAN}<(?:{_SPAN}|\?)|(?<=\[){_SPAN}), *[0-9.?]+\w*/\w+",
        r"(?<![\w.:])[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?![\w:])",
        r"\b0x[0-9a-fA-F]{8,}\b",
    ]
)
_NUMBER = (
    r"(?<![\w.])[-+−]?(?:"
    rf"(?:{_DIGITS}\.[0-9]+|\.[0-9]+)(?:[eE][-+]?[0-9]{{1,3}})?(?![0-9]|\.[0-9])"  # 0.25, .5, 1.5e-3
    rf"|{_DIGITS}\.(?=\s*(?:[-+0-9\]),]|$))(?![0-9])"  # NumPy's 1.
    rf"|{_DIGITS}(?:[eE][-+]?[0-9]{{1,3}})?(?!\w|\.[0-9])"  # 3, 1e5
    r")"
)
_TOKEN = re.compile(f"({_CLOCK}|{_NUMBER})")
_IS_NUMBER = re.compile(_NUMBER)
_WHOLE = re.compile(r"[-+−]?[0-9][0-9,_]*\.?")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
_SETUP_REPORT = re.compile(
    r"^Python \d[\w.+-]*, TensorFlow \d[\w.+-]*, Keras \d[\w.+-]* on \w+, NumPy \d[\w.+-]*\nDevice: .+?(\. Seed)", re.M
)
_BOUNDS = re.compile(r"^✔ .* \((?=at least |at most |exactly |[^()]* give or take )")
_TAG = re.compile(r"(tolerance|rtol|figure)-([0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?)")


@dataclass(frozen=True)
class Tolerance:
    """How far a cell's outputs may be from the stored ones.

    Attributes:
        absolute: Of every number, whole ones too; None for 0.
        relative: To the stored number, whole ones too; None for 0 for whole numbers and 1e-5 for others. Of the two
            tolerances the wider one counts.
        figure: Share of a picture's ink that may be out of place, between 0 and 1; at 0 pictures must be identical.
    """

    absolute: Decimal | None = None
    relative: Decimal | None = None
    figure: float = FIGURE

    @classmethod
    def from_tags(cls, tags: Iterable[str]) -> "Tolerance":
        """Reads `tolerance-0.02` (absolute), `rtol-0.05` (relative) and `figure-0.3` (share of ink).

        Raises:
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
                known = ", ".join(["tolerance-<number>", "rtol-<number>", "figure-<number>", *ROLES])
                raise ValueError(f"unknown tag {tag!r}; a cell may have: {known}")
            kind, number = match[1], Decimal(match[2])
            if number == 0 or (kind != "tolerance" and number >= 1):
                raise ValueError(
                    f"tag {tag!r}: the number must be above 0{'' if kind == 'tolerance' else ' and below 1'}"
                )
            if kind in found:
                raise ValueError(f"two {kind} tags on one cell")
            found[kind] = number
        return cls(found.get("tolerance"), found.get("rtol"), float(found.get("figure", FIGURE)))

    def allowed(self, expected: str, got: str) -> Decimal:
        """How far apart these two numbers may be."""
        relative = self.relative
        if relative is None:
            relative = 0 if _WHOLE.fullmatch(expected) and _WHOLE.fullmatch(got) else Decimal("1e-5")
        return max(self.absolute or Decimal(0), relative * abs(value(expected)))

    def close(self, expected: str, got: str) -> bool:
        """Whether two numbers, as they are printed, are equal enough. A number that keeps its value but gains or loses
        its point (2 and 2.0) is another one."""
        if value(expected) == value(got):
            return ("." in expected or "e" in expected.lower()) == ("." in got or "e" in got.lower())
        return abs(value(expected) - value(got)) <= self.allowed(expected, got)


def value(number: str) -> Decimal:
    """The value of a number as it is printed."""
    return Decimal(number.replace("−", "-").replace(",", ""))


def numbers(text: str) -> list[str]:
    """The numbers in a text that are compared, as they are printed."""
    return [token for token in _TOKEN.split(_masked(text))[1::2] if _kind(token) == "number"]


def differences(expected: Sequence[Mapping], got: Sequence[Mapping], tolerance: Tolerance) -> list[str]:
    """Says, for people, where a cell's outputs differ from the stored ones.

    Args:
        expected: The stored outputs, in nbformat's form.
        got: Those of this run.
        tolerance: What the cell allows.

    Returns:
        One text of a few lines per difference; none if the outputs are equal.
    """
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
    tokens = list(zip(expected_tokens, got_tokens, strict=False))
    fold = any(len(a) != len(b) for ours, theirs in tokens for a, b in zip(ours[1::2], theirs[1::2], strict=False))
    found = []
    if len(expected) != len(got):
        found.append(f"{len(expected)} lines became {len(got)}")
    reports = 0
    for number, (ours, theirs) in enumerate(zip_longest(expected_tokens, got_tokens), 1):
        reason = "no such line" if ours is None or theirs is None else _line_gap(ours, theirs, tolerance, fold)
        if reason:
            reports += 1
            if reports <= 5:
                lines = ["(none)" if line is None else shown("".join(line)) for line in (ours, theirs)]
                found.append(f"line {number}: {reason}\n    expected: {lines[0]}\n    got:      {lines[1]}")
    if reports > 5:
        found.append(f"and {reports - 5} more lines")
    return "\n  ".join(["", *found]) if found else None


def _line_gap(expected: list[str], got: list[str], tolerance: Tolerance, fold: bool) -> str | None:
    """Compares two lines, each split into words (at even places) and numbers or times (at odd places)."""
    words = [[" ".join(part.split()) if fold else part for part in line[::2]] for line in (expected, got)]
    pairs = list(zip(expected[1::2], got[1::2], strict=False))
    bounds = _BOUNDS.match("".join(expected))
    measured = len(_TOKEN.split(bounds[0])) // 2 if bounds else len(pairs)  # so many numbers, then those of the bounds
    allows = [tolerance if place < measured else Tolerance() for place in range(len(pairs))]
    if words[0] != words[1] or any(_kind(a) != _kind(b) for a, b in pairs):
        return "the text differs"
    gaps = [
        f"{a} became {b}, off by {abs(value(a) - value(b)):.3g}, tolerance {allow.allowed(a, b):.3g}"
        for (a, b), allow in zip(pairs, allows, strict=True)
        if _kind(a) == "number" and not allow.close(a, b)
    ]
    return "; ".join(gaps[:3]) + ("; …" if len(gaps) > 3 else "") or None


def _kind(token: str) -> str:
    return "number" if _IS_NUMBER.fullmatch(token) else "about" if token.startswith("~") else "clock"


def _picture_gap(expected: str, got: str, tolerance: Tolerance) -> str | None:
    try:
        ours, theirs = _opened(expected), _opened(got)
        return _shape_gap(ours, theirs) or _ink_gap(ours, theirs, tolerance)
    except (UnidentifiedImageError, ValueError, OSError) as error:
        return f"not a readable picture: {error}"


def _shape_gap(expected: Image.Image, got: Image.Image) -> str | None:
    if any(abs(a - b) > max(2, SIDE * a) for a, b in zip(expected.size, got.size, strict=True)):
        sizes = [f"{width} × {height}" for width, height in (expected.size, got.size)]
        return f"the size differs: {sizes[0]} pixels became {sizes[1]}, tolerance {SIDE:.0%} a side"
    frames = [getattr(image, "n_frames", 1) for image in (expected, got)]
    if frames[0] != frames[1]:
        return f"{frames[0]} frames became {frames[1]}"
    seconds = [
        sum(frame.info.get("duration", 0) for frame in ImageSequence.Iterator(image)) / 1000
        for image in (expected, got)
    ]
    return f"its duration of {seconds[0]:g} s became {seconds[1]:g} s" if seconds[0] != seconds[1] else None


def ink_distance(expected: str, got: str) -> float:
    """The share of ink by which two pictures, as base64, differ; 0 if they are equal, 1 if nothing of them is.

    Raises:
        ValueError, OSError, UnidentifiedImageError: not a picture.
    """
    ours, theirs = _opened(expected), _opened(got)
    return max(_ink_gaps(ours, theirs).values())


def _opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def _ink_gaps(expected: Image.Image, got: Image.Image) -> dict[str, float]:
    last = getattr(expected, "n_frames", 1) - 1
    found = {}
    for name, frame in {"first frame": 0, "last frame": last}.items():
        ours, theirs = (_ink(image, frame) for image in (expected, got))
        ground = np.median(ours, axis=(0, 1))
        total = max(np.abs(ours - ground).sum(), np.abs(theirs - ground).sum(), 1)
        gaps = np.abs(ours - theirs)
        found[name] = gaps[gaps >= UNSEEN].sum() / total
    return found


def _ink_gap(expected: Image.Image, got: Image.Image, tolerance: Tolerance) -> str | None:
    for name, distance in _ink_gaps(expected, got).items():
        if distance > tolerance.figure:
            where = f" in its {name}" if getattr(expected, "n_frames", 1) > 1 else ""
            return (
                f"the picture differs: {distance:.3f} of the ink is out of place{where}, tolerance {tolerance.figure:g}"
            )
    return None


def _ink(image: Image.Image, frame: int) -> np.ndarray:
    """(16, 16, 3) means of a frame's colours over overlapping cells, too coarse to tell one pixel's shift."""
    image.seek(frame)
    paper = Image.new("RGBA", image.size, "white")
    paper.alpha_composite(image.convert("RGBA"))
    return np.asarray(paper.convert("RGB").resize((GRID, GRID), Image.Resampling.BILINEAR), float)
