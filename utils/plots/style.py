"""The house style, and how a notebook shows a figure: a picture on white that carries its alternative text."""

import io

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from matplotlib.figure import Figure
from matplotlib_inline.backend_inline import set_matplotlib_close, set_matplotlib_formats
from PIL import Image

from utils.plots.alt_text import describe

# Okabe and Ito (2008), Color Universal Design
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
GREY = "#6b6b6b"

STYLE = {
    "figure.figsize": (7.0, 4.0),
    "figure.dpi": 100,
    "figure.max_open_warning": 20,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.facecolor": "white",
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.labelsize": 11,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "grid.color": "#dddddd",
    "image.cmap": "viridis",
    "legend.frameon": False,
    "lines.linewidth": 2.0,
}


def setup():
    """Use the house style and nothing else; in a notebook, show every figure, and let it carry its alternative text.

    What MPLBACKEND, a matplotlibrc or IPython's own configuration asks for is set back. The text is the figure's
    `text/plain` and stands in the picture's metadata as `alt`, so that nbconvert's pages and other readers of the
    file have it.
    """
    shell = get_ipython()
    if shell is not None and hasattr(shell, "kernel"):
        shell.enable_matplotlib("inline")
        set_matplotlib_formats("png")
        set_matplotlib_close(True)
        formatters = shell.display_formatter.formatters
        formatters["image/png"].for_type(Figure, lambda figure: (png(figure), {"alt": describe(figure)}))
        formatters["text/plain"].for_type(Figure, lambda figure, printer, cycle: printer.text(describe(figure)))
    plt.rcdefaults()
    plt.rcParams.update(STYLE)


def png(figure):
    """The figure as the bytes of a PNG file.

    Drawings keep 256 colours, which takes a third of the space; figures that hold colour photographs keep all.
    """
    picture = rendered(figure)
    if not any(np.ndim(image.get_array()) == 3 for axes in figure.axes for image in axes.images):
        picture = in_colours(picture, picture.quantize(256))
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return buffer.getvalue()


def rendered(figure):
    """The figure as a PIL.Image in RGB."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return Image.open(buffer).convert("RGB")


def in_colours(picture, palette):
    """`picture` in the colours of `palette`, a PIL.Image that has a palette; what is white stays white."""
    indices = np.array(picture.quantize(palette=palette, dither=Image.Dither.NONE))
    table = np.array(palette.getpalette()).reshape(-1, 3)
    white = table.sum(axis=1).argmax()
    table[white] = 255
    indices[(np.asarray(picture) == 255).all(axis=2)] = white
    reduced = Image.fromarray(indices)
    reduced.putpalette(table.astype(np.uint8).tobytes())
    return reduced
