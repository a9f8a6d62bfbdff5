"""The canvas: strokes become a picture, the picture is read, and the static twin and the words say the same."""

import re
from unittest.mock import Mock

import numpy as np
import pytest

from utils import runtime, widgets

BAR = [[(60, 100), (100, 100)]]
DRAWING = widgets.stroke_picture([[(60, 50), (190, 50), (110, 230)]], width=18)
SCRIPT = (runtime.COURSE / "utils" / "widgets" / "canvas.js").read_text(encoding="utf-8")


def centre_of_ink(picture):
    """The ink's centre of mass as (x, y), for a pixel's middle at its index plus a half."""
    rows, columns = np.indices(picture.shape) + 0.5
    return np.average(columns, weights=picture), np.average(rows, weights=picture)


@pytest.mark.parametrize("width", [22, 7.5])
def test_one_point_is_a_round_dot(width):
    picture = widgets.stroke_picture([[(60.3, 200.8)]], width=width)
    assert (picture.shape, picture.dtype) == ((280, 280), np.uint8)
    assert centre_of_ink(picture) == pytest.approx((60.3, 200.8), abs=0.02)
    assert picture.sum() / 255 == pytest.approx(np.pi * width**2 / 4, rel=0.01)
    assert np.ptp(np.nonzero(picture), axis=1) + 1 == pytest.approx([width, width], abs=2)


def test_a_stroke_is_as_wide_as_the_pen_and_has_round_ends_and_soft_edges():
    picture = widgets.stroke_picture(BAR, width=20)
    assert np.flatnonzero(picture[:, 80]).tolist() == list(range(90, 110))
    assert np.flatnonzero(picture[100]).tolist() == list(range(50, 110))
    assert picture.sum() / 255 == pytest.approx(40 * 20 + np.pi * 10**2, rel=0.002)
    assert picture[90, 51] == picture[109, 51] == 0
    assert widgets.stroke_picture(BAR, width=21)[88:92, 80].tolist() == [0, 128, 255, 255]


def test_strokes_are_joined_point_by_point_and_laid_over_each_other():
    corner = [(60, 50), (190, 50), (110, 230)]
    flat, slope = (widgets.stroke_picture([part]) for part in (corner[:2], corner[1:]))
    for strokes in ([corner], [corner[:2], corner[1:]]):
        assert (widgets.stroke_picture(strokes) == np.maximum(flat, slope)).all()
    assert slope[140, 150] == 255  # halfway
    assert centre_of_ink(slope) == pytest.approx((150, 140), abs=0.02)


def test_each_stroke_may_have_its_own_width():
    dots = [[(70, 70)], [(200, 200)]]
    picture = widgets.stroke_picture(dots, width=[10, 40])
    assert (picture[:140] == widgets.stroke_picture(dots[:1], width=10)[:140]).all()
    assert (picture[140:] == widgets.stroke_picture(dots[1:], width=40)[140:]).all()


def test_strokes_may_leave_the_canvas():
    picture = widgets.stroke_picture([[(-50, 2), (330, 2)], [(400, 400), (500, 500)]], width=10)
    assert picture.any(axis=0).all()
    assert np.flatnonzero(picture[:, 0]).tolist() == list(range(7))
    assert not widgets.stroke_picture([]).any()


def test_wrong_strokes_are_told():
    for strokes, width, message in [
        ([(60, 100), (100, 100)], 22, r"list of points \(x, y\), but this one is \(60, 100\)$"),
        ([[(1, 2, 3)]], 22, r"list of points \(x, y\), but this one is \[\(1, 2, 3\)\]$"),
        ([[(1, 2)]], 0, "width is a positive number of pixels, but here it is 0$"),
    ]:
        with pytest.raises(ValueError, match=message):
            widgets.stroke_picture(strokes, width)


@pytest.fixture
def draw():
    def ink(left, right, picture):
        left.set_title(f"ink {picture.sum() // 255}")
        right.imshow(picture)

    return Mock(side_effect=ink)


