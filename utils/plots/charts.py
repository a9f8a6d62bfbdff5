"""The kinds of figure that the labs draw.

Each function takes data, draws into `axes` (those of a new figure when None) and returns the axes. `title` states
what to see; `xlabel` and `ylabel` name the quantity and its unit.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from utils.plots.style import BLUE, COLOURS, GREY, ORANGE

LEMON = "#F0E442"  # stands out on the map's dark blues and greens
PATH_COLOURS = ("white", ORANGE, LEMON)
MARKERS = (("*", LEMON), ("o", ORANGE), ("s", "white"))


def panels(rows, columns, width=None, height=None):
    """A new figure with `rows` times `columns` panels; the axes as an array (rows, columns).

    width, height: of one panel, in inches
    """
    size = ((width or 9.0 / columns) * columns, (height or 3.6) * rows)
    return plt.subplots(rows, columns, figsize=size, squeeze=False)[1]


def curves(x, values, *, title, xlabel, ylabel, levels=None, marks=None, log=False, dashed=(), axes=None):
    """One line for each entry of `values`, all against `x`.

    x: array (n,), shared by all; or None to count from 0
    values: {label: array (n,)}; levels: {label: y} drawn as dashed horizontals; marks: {label: (x, y)} drawn as dots
    log: True for a logarithmic y axis; dashed: labels whose line is dashed
    """
    axes = axes or plt.figure().add_subplot()
    for label, y in values.items():
        axes.plot(range(len(y)) if x is None else x, y, label=label, linestyle="--" if label in dashed else "-")
    for (label, y), colour in zip((levels or {}).items(), cycle(COLOURS)):
        axes.axhline(y, label=label, color=colour, linestyle="--", linewidth=1.2)
    for (label, (mark_x, mark_y)), colour in zip((marks or {}).items(), cycle(reversed(COLOURS))):
        axes.plot([mark_x], [mark_y], "o", color=colour, markersize=9, label=label, zorder=5)
    if log:
        axes.set_yscale("log")
    return _finish(axes, title, xlabel, ylabel, len(values) + len(levels or {}) + len(marks or {}) > 1)


def fit(x, y, lines, *, title, xlabel, ylabel, residuals=None, xlim=None, ylim=None, axes=None):
    """Points (x, y) and straight lines through them.

    x, y: arrays (n,); lines: {label: (w, b)} for y = wx + b
    residuals: None, "bars" (from each point to the first line) or "squares" (the same, squared)
    xlim, ylim: pairs (low, high); by default a margin around the points. Raises ValueError for other residuals.
    """
    if residuals not in (None, "bars", "squares"):
        raise ValueError(f'residuals={residuals!r}, but they are drawn as "bars", as "squares" or not at all (None)')
    axes = axes or plt.figure().add_subplot()
    axes.set_xlim(xlim or _margin(x))
    axes.set_ylim(ylim or _margin(y))
    if residuals:
        w, b = next(iter(lines.values()))
        _residuals(axes, x, y, w * np.asarray(x) + b, squares=residuals == "squares")
    ends = np.array(axes.get_xlim())
    for (label, (w, b)), colour in zip(lines.items(), cycle(COLOURS[1:] + COLOURS[:1])):
        axes.plot(ends, w * ends + b, color=colour, label=label)
    axes.scatter(x, y, color=BLUE, s=45, label="data", zorder=4)
    return _finish(axes, title, xlabel, ylabel, legend=True)


def _residuals(axes, x, y, predictions, squares):
    axes.set_box_aspect(1 if squares else None)
    x_per_y = np.ptp(axes.get_xlim()) / np.ptp(axes.get_ylim())  # in a square box, this makes squares square
    for left, truth, guess in zip(x, y, predictions):
        side = abs(truth - guess)
        width = side * x_per_y if squares else 0
        style = {"facecolor": ORANGE, "alpha": 0.25} if squares else {"edgecolor": ORANGE, "linewidth": 2}
        patch = axes.add_patch(Rectangle((left, min(truth, guess)), width, side, **style))
        patch.alt_text = ""
    sizes = [f"{(p - t) ** (2 if squares else 1):.6g}" for p, t in zip(predictions, y)]
    axes.patches[0].alt_text = f"Residuals as {'squares of area' if squares else 'bars of'} {', '.join(sizes)}."


def loss_map(weights, biases, losses, *, title, xlabel="weight w", ylabel="bias b", paths=None, marks=None, axes=None):
    """Contours of the loss over weight and bias, like the heights on a map; darker is lower.

    weights: array (n,); biases: array (m,); losses: array (m, n), positive, the loss at each pair
    paths: {label: array (steps, 2) of (weight, bias)}; marks: {label: (weight, bias)}
    """
    axes = axes or plt.figure(figsize=(6.0, 4.6)).add_subplot()
    # The map shows the logarithm, so that the floor of the valley is not one flat patch.
    heights = np.log10(np.maximum(losses, losses.max() * 1e-4))
    levels = np.linspace(heights.min(), heights.max(), 17)
    filled = axes.contourf(weights, biases, heights, levels)
    thin = axes.contour(weights, biases, heights, levels, colors="white", linewidths=0.4)
    filled.alt_text, thin.alt_text = _extremes("Contours of the loss", weights, biases, losses, xlabel, ylabel), ""
    for (label, path), colour in zip((paths or {}).items(), cycle(PATH_COLOURS)):
        path = np.asarray(path)
        axes.plot(path[:, 0], path[:, 1], ".-", color=colour, linewidth=1.3, markersize=5, label=label)
    for (label, (w, b)), (shape, colour) in zip((marks or {}).items(), cycle(MARKERS)):
        style = {"color": colour, "markeredgecolor": "black", "markersize": 13 if shape == "*" else 8}
        axes.plot([w], [b], shape, label=label, linestyle="none", zorder=5, **style)
    axes.set_xlim(weights[0], weights[-1])
    axes.set_ylim(biases[0], biases[-1])
    _finish(axes, title, xlabel, ylabel, legend=False)
    if paths or marks:
        axes.legend(facecolor="#888888", frameon=True, labelcolor="white", fontsize=9)
    axes.grid(False)
    return axes


def loss_surface(weights, biases, losses, *, title, xlabel="weight w", ylabel="bias b", zlabel="loss", axes=None):
    """The loss over weight and bias as a surface in space; shapes as for loss_map()."""
    axes = axes or plt.figure(figsize=(6.4, 4.8)).add_subplot(projection="3d")
    surface = axes.plot_surface(*np.meshgrid(weights, biases), losses, cmap="viridis", rcount=40, ccount=40)
    surface.alt_text = _extremes("Surface of the loss", weights, biases, losses, xlabel, ylabel)
    axes.set_zlabel(zlabel, labelpad=8)
    axes.view_init(elev=32, azim=-55)
    return _finish(axes, title, xlabel, ylabel, legend=False)


def _extremes(name, weights, biases, losses, xlabel, ylabel):
    row, column = np.unravel_index(losses.argmin(), losses.shape)
    place = f"at {xlabel} {weights[column]:.6g}, {ylabel} {biases[row]:.6g}"
    return f"{name}: lowest {losses.min():.6g} {place}; highest {losses.max():.6g}; mean {losses.mean():.6g}."


def bars(heights, *, title, xlabel, ylabel, axes=None):
    """One bar for each entry of `heights`, a dictionary {name: number}, with its value above it."""
    axes = axes or plt.figure().add_subplot()
    drawn = axes.bar(range(len(heights)), list(heights.values()), color=BLUE)
    axes.set_xticks(range(len(heights)), list(heights))
    for text in axes.bar_label(drawn, fmt="%.3g", padding=2):
        text.alt_text = ""
    axes.margins(y=0.12)
    axes.axhline(0, color=GREY, linewidth=0.8).alt_text = ""
    _finish(axes, title, xlabel, ylabel, legend=False)
    axes.grid(False, axis="x")
    return axes


def points(x, y, *, title, xlabel, ylabel, label="data", diagonal=False, axes=None):
    """Points (x, y), arrays (n,); `diagonal` adds the line where y equals x."""
    axes = axes or plt.figure(figsize=(5.0, 4.4)).add_subplot()
    axes.scatter(x, y, s=14, color=BLUE, alpha=0.7, label=label)
    if diagonal:
        ends = np.array(_margin(np.concatenate([x, y])))
        axes.plot(ends, ends, color=GREY, linestyle="--", linewidth=1.2, label="equal")
    return _finish(axes, title, xlabel, ylabel, legend=diagonal)


def _margin(values):
    low, high = np.min(values), np.max(values)
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _finish(axes, title, xlabel, ylabel, legend):
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    if legend:
        axes.legend()
    return axes
