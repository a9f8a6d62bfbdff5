"""Grids of pictures and tables of numbers show each thing where it belongs, and say so."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from utils import plots

pytestmark = pytest.mark.usefixtures("house_style")
GREY = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)  # four pictures of 2 x 3


def told(axes):
    return plots.describe(axes.figure).splitlines()[1:]


def extents(axes):
    return [image.get_extent() for image in axes.images]


def test_pictures_stand_row_by_row():
    axes = plots.images(GREY, title="Four", columns=2, width=6)
    left, top = 3 * 1.08, 2 * 1.08
    assert np.allclose(extents(axes), [(x, x + 3, y + 2, y) for y in (0, top) for x in (0, left)])
    assert [image.get_array().tolist() for image in axes.images] == GREY.tolist()
    assert axes.get_xlim() == pytest.approx((0, 2 * left)) and axes.get_ylim() == pytest.approx((2 * top, 0))
    assert axes.get_title(loc="left") == "Four" and not axes.axison
    assert axes.figure.get_size_inches().tolist() == pytest.approx([6, 4.5])


def test_labels_stand_below_their_pictures():
    axes = plots.images(GREY, ["a", "b\nb", "c", "d"], title="Four", columns=2)
    step = 2 * 1.08 + 2 * 0.16 * 3 * 2 / 9  # two lines of text
    assert [text.get_text() for text in axes.texts] == ["a", "b\nb", "c", "d"]
    places = [text.get_position() for text in axes.texts]
    assert np.allclose(places, [(x, y) for y in (2.08, step + 2.08) for x in (1.5, 3 * 1.08 + 1.5)])
    assert {(text.get_ha(), text.get_va()) for text in axes.texts} == {("center", "top")}
    assert extents(axes)[2][3] == pytest.approx(step)


def test_grid_is_told_with_labels_and_means():
    pictures = "4 pictures of 2 x 3 pixels, 2 in a row, values from 0 to 23, mean 11.5."
    words = ["Four.", f"{pictures} Labels: 7, 8, 9, x y. Means: 2.5, 8.5, 14.5, 20.5."]
    assert told(plots.images(GREY, [7, 8, 9, "x\ny"], title="Four", columns=2)) == words


def test_many_pictures_fill_at_most_ten_in_a_row_and_are_told_without_their_means():
    axes = plots.images(np.zeros((13, 2, 2)), title="Many")
    assert told(axes)[1] == "13 pictures of 2 x 2 pixels, 10 in a row, values from 0 to 0, mean 0."
    assert extents(axes)[10][0] == 0
    axes = plots.images(np.zeros((12, 2, 2)), title="Twelve", columns=12)
    assert "Means" in told(axes)[1] and extents(axes)[11][0] == pytest.approx(11 * 2.16)


def test_colour_pictures_in_given_axes():
    axes = plots.panels(1, 2)[0, 1]
    assert plots.images(np.linspace(0, 1, 24).reshape(2, 2, 2, 3), title="Two", axes=axes) is axes
    assert told(axes)[2].startswith("2 colour pictures of 2 x 2 pixels, 2 in a row, values from 0 to 1, mean 0.5.")
    assert [image.get_array().shape for image in axes.images] == [(2, 2, 3)] * 2


SPREAD = [[[0.0, 1.0]], [[-4.0, 2.0]]]


def test_bytes_are_shown_from_0_to_255_and_other_numbers_over_their_range():
    for pictures, options, limits, cmap in [
        (GREY[:2], {"each": True}, [(0, 255), (0, 255)], "gray"),
        (GREY[:2], {"cmap": "viridis"}, [(0, 255), (0, 255)], "viridis"),
        (SPREAD, {}, [(-4, 2), (-4, 2)], "gray"),
        (SPREAD, {"each": True}, [(0, 1), (-4, 2)], "gray"),
        (SPREAD, {"signed": True}, [(-4, 4), (-4, 4)], "PuOr_r"),  # orange is above 0 and blue below
        (SPREAD, {"signed": True, "each": True}, [(-1, 1), (-4, 4)], "PuOr_r"),
    ]:
        axes = plots.images(pictures, title="Two", **options)
        assert [image.get_clim() for image in axes.images] == limits
        assert {image.get_cmap().name for image in axes.images} == {cmap}


@pytest.mark.parametrize("shape", [(28, 28), (0, 28, 28), (2, 28, 28, 1), (2, 2, 2, 2, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError) as caught:
        plots.images(np.zeros(shape), title="None")
    assert str(caught.value).startswith(f"pictures of shape {shape}: give (n, rows, columns) for grey ones or ")


@pytest.mark.parametrize("values", [np.zeros(3), np.zeros((0, 3)), np.ones((2, 2), complex), np.array([["a"]])])
def test_a_table_has_rows_and_columns_of_numbers(values):
    with pytest.raises(ValueError, match=r"^a table is an array \(rows, columns\) of numbers, not \("):
        plots.matrix(values, title="None")


def test_each_picture_needs_its_label():
    with pytest.raises(ValueError, match=r"^4 pictures, but 3 labels$"):
        plots.images(GREY, "abc", title="Four")


def test_table_is_told_cell_by_cell():
    axes = plots.matrix(np.array([[1, 20], [300, 4]]), title="Counts", xlabel="read", ylabel="written")
    title = "Counts. x axis: read, from -0.5 to 1.5. y axis: written, from -0.5 to 1.5."
    assert told(axes) == [title, "Table of 2 rows and 2 columns: 1 20; 300 4."]
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts == {(0, 0): "1", (1, 0): "20", (0, 1): "300", (1, 1): "4"}


def test_numbers_of_a_table():
    for values, options, numbers in [
        ([0.126, -2.0], {}, "0.13 -2"),
        ([0.126, -2.0], {"digits": 1}, "0.1 -2.0"),
        ([0, 0], {}, "0 0"),
        ([True, False], {}, "1 0"),
        ([True, False], {"signed": True}, "1 0"),
        ([np.nan, 7.0], {"digits": 0}, "blank 7"),
    ]:
        assert told(plots.matrix([values], title="T", **options))[1] == f"Table of 1 rows and 2 columns: {numbers}."


def test_numbers_are_legible_on_their_colour():
    axes = plots.matrix(np.array([[0, 5, 10]]), title="T")
    assert [to_rgb(text.get_color())[0] for text in axes.texts] == [0, 0, 1]
    assert [text.get_text() for text in plots.matrix([[np.nan, 7.0]], title="T").texts] == ["", "7"]
    assert plots.matrix([[0.5, 1]], title="T", limits=(0, 2)).images[0].get_clim() == (0, 2)
    axes = plots.matrix(np.array([[0, 5, 10]]), title="T", cmap="gray")
    assert [to_rgb(text.get_color())[0] for text in axes.texts] == [1, 0, 0]
    axes = plots.matrix(np.array([[-10, 0, 10, 2]]), title="T", signed=True)
    assert [to_rgb(text.get_color())[0] for text in axes.texts] == [1, 0, 1, 0]
    assert axes.images[0].get_clim() == (-10, 10) and axes.images[0].get_cmap().name == "PuOr_r"


def test_table_with_names_on_its_sides():
    axes = plots.matrix(np.eye(2, dtype=int), title="T", columns=["cat", "horse"], rows=["cow", "hen"])
    ticks = [[tick.get_text() for tick in side] for side in (axes.get_xticklabels(), axes.get_yticklabels())]
    assert ticks == [["cat", "horse"], ["cow", "hen"]]
    assert [axes.get_xticklabels()[0].get_rotation(), axes.get_yticklabels()[0].get_rotation()] == [60, 0]
    assert plots.matrix(np.eye(2), title="T", columns=["cat", "dog"]).get_xticklabels()[0].get_rotation() == 0


def test_small_tables_number_their_sides_from_0():
    axes = plots.matrix(np.zeros((10, 3)), title="T")
    assert axes.get_xticks().tolist() == [0, 1, 2] and axes.get_yticks().tolist() == [*range(10)]
    assert len(plots.matrix(np.zeros((11, 11)), title="T").get_xticks()) < 11
