"""Alternative text for figures, made from what is drawn: for screen readers, and for the comparison of outputs."""

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.lines import AxLine
from matplotlib.patches import Rectangle
from matplotlib.quiver import Quiver
from matplotlib.text import Annotation
from matplotlib.ticker import LogFormatter, NullFormatter, ScalarFormatter

MOST_LISTED = 12  # longer runs of bars, texts or titles are told by their extremes


def describe(figure):
    """Say in words what a Matplotlib figure shows: one line for each panel and each thing drawn in it.

    Numbers have six significant digits, enough for a comparison that allows for rounding. An artist with an attribute
    `alt_text` speaks for itself, which is how this package's own plots tell of contours and surfaces; one whose
    `alt_text` is empty is decoration.
    """
    panels = [axes for axes in figure.axes if axes.get_visible() and axes.get_label() != "<colorbar>"]
    head = f"Figure: {figure.get_suptitle()}" if figure.get_suptitle() else "Figure"
    if len(panels) > 1:
        head += f" ({len(panels)} panels)"
    lines = [head + "."]
    for number, axes in enumerate(panels, 1):
        lines += [(f"Panel {number}: " if len(panels) > 1 else "") + _frame(axes), *_contents(axes)]
    return "\n".join(line for line in lines if line)


def _frame(axes):
    parts = [axes.get_title(loc=place).replace("\n", " ") for place in ("left", "center", "right")]
    for name in "xyz":
        label = getattr(axes, f"get_{name}label", str)()
        if label:
            low, high = sorted(getattr(axes, f"get_{name}lim")())
            scale = ", log scale" if getattr(axes, f"get_{name}scale")() == "log" else ""
            parts.append(f"{name} axis: {label}, from {_number(low, high)} to {_number(high, low)}{scale}")
    return ". ".join(part for part in parts if part) + "."


def _contents(axes):
    bars = [item for item in axes.containers if isinstance(item, BarContainer)]
    owned = {patch for container in bars for patch in container}
    for container in bars:
        yield _bars(container, axes)
    for artist in axes.get_children():
        if not artist.get_visible() or artist in owned:
            continue
        if hasattr(artist, "alt_text"):
            yield artist.alt_text
        elif artist in axes.lines:
            yield _line(artist, axes)
        elif isinstance(artist, PathCollection):
            yield _points(artist)
        elif artist in axes.images:
            yield _image(artist)
        elif artist in axes.patches:
            yield _patch(artist)
        elif isinstance(artist, Annotation) and artist.arrow_patch:
            yield _arrow(artist, axes)
        elif isinstance(artist, Quiver):
            yield _quiver(artist)
        elif artist in axes.collections:
            yield f"{type(artist).__name__} with {len(artist.get_paths())} parts{_named(artist)}."
    notes = [_words(text) for text in axes.texts if text.get_text() and not hasattr(text, "alt_text")]
    if notes:
        yield "Notes: " + "; ".join(notes) + "."


def _line(line, axes):
    x, y = (np.asarray(line.get_data(orig=False)[i], dtype=float) for i in (0, 1))
    if isinstance(line, AxLine):
        points = [line.get_xy1()] if line.get_xy2() is None else [line.get_xy1(), line.get_xy2()]
        through = " and ".join(f"({_number(x)}, {_number(y)})" for x, y in points)
        slope = f" with slope {_number(line.get_slope())}" if len(points) == 1 else ""
        return f"Straight line{_named(line)} through {through}{slope}."
    if line.get_transform() != axes.transData:  # axhline and axvline span the panel in one direction
        return f"Level{_named(line)} at {_number((y if np.ptp(y) == 0 else x)[0])}."
    if len(x) == 0:
        return f"Line{_named(line)} without points."
    if len(x) == 1:
        return f"Mark{_named(line)} at ({_number(x[0])}, {_number(y[0])})."
    ends = f"from ({_number(x[0], x)}, {_number(y[0], y)}) to ({_number(x[-1], x)}, {_number(y[-1], y)})"
    return f"Line{_named(line)} through {len(x)} points {ends}, {_spread('y', y)}."


def _points(points):
    x, y = np.asarray(points.get_offsets(), dtype=float).T
    return f"{len(x)} points{_named(points)}: {_spread('x', x)}; {_spread('y', y)}."


def _quiver(arrows):
    ends = {"x": arrows.X, "y": arrows.Y, "to the right": arrows.U, "up": arrows.V}
    return f"{arrows.N} arrows{_named(arrows)}: " + "; ".join(_spread(*end) for end in ends.items()) + "."


def _arrow(annotation, axes):
    """An arrow from its own words, or between two places; a place where words stand is told by them."""
    told = {text.get_position(): f"'{_words(text)}'" for text in axes.texts if text.get_text()}
    ends = [told.get(end) or f"({', '.join(map(_number, end))})" for end in (annotation.xyann, annotation.xy)]
    return f"Arrow from {ends[0]} to {ends[1]}."


def _words(text):
    return text.get_text().replace("\n", " ")


def _patch(patch):
    if isinstance(patch, Rectangle):
        return f"Rectangle of {_number(patch.get_width())} by {_number(patch.get_height())}."
    box = patch.get_path().get_extents(patch.get_patch_transform())
    ends = f"x from {_number(box.x0)} to {_number(box.x1)}, y from {_number(box.y0)} to {_number(box.y1)}"
    return f"{type(patch).__name__} with {ends}."


def _bars(container, axes):
    upright = container.orientation != "horizontal"
    lengths = np.array([bar.get_height() if upright else bar.get_width() for bar in container], dtype=float)
    if len(lengths) > MOST_LISTED:
        return f"{len(lengths)} bars{_named(container)}: {_spread('length', lengths)}."
    names = _bar_names(container, axes.xaxis if upright else axes.yaxis, upright)
    pairs = (f"{name} {_number(length, lengths)}" for name, length in zip(names, lengths))
    return f"Bars{_named(container)}: " + "; ".join(pairs) + "."


def _bar_names(container, axis, upright):
    """The label of the tick beside which each bar stands; where ticks are numbers or stand elsewhere, its place."""
    numbers = isinstance(axis.get_major_formatter(), (ScalarFormatter, LogFormatter, NullFormatter))
    ticks = [] if numbers else [*zip(axis.get_majorticklocs(), axis.get_majorticklabels())]
    for bar in container:
        low, high = bar.get_bbox().intervalx if upright else bar.get_bbox().intervaly
        middle = (low + high) / 2
        near = [(abs(place - middle), label.get_text()) for place, label in ticks if abs(place - middle) <= high - low]
        yield min(near)[1].replace("\n", " ") if near else _number(middle)


def _image(image):
    values = np.ma.filled(np.ma.asarray(image.get_array(), dtype=float), np.nan)
    size = " x ".join(str(length) for length in values.shape)
    return f"Picture of {size} values{_named(image)}: {_spread('value', values)}."


def _named(artist):
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else f" '{label}'"


def _spread(name, values):
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return f"{name} has no finite value"
    low, high, mean = (_number(value, finite) for value in (finite.min(), finite.max(), finite.mean()))
    lost = f", {values.size - finite.size} not finite" if finite.size < values.size else ""
    return f"{name} from {low} to {high}, mean {mean}{lost}"


def _number(value, beside=0.0):
    """Six digits; rounding noise, tiny beside the other values, counts as zero."""
    finite = np.abs(np.ravel(beside)[np.isfinite(np.ravel(beside))])
    return f"{0.0 if abs(value) < 1e-9 * finite.max(initial=0.0) else value:.6g}"
