"""The kinds of figure that the labs draw.

Each function takes data, draws into `axes` (those of a new figure when None) and returns the axes. `title` states
what to see; `xlabel` and `ylabel` name the quantity and its unit.
"""

from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from utils.plots.style import BLUE, COLOURS, GREY, ORANGE

LEMON = "#F0E442"  # stands out on the map's dark blues and greens
PATH_COLOURS = ("white", ORANGE, LEMON)
ORDERED = plt.get_cmap("YlOrBr")
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
    log: True for a logarithmic y axis; dashed: labels whose line is dashed, ValueError for one that has no line
    """
    if unknown := set(dashed) - set(values):
        raise ValueError(f"dashed={sorted(unknown)}, but the lines are {list(values)}")
    axes = axes or plt.figure().add_subplot()
    for label, y in values.items():
        axes.plot(range(len(y)) if x is None else x, y, label=label, linestyle="--" if label in dashed else "-")
    for (label, y), colour in zip((levels or {}).items(), cycle(COLOURS)):
        axes.axhline(y, label=label, color=colour, linestyle="--", linewidth=1.2)
    for (label, (mark_x, mark_y)), colour in zip((marks or {}).items(), cycle(reversed(COLOURS))):
        axes.plot([mark_x], [mark_y], "o", color=colour, markersize=9, label=label, zorder=5)
    if x is None or np.issubdtype(np.asarray(x).dtype, np.integer):
        axes.locator_params("x", integer=True)
    if log:
        axes.set_yscale("log")
    return _finish(axes, title, xlabel, ylabel, len(values) + len(levels or {}) + len(marks or {}) > 1)


def fit(x, y, lines, *, title, xlabel, ylabel, residuals=None, xlim=None, ylim=None, ordered=False, axes=None):
    """Points (x, y) and straight lines through them.

    x, y: arrays (n,); lines: {label: (w, b)} for y = wx + b; `ordered` colours them from light to dark, as they come
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
    colours = ORDERED(np.linspace(0.3, 1, len(lines))) if ordered else cycle(COLOURS[1:] + COLOURS[:1])
    for (label, (w, b)), colour in zip(lines.items(), colours):
        axes.plot(ends, w * ends + b, color=colour, label=label)
    axes.scatter(x, y, color=BLUE, s=45, label="data", zorder=4)
    axes.locator_params(integer=True)  # ticks at whole numbers, where there are some
    return _finish(axes, title, xlabel, ylabel, legend=True)


def _residuals(axes, x, y, predictions, squares):
    axes.set_box_aspect(1 if squares else None)
    x_per_y = np.ptp(axes.get_xlim()) / np.ptp(axes.get_ylim())  # in a square box, this makes squares square
    for left, truth, guess in zip(x, y, predictions):
        side = abs(truth - guess)
        width = side * x_per_y if squares else 0
        style = {"facecolor": (ORANGE, 0.08), "edgecolor": ORANGE, "linewidth": 1 if squares else 2}
        patch = axes.add_patch(Rectangle((left, min(truth, guess)), width, side, **style))
        patch.alt_text = ""
    sizes = [f"{(p - t) ** (2 if squares else 1):.6g}" for p, t in zip(predictions, y)]
    axes.patches[0].alt_text = f"Residuals as {'squares of area' if squares else 'bars of'} {', '.join(sizes)}."


def loss_map(weights, biases, losses, *, title, xlabel="weight w", ylabel="bias b", paths=None, marks=None, axes=None):
    """Contours of the loss over weight and bias, like the heights on a map; darker is lower.

    White lines with numbers are at 1, 2, 5, 10, 20 and so on; the floor, below a two-hundredth of the highest loss, is
    left without. A map with a figure of its own has a scale of colours beside it.

    weights: array (n,); biases: array (m,); losses: array (m, n), never negative, the loss at each pair
    paths: {label: array (steps, 2) of (weight, bias)}; marks: {label: (weight, bias)}
    """
    alone = axes is None
    axes = axes or plt.figure(figsize=(6.4, 4.6)).add_subplot()
    norm = _heights(losses)
    steps = np.geomspace(norm.vmin, norm.vmax, 31)
    filled = axes.contourf(weights, biases, np.maximum(losses, norm.vmin), steps, norm=norm)
    filled.alt_text = _extremes("Contours of the loss", weights, biases, losses, xlabel, ylabel)
    levels = [digit * 10.0**power for power in range(-9, 10) for digit in (1, 2, 5)]
    levels = [level for level in levels if max(losses.min(), losses.max() / 200) < level < losses.max()]
    if levels:
        lines = axes.contour(weights, biases, losses, levels, colors="white", linewidths=0.7)
        lines.alt_text = ""
        for text in axes.clabel(lines, fmt="%g", fontsize=8, zorder=6):
            text.set_path_effects([withStroke(linewidth=2, foreground="#444444")])
            text.alt_text = ""
    if alone:
        axes.figure.colorbar(filled, ax=axes, label="loss", ticks=levels, format="%g")
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


def loss_surface(weights, biases, losses, *, title, zlabel="loss", paths=None):
    """The loss over weight and bias as a surface in space; shapes and colours as for loss_map().

    paths: {label: array (steps, 3) of (weight, bias, loss)}, drawn on the surface, never behind it
    """
    axes = plt.figure(figsize=(6.4, 4.8)).add_subplot(projection="3d", computed_zorder=False)
    xlabel, ylabel = "weight w", "bias b"
    places = np.meshgrid(weights, biases)
    surface = axes.plot_surface(*places, losses, cmap="viridis", norm=_heights(losses), rcount=40, ccount=40)
    surface.alt_text = _extremes("Surface of the loss", weights, biases, losses, xlabel, ylabel)
    for label, path in (paths or {}).items():
        [line] = axes.plot(*np.transpose(path), "o-", color="white", markeredgecolor="black", label=label, zorder=3)
        line.alt_text = f"Line {label!r} through {len(path)} points."
    axes.set_zlabel(zlabel, labelpad=8)
    axes.view_init(elev=45, azim=-20)
    return _finish(axes, title, xlabel, ylabel, legend=False)


def _heights(losses):
    """The colours' scale: by factors, so that the floor of the valley is not one flat patch."""
    return LogNorm(max(losses.min(), losses.max() * 1e-3), losses.max(), clip=True)


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


def _margin(values):
    low, high = np.min(values), np.max(values)
    return low - 0.08 * (high - low), high + 0.08 * (high - low)


def _finish(axes, title, xlabel, ylabel, legend):
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.set_title(title, loc="left")  # axes in space would centre it
    if legend:
        axes.legend()
    return axes
