"""What the interactive parts share: how they draw, and how they are shown with words for readers without widgets."""

import base64
import html
import io

from IPython import get_ipython
from IPython.display import display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def drawn(draw, rows, panels, size):
    """A Figure with one row of `panels` panels for each dictionary in `rows`: what `draw` makes of its values.

    draw: draws into the axes of a row, given one after the other, for values given by name
    size: of one panel, in inches
    """
    figure = Figure(figsize=(size[0] * panels, size[1] * len(rows)))
    for axes, values in zip(figure.subplots(len(rows), panels, squeeze=False), rows):
        draw(*axes, **values)
    return figure


def image(figure):
    """The figure as an HTML image with alternative text, for an ipywidgets.HTML.

    It is drawn once and keeps all its colours, which is quicker than a stored figure. The page knows its size before it
    is loaded, and waits for it to be decoded, so nothing moves or flickers when it takes the place of another.
    """
    canvas, buffer = FigureCanvasAgg(figure), io.BytesIO()
    canvas.print_png(buffer)
    source = base64.b64encode(buffer.getvalue()).decode()
    data, _ = get_ipython().display_formatter.format(figure, include={"text/plain"})
    alt = html.escape(data["text/plain"], quote=True)
    width, height = canvas.get_width_height()
    size = f'width="{width}" height="{height}" style="max-width: 100%; height: auto"'
    return f'<img src="data:image/png;base64,{source}" alt="{alt}" {size} decoding="sync">'


def show(figure, view, words):
    """Display the static figure, then the widget `view` with `words` for readers without widgets."""
    display(figure)
    model = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    display({"text/plain": words, "application/vnd.jupyter.widget-view+json": model}, raw=True)
