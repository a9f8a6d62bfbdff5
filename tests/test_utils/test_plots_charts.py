"""Figures draw what they are given, and their words say what is drawn."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from utils import plots
from utils.plots import animation, style

NAMES = {"title": "A finding", "xlabel": "time in s", "ylabel": "height in m"}
X = np.array([0.0, 1.0, 2.0, 3.0])
Y = np.array([1.0, 3.0, 2.0, 6.0])


@pytest.fixture(autouse=True)
def close_figures():
    with plt.rc_context(style.STYLE):
        yield
    plt.close("all")


def words(axes):
    return plots.describe(axes.figure).splitlines()


def test_curves_are_told_by_ends_extremes_and_mean():
    axes = plots.curves(X, {"walk": Y, "back": -Y}, dashed=("back",), **NAMES)
    assert words(axes)[:2] == [
        "Figure.",
        "A finding. x axis: time in s, from -0.15 to 3.15. y axis: height in m, from -6.6 to 6.6.",
    ]
    assert words(axes)[2:] == [
        "Line 'walk' through 4 points from (0, 1) to (3, 6), y from 1 to 6, mean 3.",
        "Line 'back' through 4 points from (0, -1) to (3, -6), y from -6 to -1, mean -3.",
    ]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["walk", "back"]


def test_curves_count_from_zero_without_x():
    assert plots.curves(None, {"walk": Y}, **NAMES).lines[0].get_xdata().tolist() == [0, 1, 2, 3]


def test_a_single_curve_needs_no_legend():
    assert plots.curves(X, {"walk": Y}, **NAMES).get_legend() is None


def test_levels_and_marks():
    axes = plots.curves(X, {"walk": Y}, levels={"truth": 2.5}, marks={"here": (1, 3)}, **NAMES)
    assert words(axes)[3:] == ["Level 'truth' at 2.5.", "Mark 'here' at (1, 3)."]
    assert len(axes.get_legend().get_texts()) == 3


def test_log_axis_is_told():
    assert "log scale." in words(plots.curves(X, {"walk": Y}, log=True, **NAMES))[1]
    assert "log scale" not in words(plots.curves(X, {"walk": Y}, **NAMES))[1]


def test_more_lines_than_colours_are_all_drawn():
    many = {str(number): Y + number for number in range(9)}
    axes = plots.curves(X, {"walk": Y}, levels={name: number for number, name in enumerate(many)}, **NAMES)
    assert len(axes.lines) == 10
    assert len(plots.fit(X, Y, {name: (1, 2) for name in many}, **NAMES).lines) == 9


def test_fit_draws_points_and_lines():
    axes = plots.fit(X, Y, {"guess": (2.0, 1.0)}, xlim=(-1, 4), ylim=(-5, 10), **NAMES)
    assert words(axes)[1:] == [
        "A finding. x axis: time in s, from -1 to 4. y axis: height in m, from -5 to 10.",
        "Line 'guess' through 2 points from (-1, -1) to (4, 9), y from -1 to 9, mean 4.",
        "4 points 'data': x from 0 to 3, mean 1.5; y from 1 to 6, mean 3.",
    ]


def test_fit_leaves_a_margin():
    axes = plots.fit(X, Y, {}, **NAMES)
    assert axes.get_xlim() == pytest.approx((-0.24, 3.24))
    assert axes.get_ylim() == pytest.approx((0.6, 6.4))


def test_residual_bars():
    axes = plots.fit(X, Y, {"guess": (1.0, 1.0), "other": (9.0, 9.0)}, residuals="bars", **NAMES)
    assert words(axes)[2] == "Residuals as bars of 0, -1, 1, -2."
    bars = [(p.get_x(), p.get_y(), p.get_width(), p.get_height()) for p in axes.patches]
    assert bars == [(0, 1, 0, 0), (1, 2, 0, 1), (2, 2, 0, 1), (3, 4, 0, 2)]


def test_residual_squares_are_square_on_the_page():
    axes = plots.fit(X, Y, {"guess": (1.0, 1.0)}, residuals="squares", xlim=(0, 10), ylim=(0, 40), **NAMES)
    assert words(axes)[2] == "Residuals as squares of area 0, 1, 1, 4."
    assert axes.get_box_aspect() == 1
    assert [patch.get_height() for patch in axes.patches] == [0, 1, 1, 2]
    assert [patch.get_width() for patch in axes.patches] == [0, 0.25, 0.25, 0.5]


def test_unknown_residuals_are_refused():
    with pytest.raises(ValueError, match="residuals='cubes'"):
        plots.fit(X, Y, {"guess": (1, 1)}, residuals="cubes", **NAMES)


WEIGHTS, BIASES = np.array([0.0, 1.0, 2.0]), np.array([-1.0, 1.0])
LOSSES = np.array([[9.0, 4.0, 1.0], [16.0, 9.0, 4.0]])


def test_map_tells_lowest_place_paths_and_marks():
    axes = plots.loss_map(
        WEIGHTS, BIASES, LOSSES, title="Map", paths={"walk": np.array([[0, 1], [2, -1]])}, marks={"goal": (2, -1)}
    )
    assert words(axes)[1:] == [
        "Map. x axis: weight w, from 0 to 2. y axis: bias b, from -1 to 1.",
        "Contours of the loss: lowest 1 at weight w 2, bias b -1; highest 16; mean 7.16667.",
        "Line 'walk' through 2 points from (0, 1) to (2, -1), y from -1 to 1, mean 0.",
        "Mark 'goal' at (2, -1).",
    ]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["walk", "goal"]


def test_map_bears_a_loss_of_zero():
    axes = plots.loss_map(WEIGHTS, BIASES, LOSSES - 1, title="Map")
    assert "lowest 0 at weight w 2, bias b -1; highest 15" in words(axes)[2]
    assert axes.get_legend() is None


def test_surface():
    axes = plots.loss_surface(WEIGHTS, BIASES, LOSSES, title="Valley", zlabel="MSE")
    assert axes.name == "3d"
    assert "z axis: MSE" in words(axes)[1] and words(axes)[1].startswith("Valley. x axis: weight w, from ")
    assert words(axes)[2] == "Surface of the loss: lowest 1 at weight w 2, bias b -1; highest 16; mean 7.16667."


def test_bars_with_their_names():
    axes = plots.bars({"cats": 3.0, "dogs": -1.5}, **NAMES)
    assert words(axes)[2:] == ["Bars: cats 3; dogs -1.5."]


@pytest.mark.parametrize(
    ("draw", "told"),
    [
        (lambda axes: axes.bar([10, 20, 30], [1, 2, 3]), "10 1; 20 2; 30 3"),
        (lambda axes: axes.barh([10, 20, 30], [1, 2, 3]), "10 1; 20 2; 30 3"),
        (lambda axes: axes.bar([1e6, 2e6], [1, 2], width=1e5), "1e+06 1; 2e+06 2"),  # ticks at 1.0 and 2.0, times 1e6
        (lambda axes: (axes.bar([1, 10], [2, 3], width=[0.5, 5]), axes.set_xscale("log")), "1 2; 10 3"),
        (lambda axes: (axes.bar([3, 4], [1, 2]), axes.set_xticks([])), "3 1; 4 2"),
        (lambda axes: (axes.bar([0, 1, 2], [1, 2, 3]), axes.set_xticks([2, 0], ["c", "a"])), "a 1; 1 2; c 3"),
        (lambda axes: axes.barh(["cat\nor kitten", "dog"], [1, 2]), "cat or kitten 1; dog 2"),
        (lambda axes: (axes.bar([0.2, 1.2], [1, 2], 0.4), axes.set_xticks([0, 1], ["a", "b"])), "a 1; b 2"),
        (lambda axes: (axes.bar([0, 1], [1, 2], align="edge"), axes.set_xticks([0, 1], ["a", "b"])), "a 1; b 2"),
        (lambda axes: axes.hist([1, 2, 2, 4], bins=[0, 2, 4]), "1 1; 3 3"),
    ],
)
def test_bars_are_named_by_the_ticks_beside_them_or_by_their_places(draw, told):
    axes = plt.figure().add_subplot()
    draw(axes)
    assert words(axes)[2] == f"Bars: {told}."


def test_many_bars_are_told_by_extremes():
    axes = plt.figure().add_subplot()
    axes.bar(range(20), np.arange(20), label="counts")
    assert words(axes)[2] == "20 bars 'counts': length from 0 to 19, mean 9.5."


def test_points_and_diagonal():
    axes = plots.points(X, Y, diagonal=True, **NAMES)
    assert words(axes)[2:] == [
        "4 points 'data': x from 0 to 3, mean 1.5; y from 1 to 6, mean 3.",
        "Line 'equal' through 2 points from (-0.48, -0.48) to (6.48, 6.48), y from -0.48 to 6.48, mean 3.",
    ]
    assert plots.points(X, Y, **NAMES).get_legend() is None


def test_panels_are_an_array_and_told_one_by_one():
    axes = plots.panels(2, 3)
    assert axes.shape == (2, 3)
    plots.curves(X, {"walk": Y}, axes=axes[1, 2], **NAMES)
    told = words(axes[0, 0])
    assert told[0] == "Figure (6 panels)."
    assert told[6].startswith("Panel 6: A finding. x axis: time in s")
    assert tuple(axes[0, 0].figure.get_size_inches()) == (9.0, 7.2)
    assert tuple(plots.panels(1, 2, width=2, height=3)[0, 0].figure.get_size_inches()) == (4, 3)


def test_axes_are_returned_and_reused():
    axes = plt.figure().add_subplot()
    for function, data in [
        (plots.curves, (X, {"a": Y})),
        (plots.fit, (X, Y, {"a": (1, 1)})),
        (plots.points, (X, Y)),
        (plots.bars, ({"a": 1},)),
    ]:
        assert function(*data, axes=axes, **NAMES) is axes
    assert plots.loss_map(WEIGHTS, BIASES, LOSSES, title="Map", axes=axes) is axes


def test_anything_else_drawn_is_told():
    figure, axes = plt.subplots()
    figure.suptitle("Overview")
    axes.imshow([[0.0, 0.5], [1.0, np.nan]])
    axes.axvline(3.5, label="limit")
    axes.add_patch(plt.Rectangle((0, 0), 2, 3))
    axes.annotate("look\nhere", (0, 0))
    axes.fill_between(X, Y, label="band")
    axes.plot([], [], label="empty")
    axes.plot([np.nan], [np.nan])
    hidden = axes.plot(X, Y, label="hidden")[0]
    hidden.set_visible(False)
    told = words(axes)
    assert told[0] == "Figure: Overview."
    assert "Picture of 2 x 2 values: value from 0 to 1, mean 0.5, 1 not finite." in told
    assert "Level 'limit' at 3.5." in told
    assert "Rectangle of 2 by 3." in told
    assert "Notes: look here." in told
    assert "Line 'empty' without points." in told
    assert "Mark at (nan, nan)." in told
    assert any(line.endswith("with 1 parts 'band'.") for line in told)
    assert not any("hidden" in line for line in told)


def test_numbers_keep_six_digits_and_rounding_noise_is_zero():
    told = words(plots.curves(X, {"walk": np.array([1e6 / 7, 1e-12, -1e-12, 2 / 3])}, **NAMES))
    assert told[2].startswith("Line 'walk' through 4 points from (0, 142857) to (3, 0.666667), y from 0 to 142857")


def colours(png):
    return Image.open(io.BytesIO(png)).convert("RGB").getcolors(1 << 24)


def test_png_is_small_and_on_white():
    axes = plots.loss_map(
        np.linspace(0, 1, 40), np.linspace(0, 1, 40), np.add.outer(*[np.linspace(1, 9, 40)] * 2), title="m"
    )
    data = plots.png(axes.figure)
    assert data.startswith(b"\x89PNG") and b"Software" not in data
    used = colours(data)
    assert len(used) <= 256 and max(used)[1] == (255, 255, 255)


def test_png_keeps_the_colours_of_photographs():
    axes = plt.figure().add_subplot()
    axes.imshow(np.random.default_rng(0).integers(0, 256, (60, 60, 3)))
    assert len(colours(plots.png(axes.figure))) > 2000


def draw(axes, frame):
    axes.plot(X[: frame + 1], Y[: frame + 1], "o-", label="walk")
    axes.set_xlim(0, 3)
    axes.set_title(f"frame {frame}")


def test_animation_plays_once_and_shows_its_last_frame_elsewhere(monkeypatch):
    shown = []
    monkeypatch.setattr(animation, "display", lambda data, metadata, raw: shown.append((data, metadata, raw)))
    plots.animate(draw, range(3), size=(3, 2), seconds_each=1.0)
    [(data, metadata, raw)] = shown
    assert raw and metadata == {"image/png": {"alt": data["text/plain"]}}
    assert data["text/plain"].startswith("Animation of 3 frames.\nFirst frame. Figure.\nframe 0.")
    assert "\nLast frame. Figure.\nframe 2." in data["text/plain"]
    picture = Image.open(io.BytesIO(__import__("base64").b64decode(data["image/png"])))
    assert (picture.size, picture.n_frames, picture.info["loop"], picture.default_image) == ((240, 160), 4, 1, True)
    frames = []
    for number in range(4):
        picture.seek(number)
        frames.append(np.asarray(picture.convert("L"), dtype=int))
    assert np.abs(frames[0] - frames[3]).max() <= 8  # the still is the last frame
    assert np.abs(frames[1] - frames[3]).sum() > np.abs(frames[2] - frames[3]).sum() > 0
    assert picture.info["duration"] == 1000


def test_animation_without_frames_is_refused():
    with pytest.raises(ValueError, match="there is no frame to draw"):
        plots.animate(draw, [])


def test_setup_outside_a_notebook_only_sets_the_style():
    backend = plt.get_backend()
    plots.setup()
    assert plt.get_backend() == backend
    assert plt.rcParams["figure.facecolor"] == "white" and plt.rcParams["axes.grid"] is True


def test_setup_in_a_terminal_leaves_the_backend(monkeypatch):
    monkeypatch.setattr(style, "get_ipython", lambda: object())
    switched = []
    monkeypatch.setattr(plt, "switch_backend", switched.append)
    plots.setup()
    assert switched == []


def test_in_a_notebook_every_figure_carries_its_words(monkeypatch):
    from IPython.core.formatters import DisplayFormatter

    shell = type("Shell", (), {"display_formatter": DisplayFormatter(), "kernel": True})()
    shell.display_formatter.active_types = ["image/png", "text/plain"]
    monkeypatch.setattr(style, "get_ipython", lambda: shell)
    switched = []
    monkeypatch.setattr(plt, "switch_backend", switched.append)
    plots.setup()
    figure = Figure()
    draw(figure.add_subplot(), 2)
    data, metadata = shell.display_formatter.format(figure)
    assert switched == ["module://matplotlib_inline.backend_inline"]
    assert data["text/plain"] == plots.describe(figure) == metadata["image/png"]["alt"]
    assert data["image/png"].startswith(b"\x89PNG")
