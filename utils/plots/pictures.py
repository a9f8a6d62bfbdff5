"""Pictures and tables of numbers, drawn side by side.

The rules of utils.plots.charts hold: data in, the axes returned, `title` states what to see.
"""

import matplotlib.pyplot as plt
import numpy as np

from utils.plots.alt_text import MOST_LISTED

GAP = 0.08  # between pictures, as a share of their width


def images(pictures, labels=None, *, title, columns=None, signed=False, each=False, cmap=None, width=9.0, axes=None):
    """Pictures in a grid, row by row, each over its label.

    pictures: array (n, rows, columns) of brightness, shown in greys, or (n, rows, columns, 3) of colour, either
        uint8 or floats from 0 to 1
    labels: n texts or numbers, or None
    columns: pictures in a row; by default all in one row, but at most ten
    signed: True for weights and other values around 0: blue below, orange above, white at 0
    each: True to spread the greys or colours over each picture's own range instead of the range of all
    cmap: the name of a Matplotlib colour map to use instead, which runs over the range of all values
    width: of a new figure, in inches

    Raises ValueError when the shape is not one of these, or there is not one label for each picture.
    """
    pictures = np.asarray(pictures)
    if pictures.ndim not in (3, 4) or (pictures.ndim == 4 and pictures.shape[3] != 3) or not pictures.size:
        raise ValueError(
            f"pictures of shape {pictures.shape}: give (n, rows, columns) for grey ones or (n, rows, columns, 3) for "
            "colour; one picture alone becomes picture[np.newaxis], and a last axis of 1 goes by picture[..., 0]"
        )
    if labels is not None and len(labels) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures, but {len(labels)} labels")
    columns = columns or min(len(pictures), 10)
    count, high, wide = pictures.shape[:3]
    lines = 0 if labels is None else max(str(label).count("\n") + 1 for label in labels)
    line_height = 0.16 * wide * columns / width  # in pixels of the pictures
    step = np.array([high * (1 + GAP) + lines * line_height, wide * (1 + GAP)])
    rows = -(-count // columns)
    if axes is None:
        axes = plt.figure(figsize=(width, width * rows * step[0] / (columns * step[1]) + 0.5)).add_subplot()
    for number, picture in enumerate(pictures):
        top, left = divmod(number, columns) * step
        low, top_value = _range(picture if each else pictures, signed)
        colours = cmap or ("PuOr_r" if signed else "gray")
        extent = (left, left + wide, top + high, top)
        drawn = axes.imshow(picture, cmap=colours, vmin=low, vmax=top_value, extent=extent, interpolation="nearest")
        drawn.alt_text = ""
        if labels is not None:
            place = (left + wide / 2, top + high * (1 + GAP / 2))
            axes.text(*place, str(labels[number]), ha="center", va="top", fontsize=9).alt_text = ""
    axes.images[0].alt_text = _told(pictures, labels, columns)
    axes.set(title=title, xlim=(0, columns * step[1]), ylim=(rows * step[0], 0))
    axes.axis("off")
    return axes


def _range(values, signed):
    if signed:
        bound = np.abs(values).max() or 1
        return -bound, bound
    if values.dtype == np.uint8:
        return 0, 255
    return values.min(), values.max()


def _told(pictures, labels, columns):
    count, high, wide = pictures.shape[:3]
    kind = "colour pictures" if pictures.ndim == 4 else "pictures"
    head = f"{count} {kind} of {high} x {wide} pixels, {columns} in a row, values from {_short(pictures.min())} to "
    head += f"{_short(pictures.max())}, mean {_short(pictures.mean())}."
    if labels is not None:
        head += " Labels: " + ", ".join(" ".join(str(label).split()) for label in labels) + "."
    if count <= MOST_LISTED:
        head += " Means: " + ", ".join(_short(picture.mean()) for picture in pictures) + "."
    return head


def matrix(
    values,
    *,
    title,
    xlabel="",
    ylabel="",
    columns=None,
    rows=None,
    digits=None,
    signed=False,
    cmap=None,
    limits=None,
    axes=None,
):
    """A table of numbers, array (rows, columns), as squares of colour with the number in each; nan leaves one blank.

    columns, rows: the names along the sides; without them the numbers from 0
    digits: after the decimal point; None for whole numbers as they are, others with two significant digits
    signed: True to colour blue below 0 and orange above
    cmap: the name of a Matplotlib colour map to use instead
    limits: the values of the palest and the darkest colour; those of the table if not said

    True and False are shown as 1 and 0. Raises ValueError when the values are no table of numbers.
    """
    values = np.asarray(values)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "biuf":
        raise ValueError(f"a table is an array (rows, columns) of numbers, not {values.shape} of {values.dtype}")
    values = values.astype(int) if values.dtype == bool else values
    high, wide = values.shape
    if axes is None:
        axes = plt.figure(figsize=(min(9.0, 1.6 + 0.55 * wide), min(9.0, 1.2 + 0.5 * high))).add_subplot()
    bound = np.nanmax(np.abs(values)) or 1
    low, top = limits or ((-bound, bound) if signed else (np.nanmin(values), np.nanmax(values)))
    colours = cmap or ("PuOr_r" if signed else "Blues")
    picture = axes.imshow(values, cmap=colours, vmin=low, vmax=top, aspect="auto")
    size = min(9.0, 195 / max(wide, high))
    texts = np.array([[_cell(value, digits) for value in row] for row in values])
    for (row, column), text in np.ndenumerate(texts):
        red, green, blue, _ = picture.to_rgba(values[row, column])
        colour = "white" if 0.3 * red + 0.59 * green + 0.11 * blue < 0.5 else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour).alt_text = ""
    lines = "; ".join(" ".join(text or "blank" for text in row) for row in texts)
    picture.alt_text = f"Table of {high} rows and {wide} columns: {lines}."
    _name_ticks(axes.xaxis, columns, wide)
    _name_ticks(axes.yaxis, rows, high)
    if columns is not None and max(map(len, map(str, columns))) > 3:
        axes.tick_params(axis="x", rotation=60)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    axes.grid(False)
    return axes


def _name_ticks(axis, names, count):
    if names is not None:
        axis.set_ticks(range(count), [str(name) for name in names])
    elif count <= 10:
        axis.set_ticks(range(count))


def _cell(value, digits):
    if np.isnan(value):
        return ""
    if digits is not None:
        return f"{value:.{digits}f}"
    return str(value) if np.issubdtype(type(value), np.integer) else f"{value:.2g}"


def _short(value):
    return f"{float(value):.6g}"
