"""Figures in one house style, each with alternative text made from what is drawn."""

from utils.plots.alt_text import describe
from utils.plots.animation import animate
from utils.plots.charts import bars, curves, fit, loss_map, loss_surface, panels
from utils.plots.pictures import images, matrix
from utils.plots.style import png, setup

__all__ = ["animate", "bars", "curves", "describe", "fit", "images", "loss_map", "loss_surface", "matrix", "panels"]
__all__ += ["png", "setup"]