@pytest.fixture
def view(shown, draw):
    return widgets.sketch(draw, [DRAWING], panels=2)


def send(view, strokes, reading=1, width=20):
    """Do what the front end does when the pen is lifted; returns what is then shown."""
    drawing = {"strokes": strokes, "widths": [width] * len(strokes), "reading": reading}
    view.children[0].set_state({"drawing": drawing})
    return view.children[1].value


def test_static_twin_shows_each_stored_drawing_in_a_row(shown, draw):
    dot = widgets.stroke_picture([[(140, 140)]])
    widgets.sketch(draw, [DRAWING, dot], panels=2, size=(3, 4))
    figure, _ = shown[0]
    titles = [f"ink {DRAWING.sum() // 255}", "", f"ink {dot.sum() // 255}", ""]
    assert [axes.get_title() for axes in figure.axes] == titles
    assert (figure.axes[1].images[0].get_array() == DRAWING).all()
    assert figure.get_size_inches().tolist() == [6, 8]
    assert shown[1][0]["text/plain"].endswith("the figure above shows 2 stored drawings.")


def test_view_comes_with_words_for_readers_without_widgets(shown, view):
    (_, figure_raw), (bundle, raw) = shown
    model = {"version_major": 2, "version_minor": 0, "model_id": view.model_id}
    words = "Live: a canvas to draw on with mouse, finger or pen, a slider for the pen's width from 8 to 40 pixels, at "
    words += (
        "22, and buttons Clear and Read. Run this cell in Jupyter or Colab to draw; the figure above shows a stored "
    )
    assert bundle == {"application/vnd.jupyter.widget-view+json": model, "text/plain": f"{words}drawing."}
    assert raw and not figure_raw


def test_a_drawing_is_read_when_the_pen_is_lifted_and_again_on_demand(view, draw):
    answer = send(view, BAR)
    expected = widgets.stroke_picture(BAR, 20)
    assert (draw.call_args.kwargs["picture"] == expected).all()
    assert re.match("<img src=.data:image/png;base64,iVBORw0KGgo", answer)
    assert f"Panel 1: ink {expected.sum() // 255}." in answer
    send(view, BAR, reading=2)
    assert draw.call_count == 3  # with the stored one


def test_a_blank_canvas_is_not_read(view, draw):
    words = "<p>Nothing is drawn yet. Draw on the canvas; it is read when you lift the pen.</p>"
    assert view.children[1].value == words
    assert send(view, BAR) != words
    assert send(view, [], reading=2) == words
    assert draw.call_count == 2


def test_an_error_is_shown_and_the_canvas_goes_on(view, draw):
    ink, draw.side_effect = draw.side_effect, TypeError("no <model> yet")
    told = "<strong>The drawing could not be read.</strong> TypeError: no &lt;model&gt; yet"
    assert send(view, BAR) == f'<p role="alert">{told}</p>'
    assert "ValueError: a stroke is a list of points (x, y), but this one is (3, 4)" in send(view, [(3, 4)])
    draw.side_effect = ink
    assert send(view, BAR, reading=2).startswith("<img")


def test_the_front_end_knows_what_python_sends_and_loads_nothing(view):
    canvas, names = view.children[0], {"side", "pens", "drawing"}
    sent = {"side": 280, "pens": {"min": 8, "max": 40, "value": 22}, "drawing": {}, "_esm": SCRIPT}
    assert canvas.get_state([*sent]) == sent
    assert set(re.findall(r'model\.[gs]et\("(\w+)"', SCRIPT)) == names <= set(canvas.keys)  # those that travel
    [fields] = re.findall(r'model\.set\("drawing", \{ (\w+): .*, (\w+): .*, (\w+) \}\)', SCRIPT)
    assert fields == ("strokes", "widths", "reading")
    assert not re.search(r"https?:|\bimport\b|\bfetch\b", SCRIPT)
