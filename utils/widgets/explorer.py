"""Sliders that redraw a figure, and a static twin that shows the same in a few stills."""

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from utils.widgets.shown import drawn, image, show


def explore(draw, stills, *, panels=1, size=(4.5, 3.6), **controls):
    """Show a picture in stills, then live under sliders: the old picture stands until the new one is ready.

    draw: draws into `panels` axes, given one after the other, for the controls' values, given by name
    stills: list of dictionaries {control: value}; each is one column of the static figure, and the first is where the
        sliders start
    size: of one panel, in inches
    controls: name=(lowest, highest, step) for a slider, whole numbers only when all three are integers;
        or name=[choices] for a menu

    Returns the live view, a widget with the controls and then the picture, an ipywidgets.HTML, as its children.
    Raises ValueError when the first still gives a control a value that it cannot take.
    """
    figure = Figure(figsize=(min(size[0], 9.6 / len(stills)) * len(stills), size[1] * panels))
    for column, still in zip(figure.subplots(panels, len(stills), squeeze=False).T, stills):
        draw(*column, **still)
    built = {name: _control(name, choice, stills[0][name]) for name, choice in controls.items()}
    picture = ipywidgets.HTML()

    def redraw(change=None):
        values = {name: control.value for name, control in built.items()}
        picture.value = image(drawn(draw, [values], panels, size))

    redraw()
    for control in built.values():
        control.observe(redraw, names="value")
    view = ipywidgets.VBox([*built.values(), picture])
    words = "Live under " + ", ".join(_words(name, choice, stills[0][name]) for name, choice in controls.items())
    words += ". Run this cell in Jupyter or Colab to move them; the figure above shows the same in stills."
    show(figure, view, words)
    return view


def _control(name, choice, start):
    control = ipywidgets.interactive.widget_from_abbrev(choice, start)
    if control.value != start:
        raise ValueError(f"the first still's {name}={start!r} is not one of the control's values {choice}")
    control.description, control.style.description_width = name.replace("_", " "), "8em"
    if isinstance(choice, tuple):
        control.layout.width = "28em"
    if isinstance(control, ipywidgets.FloatSlider):
        decimals = len(np.format_float_positional(choice[2], trim="-").partition(".")[2])  # of the step
        control.readout_format = f".{decimals}f"
    return control


def _words(name, choice, start):
    name = name.replace("_", " ")
    if isinstance(choice, tuple):
        return f"a slider '{name}' from {choice[0]} to {choice[1]} in steps of {choice[2]}, at {start}"
    return f"a menu '{name}' of {', '.join(map(str, choice))}, at {start}"
