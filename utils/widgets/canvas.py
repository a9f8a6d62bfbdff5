"""A canvas to draw on, with what is made of the drawing beside it, and a static twin that shows a stored drawing."""

import html
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import traitlets

from utils.widgets.shown import drawn, image, show

SIDE = 280  # pixels of the canvas, in rows and in columns
PEN = 22  # the pen's width in pixels, to begin with
THINNEST, THICKEST = 8, 40
BLANK = "<p>Nothing is drawn yet. Draw on the canvas; it is read when you lift the pen.</p>"


def stroke_picture(strokes, width=PEN):
    """What strokes of a round pen leave on the canvas: an array (280, 280) of uint8, 0 for paper to 255 for ink.

    strokes: list of strokes, each a list of points (x, y) in pixels, from the canvas's upper left corner to the right
        and down; one point alone is a dot
    width: of the pen in pixels, one for all strokes or one for each

    Each pixel holds the ink at its centre, its edge softened over one pixel. Raises ValueError when a stroke is not
    a list of points or a width is not positive.
    """
    ink = np.zeros((SIDE, SIDE))
    for stroke, pen in zip(strokes, np.broadcast_to(width, len(strokes))):
        points = np.asarray(stroke, dtype=float)
        if points.ndim != 2 or points.shape[1] != 2:
            raise ValueError(f"a stroke is a list of points (x, y), but this one is {stroke!r}")
        if not pen > 0:
            raise ValueError(f"the pen's width is a positive number of pixels, but here it is {pen}")
        for number, end in enumerate(points):
            _add_segment(ink, points[number - 1] if number else end, end, pen / 2)
    return np.rint(255 * ink).astype(np.uint8)


def _add_segment(ink, start, end, radius):
    reach = radius + 1  # no pixel further away has ink
    low = np.floor(np.min([start, end], axis=0) - reach).clip(0, SIDE).astype(int)
    high = np.ceil(np.max([start, end], axis=0) + reach).clip(0, SIDE).astype(int)
    area = ink[low[1] : high[1], low[0] : high[0]]
    pixels = np.stack(np.meshgrid(*(np.arange(*ends) + 0.5 for ends in zip(low, high))), axis=-1)  # (rows, columns, 2)
    along = end - start
    share = ((pixels - start) @ along / max(along @ along, 1e-12)).clip(0, 1)  # of the way, up to the nearest point
    distance = np.linalg.norm(pixels - start - share[..., np.newaxis] * along, axis=-1)
    np.maximum(area, (radius + 0.5 - distance).clip(0, 1), out=area)


class Canvas(anywidget.AnyWidget):
    """What the reader draws on; `drawing` holds {"strokes", "widths": one for each, "reading": never sent twice}."""

    _esm = Path(__file__).with_name("canvas.js")
    side = traitlets.Int(SIDE).tag(sync=True)
    pens = traitlets.Dict({"min": THINNEST, "max": THICKEST, "value": PEN}).tag(sync=True)
    drawing = traitlets.Dict().tag(sync=True)


def sketch(draw, stored, *, panels=1, size=(3.0, 3.2)):
    """Show what `draw` makes of stored drawings, then a canvas to draw on.

    draw: draws into `panels` axes, given one after the other, for `picture`, given by name: an array (280, 280) of
        uint8, 0 for paper to 255 for ink, never empty. What it raises is shown beside the canvas.
    stored: list of such pictures, as stroke_picture() makes them; each is one row of the static figure
    size: of one panel, in inches

    Returns the live view, a widget with the canvas and the result as its children.
    """
    figure = drawn(draw, [{"picture": picture} for picture in stored], panels, size)
    canvas, result = Canvas(), ipywidgets.HTML(BLANK)

    def read(change):
        try:
            picture = stroke_picture(change["new"]["strokes"], change["new"]["widths"])
            result.value = image(drawn(draw, [{"picture": picture}], panels, size)) if picture.any() else BLANK
        except Exception as error:  # here it would reach no reader: front ends hide what a widget's callback raises
            words = html.escape(f"{type(error).__name__}: {error}")
            result.value = f'<p role="alert"><strong>The drawing could not be read.</strong> {words}</p>'

    canvas.observe(read, names="drawing")
    shows = "a stored drawing" if len(stored) == 1 else f"{len(stored)} stored drawings"
    words = (
        f"Live: a canvas to draw on with mouse, finger or pen, a slider for the pen's width from {THINNEST} to "
        f"{THICKEST} pixels, at {PEN}, and buttons Clear and Read. "
        f"Run this cell in Jupyter or Colab to draw; the figure above shows {shows}."
    )
    view = ipywidgets.HBox([canvas, result], layout={"flex_flow": "row wrap"})
    show(figure, view, words)
    return view
