"""The canvas: strokes become a picture, the picture is read, and the static twin and the words say the same."""

import re

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
    rows, columns = np.nonzero(picture)
    assert np.ptp(rows) + 1 == pytest.approx(width, abs=2)
    assert np.ptp(columns) + 1 == pytest.approx(width, abs=2)


def test_a_stroke_is_as_wide_as_the_pen_and_has_round_ends():
    picture = widgets.stroke_picture(BAR, width=20)
    assert np.flatnonzero(picture[:, 80]).tolist() == list(range(90, 110))
    assert set(picture[90:110, 80]) == {255}
    assert np.flatnonzero(picture[100]).tolist() == list(range(50, 110))
    assert picture.sum() / 255 == pytest.approx(40 * 20 + np.pi * 10**2, rel=0.002)
    assert picture[90, 51] == picture[109, 51] == 0


def test_edges_are_softened_over_one_pixel():
    assert widgets.stroke_picture(BAR, width=21)[88:92, 80].tolist() == [0, 128, 255, 255]
    assert widgets.stroke_picture(BAR, width=1)[98:102, 80].tolist() == [0, 128, 128, 0]


def test_strokes_are_joined_point_by_point_and_laid_over_each_other():
    corner = [(60, 50), (190, 50), (110, 230)]
    alone = [widgets.stroke_picture([part]) for part in (corner[:2], corner[1:])]
    assert (widgets.stroke_picture([corner]) == np.maximum(*alone)).all()
    assert (widgets.stroke_picture([corner[:2], corner[1:]]) == np.maximum(*alone)).all()
    slope = alone[1]
    assert slope[140, 150] == 255  # halfway
    assert centre_of_ink(slope) == pytest.approx((150, 140), abs=0.02)


def test_each_stroke_may_have_its_own_width():
    dots = [[(70, 70)], [(200, 200)]]
    picture = widgets.stroke_picture(dots, width=[10, 40])
    assert (picture[:140] == widgets.stroke_picture(dots[:1], width=10)[:140]).all()
    assert (picture[140:] == widgets.stroke_picture(dots[1:], width=40)[140:]).all()


def test_the_pen_is_22_wide_unless_told():
    assert (widgets.stroke_picture(BAR) == widgets.stroke_picture(BAR, width=22)).all()


def test_strokes_may_leave_the_canvas():
    picture = widgets.stroke_picture([[(-50, 2), (330, 2)], [(400, 400), (500, 500)]], width=10)
    assert picture.any(axis=0).all()
    assert np.flatnonzero(picture[:, 0]).tolist() == list(range(7))
    assert not widgets.stroke_picture([]).any()


