"""Figures draw what they are given, and their words say what is drawn."""

import base64
import io
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image, ImageSequence

from utils import plots
from utils.plots import animation, style

NAMES = {"title": "A finding", "xlabel": "time in s", "ylabel": "height in m"}
X = np.array([0.0, 1.0, 2.0, 3.0])
Y = np.array([1.0, 3.0, 2.0, 6.0])
WEIGHTS, BIASES = np.array([0.0, 1.0, 2.0]), np.array([-1.0, 1.0])
LOSSES = np.array([[9.0, 4.0, 1.0], [16.0, 9.0, 4.0]])


pytestmark = pytest.mark.usefixtures("house_style")


def words(axes):
    return plots.describe(axes.figure).splitlines()


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def walk(**options):
    return plots.curves(X, {"walk": Y}, **NAMES, **options)


def test_curves_are_told_by_ends_extremes_and_mean_and_need_no_x():
    axes = plots.curves(X, {"walk": Y, "back": -Y}, dashed=("back",), **NAMES)
    assert words(axes) == [
        "Figure.",
        "A finding. x axis: time in s, from -0.15 to 3.15. y axis: height in m, from -6.6 to 6.6.",
        "Line 'walk' through 4 points from (0, 1) to (3, 6), y from 1 to 6, mean 3.",
        "Line 'back' through 4 points from (0, -1) to (3, -6), y from -6 to -1, mean -3.",
    ]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"]
    assert legend(axes) == ["walk", "back"]
    axes = plots.curves(None, {"walk": Y}, **NAMES)
    assert axes.lines[0].get_xdata().tolist() == [0, 1, 2, 3] and axes.get_legend() is None
    assert plots.curves(None, {"walk": [1, 2]}, **NAMES).get_xticks().tolist() == [-1, 0, 1, 2]  # whole epochs


def test_levels_marks_log_axis_and_more_lines_than_colours():
    axes = walk(levels={"truth": 2.5}, marks={"here": (1, 3)}, log=True)
    assert words(axes)[1].endswith(", log scale.")
    assert words(axes)[3:] == ["Level 'truth' at 2.5.", "Mark 'here' at (1, 3)."]
    assert legend(axes) == ["walk", "truth", "here"]
    assert len(walk(levels={str(number): number for number in range(9)}).lines) == 10
    assert len(plots.fit(X, Y, {str(number): (1, 2) for number in range(9)}, **NAMES).lines) == 9


def test_fit_draws_points_and_lines():
    axes = plots.fit(X, Y, {"guess": (2.0, 1.0)}, xlim=(-1, 4), ylim=(-5, 10), **NAMES)
    assert words(axes)[1:] == [
        "A finding. x axis: time in s, from -1 to 4. y axis: height in m, from -5 to 10.",
        "Line 'guess' through 2 points from (-1, -1) to (4, 9), y from -1 to 9, mean 4.",
        "4 points 'data': x from 0 to 3, mean 1.5; y from 1 to 6, mean 3.",
    ]
    lines = plots.fit(X, Y, {"first": (1, 0), "last": (2, 0)}, ordered=True, **NAMES).lines
    assert lines[0].get_color()[:3].sum() > lines[1].get_color()[:3].sum()  # from light to dark
    axes = plots.fit(X, Y, {}, **NAMES)
    assert np.allclose([axes.get_xlim(), axes.get_ylim()], [(-0.24, 3.24), (0.6, 6.4)])


