"""Interactive parts, each with a static twin that shows the same: sliders that redraw a figure, a canvas to draw on."""

from utils.widgets.canvas import Sketchpad, sketch, stroke_picture
from utils.widgets.explorer import Explorer, explore

__all__ = ["Explorer", "Sketchpad", "explore", "sketch", "stroke_picture"]
