"""Interactive parts, each with a static twin that shows the same: sliders that redraw a figure, a canvas to draw on."""

from utils.widgets.canvas import sketch, stroke_picture
from utils.widgets.explorer import explore

__all__ = ["explore", "sketch", "stroke_picture"]