def test_residuals_are_bars_or_squares_that_are_square_on_the_page():
    axes = plots.fit(X, Y, {"guess": (1.0, 1.0), "other": (9.0, 9.0)}, residuals="bars", **NAMES)
    assert words(axes)[2] == "Residuals as bars of 0, -1, 1, -2."
    bars = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in axes.patches]
    assert bars == [(0, 1, 0, 0), (1, 2, 0, 1), (2, 2, 0, 1), (3, 4, 0, 2)]
    axes = plots.fit(X, Y, {"guess": (1.0, 1.0)}, residuals="squares", xlim=(0, 10), ylim=(0, 40), **NAMES)
    assert words(axes)[2] == "Residuals as squares of area 0, 1, 1, 4." and axes.get_box_aspect() == 1
    assert [(p.get_width(), p.get_height()) for p in axes.patches] == [(0, 0), (0.25, 1), (0.25, 1), (0.5, 2)]
    with pytest.raises(ValueError, match="residuals='cubes'"):
        plots.fit(X, Y, {"guess": (1, 1)}, residuals="cubes", **NAMES)
    with pytest.raises(ValueError, match=r"dashed=\['gues'\], but the lines are \['guess'\]"):
        plots.curves(X, {"guess": Y}, dashed=["gues"], **NAMES)


def test_map_and_surface_tell_lowest_place_paths_and_marks():
    drawn = {"paths": {"walk": np.array([[0, 1], [2, -1]])}, "marks": {"goal": (2, -1)}}
    axes = plots.loss_map(WEIGHTS, BIASES, LOSSES, title="Map", **drawn)
    assert words(axes)[1:] == [
        "Map. x axis: weight w, from 0 to 2. y axis: bias b, from -1 to 1.",
        "Contours of the loss: lowest 1 at weight w 2, bias b -1; highest 16; mean 7.16667.",
        "Line 'walk' through 2 points from (0, 1) to (2, -1), y from -1 to 1, mean 0.",
        "Mark 'goal' at (2, -1).",
    ]
    assert legend(axes) == ["walk", "goal"]
    axes = plots.loss_map(WEIGHTS, BIASES, LOSSES - 1, title="Map")
    assert "lowest 0 at weight w 2, bias b -1; highest 15" in words(axes)[2] and axes.get_legend() is None
    climb = {"climb": [(2, -1, 1), (0, 1, 16)]}
    axes = plots.loss_surface(WEIGHTS, BIASES, LOSSES, title="Valley", zlabel="MSE", paths=climb)
    assert "z axis: MSE" in words(axes)[1] and words(axes)[1].startswith("Valley. x axis: weight w, from ")
    assert words(axes)[2] == "Surface of the loss: lowest 1 at weight w 2, bias b -1; highest 16; mean 7.16667."
    assert words(axes)[3:] == ["Line 'climb' through 2 points."]


def test_a_map_numbers_its_contours_above_the_floor_and_alone_has_a_scale():
    x = np.linspace(-10, 10, 41)
    losses = np.add.outer(x**2, x**2)  # from 0 to 200
    axes = plots.loss_map(x, x, losses, title="Map")
    filled, lines = axes.collections
    assert lines.levels.tolist() == [2, 5, 10, 20, 50, 100]
    assert {text.get_text() for text in axes.texts} == {"2", "5", "10", "20", "50", "100"}
    assert [tick.get_text() for tick in axes.figure.axes[1].get_yticklabels()] == ["2", "5", "10", "20", "50", "100"]
    surface = plots.loss_surface(x, x, losses, title="Valley")
    assert surface.get_title(loc="left") == "Valley"
    norm = surface.collections[0].norm
    assert (norm.vmin, norm.vmax) == (filled.norm.vmin, filled.norm.vmax) == (0.2, 200)
    beside = plots.loss_map(x, x, losses, title="Map", axes=plots.panels(1, 2)[0, 0])
    assert len(beside.figure.axes) == 2  # the two panels, no scale