@pytest.mark.parametrize(
    ("strokes", "width", "message"),
    [
        ([(60, 100), (100, 100)], 22, r"a stroke is a list of points \(x, y\), but this one is \(60, 100\)"),
        ([[(1, 2, 3)]], 22, r"a stroke is a list of points \(x, y\), but this one is \[\(1, 2, 3\)\]"),
        ([[(1, 2)]], 0, "the pen's width is a positive number of pixels, but here it is 0"),
        ([[(1, 2)]], -4, "the pen's width is a positive number of pixels, but here it is -4"),
    ],
)
def test_wrong_strokes_are_told(strokes, width, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        widgets.stroke_picture(strokes, width)


class Draw:
    """A function to draw with that remembers the pictures it was given and may be told to raise."""

    def __init__(self):
        self.pictures, self.error = [], None

    def __call__(self, left, right, picture):
        self.pictures.append(picture)
        if self.error:
            raise self.error
        left.set_title(f"ink {picture.sum() // 255}")
        right.imshow(picture)


@pytest.fixture
def draw():
    return Draw()


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
    widgets.sketch(draw, [DRAWING, dot], panels=2)
    figure, raw = shown[0]
    assert not raw
    titles = [f"ink {DRAWING.sum() // 255}", "", f"ink {dot.sum() // 255}", ""]
    assert [axes.get_title() for axes in figure.axes] == titles
    assert (figure.axes[1].images[0].get_array() == DRAWING).all()
    assert figure.get_size_inches() == pytest.approx([6.0, 6.4])
    assert shown[1][0]["text/plain"].endswith("the figure above shows 2 stored drawings.")


def test_size_is_that_of_a_panel(shown):
    widgets.sketch(lambda axes, picture: None, [DRAWING], size=(4, 5))
    assert shown[0][0].get_size_inches().tolist() == [4, 5]
    with pytest.raises(TypeError):
        widgets.sketch(lambda axes, picture: None, [DRAWING], 1)  # what would the number mean?


def test_view_comes_with_words_for_readers_without_widgets(shown, view):
    bundle, raw = shown[1]
    assert raw and len(shown) == 2
    assert bundle == {
        "application/vnd.jupyter.widget-view+json": {
            "version_major": 2,
            "version_minor": 0,
            "model_id": view.model_id,
        },
        "text/plain": (
            "Live: a canvas to draw on with mouse, finger or pen, a slider for the pen's width from 8 to 40 pixels, "
            "at 22, and buttons Clear and Read. Run this cell in Jupyter or Colab to draw; "
            "the figure above shows a stored drawing."
        ),
    }
    assert view.layout.flex_flow == "row wrap"


def test_a_drawing_is_read_when_the_pen_is_lifted(view, draw):
    answer = send(view, BAR)
    expected = widgets.stroke_picture(BAR, 20)
    assert (draw.pictures[-1] == expected).all()
    assert re.match("<img src=.data:image/png;base64,iVBORw0KGgo", answer)
    assert f"Panel 1: ink {expected.sum() // 255}." in answer


def test_the_same_drawing_is_read_again_on_demand(view, draw):
    send(view, BAR, reading=1)
    send(view, BAR, reading=2)
    assert len(draw.pictures) == 3  # the stored one, too


def test_a_blank_canvas_is_not_read(view, draw):
    words = "<p>Nothing is drawn yet. Draw on the canvas; it is read when you lift the pen.</p>"
    assert view.children[1].value == words
    assert send(view, BAR) != words
    assert send(view, [], reading=2) == words
    assert len(draw.pictures) == 2


def test_an_error_is_shown_and_the_canvas_goes_on(view, draw):
    draw.error = TypeError("no <model> yet")
    told = "<strong>The drawing could not be read.</strong> TypeError: no &lt;model&gt; yet"
    assert send(view, BAR) == f'<p role="alert">{told}</p>'
    draw.error = None
    assert send(view, BAR, reading=2).startswith("<img")


def test_a_message_that_holds_no_strokes_is_told(view):
    assert "ValueError: a stroke is a list of points (x, y), but this one is (3, 4)" in send(view, [(3, 4)])


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (DRAWING, r"\(280,\) of uint8"),
        ([DRAWING[:28, :28]], r"\(28, 28\) of uint8"),
        ([DRAWING, DRAWING / 255], r"\(280, 280\) of float64"),
        ([np.zeros_like(DRAWING)], r"\(280, 280\) of uint8 with 0 in all"),
    ],
)
def test_stored_drawings_must_be_pictures_of_the_canvas(shown, draw, stored, found):
    message = (
        r"^stored is a list of drawings, arrays \(280, 280\) of uint8 with some ink, as stroke_picture\(\) makes them, "
        f"but one is an array {found}"
    )
    with pytest.raises(ValueError, match=message):
        widgets.sketch(draw, stored, panels=2)
    assert shown == []


def test_the_front_end_knows_what_python_sends(view):
    assert view.children[0].get_state(["side", "pens", "drawing"]) == {
        "side": 280,
        "pens": {"min": 8, "max": 40, "value": 22},
        "drawing": {},
    }
    assert view.children[0].get_state(["_esm"])["_esm"] == SCRIPT
    assert set(re.findall(r'model\.[gs]et\("(\w+)"', SCRIPT)) == {"side", "pens", "drawing"}
    assert {"side", "pens", "drawing"} <= set(view.children[0].keys)  # those that travel
    assert re.findall(r'model\.set\("drawing", \{ (\w+): .*, (\w+): .*, (\w+) \}\)', SCRIPT) == [
        ("strokes", "widths", "reading")
    ]


def test_the_front_end_loads_nothing():
    assert not re.search(r"https?:|\bimport\b|\bfetch\b", SCRIPT)
