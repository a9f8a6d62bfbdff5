"""What the interactive parts share: how they draw, and how they are shown with words for readers without widgets."""

import base64
import html

from IPython import get_ipython
from IPython.display import display
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
    """The figure as an HTML image with alternative text, for an ipywidgets.HTML."""
    data, _ = get_ipython().display_formatter.format(figure, include={"image/png", "text/plain"})
    source = base64.b64encode(data["image/png"]).decode()
    alt = html.escape(data["text/plain"], quote=True)
    return f'<img src="data:image/png;base64,{source}" alt="{alt}" style="max-width: 100%">'


def show(figure, view, words):
    """Display the static figure, then the widget `view` with `words` for readers without widgets."""
    display(figure)
    model = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    display({"text/plain": words, "application/vnd.jupyter.widget-view+json": model}, raw=True)
