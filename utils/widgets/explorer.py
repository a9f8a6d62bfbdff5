"""Sliders that redraw a figure, and a static twin that shows the same in a few stills."""

import ipywidgets
import numpy as np
from matplotlib.figure import Figure

from utils.widgets.live import drawn, image, show


class Explorer:
    """Sliders over a picture that is drawn anew when one moves.

    controls: {name: widget}; picture: an ipywidgets.HTML that holds the drawing as an image with alternative text
    """

    def __init__(self, draw, controls, panels, size):
        self._draw, self._panels, self._size = draw, panels, size
        self.controls = controls
        self.picture = ipywidgets.HTML()
        for control in controls.values():
            control.observe(self._redraw, names="value")
        self.view = ipywidgets.VBox([*controls.values(), self.picture])
        self._redraw()

    def _redraw(self, change=None):
        values = {name: control.value for name, control in self.controls.items()}
        self.picture.value = image(drawn(self._draw, [values], self._panels, self._size))


def explore(draw, stills, *, panels=1, size=(4.5, 3.6), **controls):
    """Show a picture in stills, then live under sliders.

    draw: draws into `panels` axes, given one after the other, for the controls' values, given by name
    stills: list of dictionaries {control: value}; each is one column of the static figure, and the first is where the
        sliders start
    size: of one panel, in inches
    controls: name=(lowest, highest, step) for a slider, whole numbers only when all three are integers;
        or name=[choices] for a menu

    Returns the Explorer. Raises ValueError when a still does not give each control a value it can take.
    """
    built = {name: _control(name, choice, stills[0]) for name, choice in controls.items()}
    for still in stills:
        _verify(still, controls)
    figure = Figure(figsize=(min(size[0], 9.6 / len(stills)) * len(stills), size[1] * panels))
    for column, still in zip(figure.subplots(panels, len(stills), squeeze=False).T, stills):
        draw(*column, **still)
    explorer = Explorer(draw, built, panels, size)
    words = "Live under " + ", ".join(_words(name, choice, stills[0]) for name, choice in controls.items())
    text = words + ". Run this cell in Jupyter or Colab to move them; the figure above shows the same in stills."
    show(figure, explorer.view, text)
    return explorer


def _verify(still, controls):
    if set(still) != set(controls):
        raise ValueError(f"the still {still} names other controls than {list(controls)}")
    for name, choice in controls.items():
        inside = choice[0] <= still[name] <= choice[1] if isinstance(choice, tuple) else still[name] in choice
        if not inside:
            raise ValueError(f"the still's {name}={still[name]!r} is not one of the control's values {choice}")


def _control(name, choice, start):
    style = {"description_width": "8em"}
    if name not in start:
        raise ValueError(f"the first still {start} does not say where {name} starts")
    common = {"value": start[name], "description": _spoken(name), "style": style}
    if not isinstance(choice, tuple):
        return ipywidgets.Dropdown(options=choice, **common)
    low, high, step = choice
    kind = ipywidgets.IntSlider if all(isinstance(number, int) for number in choice) else ipywidgets.FloatSlider
    digits = {} if kind is ipywidgets.IntSlider else {"readout_format": f".{_decimals(step)}f"}
    return kind(min=low, max=high, step=step, layout={"width": "28em"}, **digits, **common)


def _decimals(step):
    return max(0, int(np.ceil(-np.log10(step))))


def _words(name, choice, start):
    if isinstance(choice, tuple):
        return f"a slider '{_spoken(name)}' from {choice[0]} to {choice[1]} in steps of {choice[2]}, at {start[name]}"
    return f"a menu '{_spoken(name)}' of {', '.join(map(str, choice))}, at {start[name]}"


def _spoken(name):
    return name.replace("_", " ")