def test_bars_are_named_by_the_ticks_beside_them_or_by_their_places():
    for draw, told in [
        (lambda axes: plots.bars({"cats": 3.0, "dogs": -1.5}, axes=axes, **NAMES), "Bars: cats 3; dogs -1.5."),
        (lambda axes: axes.bar([10, 20, 30], [1, 2, 3]), "Bars: 10 1; 20 2; 30 3."),
        (lambda axes: axes.bar([1e6, 2e6], [1, 2], width=1e5), "Bars: 1e+06 1; 2e+06 2."),  # ticks at 1.0, times 1e6
        (lambda axes: (axes.bar([1, 10], [2, 3], width=[0.5, 5]), axes.set_xscale("log")), "Bars: 1 2; 10 3."),
        (lambda axes: (axes.bar([3, 4], [1, 2]), axes.set_xticks([])), "Bars: 3 1; 4 2."),
        (lambda axes: (axes.bar([0, 1, 2], [1, 2, 3]), axes.set_xticks([2, 0], "ca")), "Bars: a 1; 1 2; c 3."),
        (lambda axes: axes.barh(["cat\nor kitten", "dog"], [1, 2]), "Bars: cat or kitten 1; dog 2."),
        (lambda axes: (axes.bar([0, 1], [1, 2], align="edge"), axes.set_xticks([0, 1], "ab")), "Bars: a 1; b 2."),
        (lambda axes: axes.hist([1, 2, 2, 4], bins=[0, 2, 4]), "Bars: 1 1; 3 3."),
        (lambda axes: axes.bar(range(20), range(20), label="n"), "20 bars 'n': length from 0 to 19, mean 9.5."),
    ]:
        axes = plt.figure().add_subplot()
        draw(axes)
        assert words(axes)[2:] == [told]


def test_panels_are_an_array_and_told_one_by_one():
    axes = plots.panels(2, 3)
    assert walk(axes=axes[1, 2]) is axes[1, 2]
    assert plots.fit(X, Y, {"a": (1, 1)}, axes=axes[0, 0], **NAMES) is axes[0, 0]
    assert plots.loss_map(WEIGHTS, BIASES, LOSSES, title="Map", axes=axes[0, 2]) is axes[0, 2]
    told = words(axes[0, 0])
    assert told[0] == "Figure (6 panels)." and told[-2].startswith("Panel 6: A finding. x axis: time in s")
    assert tuple(axes[0, 0].figure.get_size_inches()) == (9.0, 7.2)
    assert tuple(plots.panels(1, 2, width=2, height=3)[0, 0].figure.get_size_inches()) == (4, 3)


def test_anything_else_drawn_is_told():
    figure, axes = plt.subplots()
    figure.suptitle("Overview")
    axes.imshow([[0.0, 0.5], [1.0, np.nan]])
    axes.axvline(3.5, label="limit")
    axes.axline((0, 1), slope=-2, label="cut")
    axes.axline(np.array([0, 1]), np.array([2, 4]))
    axes.add_patch(plt.Rectangle((0, 0), 2, 3))
    axes.annotate("look\nhere", (0, 0))
    axes.fill_between(X, Y, label="band")
    axes.plot([], [], label="empty")
    axes.plot([np.nan], [np.nan])
    axes.plot(X, Y, label="hidden", visible=False)
    told = words(axes)
    assert told[0] == "Figure: Overview."
    things = {"Level 'limit' at 3.5.", "Rectangle of 2 by 3.", "Notes: look here.", "Line 'empty' without points."}
    things |= {"Straight line 'cut' through (0, 1) with slope -2.", "Straight line through (0, 1) and (2, 4)."}
    things |= {"Picture of 2 x 2 values: value from 0 to 1, mean 0.5, 1 not finite.", "Mark at (nan, nan)."}
    assert set(told) > things
    assert any(line.endswith("with 1 parts 'band'.") for line in told) and "hidden" not in "".join(told)


def test_arrows_and_boxes_are_told_by_their_ends():
    axes = plt.figure().add_subplot()
    axes.text(1, 1, "w = 3", bbox={})
    axes.text(2, 1, "loss\n25", bbox={})
    axes.annotate("", (2, 1), (1, 1), arrowprops={})
    axes.annotate("look", (3, 1.5), (1, 3), arrowprops={})
    axes.quiver([0, 1], [1, 2], [1, -1], [0, 2], label="downhill")
    axes.add_patch(plt.Circle((2, 3), 0.5))
    assert words(axes)[2:] == [
        "Arrow from 'w = 3' to 'loss 25'.",
        "Arrow from 'look' to (3, 1.5).",
        "2 arrows 'downhill': x from 0 to 1, mean 0.5; y from 1 to 2, mean 1.5; "
        "to the right from -1 to 1, mean 0; up from 0 to 2, mean 1.",
        "Circle with x from 1.5 to 2.5, y from 2.5 to 3.5.",
        "Notes: w = 3; loss 25; look.",
    ]


def test_numbers_keep_six_digits_and_rounding_noise_is_zero():
    told = words(plots.curves(X, {"walk": np.array([1e6 / 7, 1e-12, -1e-12, 2 / 3])}, **NAMES))
    assert told[2].startswith("Line 'walk' through 4 points from (0, 142857) to (3, 0.666667), y from 0 to 142857")


def colours(png):
    return Image.open(io.BytesIO(png)).convert("RGB").getcolors(1 << 24)


def test_png_is_small_and_on_white_but_keeps_the_colours_of_photographs():
    x = np.linspace(0, 1, 40)
    data = plots.png(plots.loss_map(x, x, np.add.outer(x, x) + 1, title="m").figure)
    assert data.startswith(b"\x89PNG") and b"Software" not in data
    assert len(colours(data)) <= 256 and max(colours(data))[1] == (255, 255, 255)
    axes = plt.figure().add_subplot()
    axes.imshow(np.random.default_rng(0).integers(0, 256, (60, 60, 3)))
    assert len(colours(plots.png(axes.figure))) > 2000


def draw(axes, frame):
    axes.plot(X[: frame + 1], Y[: frame + 1], "o-", label="walk")
    axes.set_xlim(0, 3)
    axes.set_title(f"frame {frame}")


def test_animation_plays_once_and_shows_its_last_frame_elsewhere(monkeypatch):
    shown = []
    monkeypatch.setattr(animation, "display", lambda *data, **options: shown.append((*data, options)))
    plots.animate(draw, range(3), size=(3, 2), seconds_each=1.0)
    [(data, options)] = shown
    assert options == {"raw": True, "metadata": {"image/png": {"alt": data["text/plain"]}}}
    assert data["text/plain"].startswith("Animation of 3 frames.\nFirst frame. Figure.\nframe 0.")
    assert "\nMiddle frame. Figure.\nframe 1." in data["text/plain"]
    assert "\nLast frame. Figure.\nframe 2." in data["text/plain"]
    picture = Image.open(io.BytesIO(base64.b64decode(data["image/png"])))
    assert (picture.size, picture.n_frames, picture.info["loop"], picture.default_image) == ((240, 160), 4, 1, True)
    frames = [np.asarray(frame.convert("L"), dtype=int) for frame in ImageSequence.Iterator(picture)]
    assert np.abs(frames[0] - frames[3]).max() <= 8  # the still is the last frame
    assert np.abs(frames[1] - frames[3]).sum() > np.abs(frames[2] - frames[3]).sum() > 0
    assert picture.info["duration"] == 1000
    with pytest.raises(ValueError, match="there is no frame to draw"):
        plots.animate(draw, [])


@pytest.mark.parametrize("shell", [None, object()])  # a script; a terminal
def test_setup_outside_a_notebook_only_sets_the_style(shell, monkeypatch):
    monkeypatch.setattr(style, "get_ipython", lambda: shell)
    monkeypatch.setattr(plt, "switch_backend", pytest.fail)
    plt.rcParams["axes.grid"] = False
    plots.setup()
    assert plt.rcParams["axes.grid"] is True


def test_in_a_notebook_every_figure_carries_its_words(monkeypatch):
    shell = SimpleNamespace(display_formatter=DisplayFormatter(), kernel=True, enable_matplotlib=lambda name: None)
    shell.display_formatter.active_types = ["image/png", "text/plain"]
    monkeypatch.setattr(style, "get_ipython", lambda: shell)
    monkeypatch.setattr(style, "set_matplotlib_formats", lambda kind: None)
    monkeypatch.setattr(style, "set_matplotlib_close", lambda close: None)
    plots.setup()
    figure = walk().figure
    data, metadata = shell.display_formatter.format(figure)
    assert data["text/plain"] == plots.describe(figure) == metadata["image/png"]["alt"]
