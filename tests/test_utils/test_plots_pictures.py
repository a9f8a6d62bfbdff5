"""Grids of pictures and tables of numbers show each thing where it belongs, and say so."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from utils import plots
from utils.plots import style

GREY = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)  # four pictures of 2 x 3
COLOUR = np.linspace(0, 1, 24).reshape(2, 2, 2, 3)


@pytest.fixture(autouse=True)
def close_figures():
    with plt.rc_context(style.STYLE):
        yield
    plt.close("all")


def told(axes):
    return plots.describe(axes.figure).splitlines()[1:]


def extents(axes):
    return [image.get_extent() for image in axes.images]


def test_pictures_stand_row_by_row():
    axes = plots.images(GREY, title="Four", columns=2)
    left, top = 3 * 1.08, 2 * 1.08
    expected = [(x, x + 3, y + 2, y) for y in (0, top) for x in (0, left)]
    assert np.allclose(extents(axes), expected)
    assert [image.get_array().tolist() for image in axes.images] == GREY.tolist()
    assert axes.get_xlim() == pytest.approx((0, 2 * left)) and axes.get_ylim() == pytest.approx((2 * top, 0))
    assert axes.get_title(loc="left") == "Four" and not axes.axison


def test_labels_stand_below_their_pictures():
    axes = plots.images(GREY, ["a", "b\nb", "c", "d"], title="Four", columns=2)
    step = 2 * 1.08 + 2 * 0.16 * 3 * 2 / 9  # two lines of text
    assert [text.get_text() for text in axes.texts] == ["a", "b\nb", "c", "d"]
    places = [text.get_position() for text in axes.texts]
    assert np.allclose(places, [(x, y) for y in (2.08, step + 2.08) for x in (1.5, 3 * 1.08 + 1.5)])
    assert {(text.get_ha(), text.get_va()) for text in axes.texts} == {("center", "top")}
    assert extents(axes)[2][3] == pytest.approx(step)


def test_grid_is_told_with_labels_and_means():
    axes = plots.images(GREY, [7, 8, 9, "x\ny"], title="Four", columns=2)
    assert told(axes) == [
        "Four.",
        "4 pictures of 2 x 3 pixels, 2 in a row, values from 0 to 23, mean 11.5. Labels: 7, 8, 9, x y. "
        "Means: 2.5, 8.5, 14.5, 20.5.",
    ]


def test_many_pictures_are_told_without_their_means():
    axes = plots.images(np.zeros((13, 2, 2)), title="Many")
    assert told(axes)[1] == "13 pictures of 2 x 2 pixels, 10 in a row, values from 0 to 0, mean 0."
    assert "Means" in told(plots.images(np.zeros((12, 2, 2)), title="Twelve"))[1]


def test_pictures_fill_at_most_ten_in_a_row():
    assert extents(plots.images(np.zeros((11, 2, 2)), title="Many"))[10][0] == 0
    assert extents(plots.images(np.zeros((3, 2, 2)), title="Few"))[2][0] == pytest.approx(2 * 2.16)


def test_figure_is_as_wide_as_asked_and_as_high_as_it_needs():
    figure = plots.images(np.zeros((4, 2, 2)), title="Square", columns=2, width=6).figure
    assert figure.get_size_inches().tolist() == pytest.approx([6, 6.5])


def test_colour_pictures():
    axes = plots.images(COLOUR, title="Two")
    assert told(axes)[1].startswith("2 colour pictures of 2 x 2 pixels, 2 in a row, values from 0 to 1, mean 0.5.")
    assert [image.get_array().shape for image in axes.images] == [(2, 2, 3)] * 2


@pytest.mark.parametrize(
    ("options", "cmap", "limits"),
    [
        ({}, "gray", [(0, 255)] * 4),
        ({"each": True}, "gray", [(0, 255)] * 4),
        ({"cmap": "viridis"}, "viridis", [(0, 255)] * 4),
    ],
)
def test_bytes_are_shown_from_0_to_255(options, cmap, limits):
    axes = plots.images(GREY, title="Four", **options)
    assert [image.get_clim() for image in axes.images] == limits
    assert {image.get_cmap().name for image in axes.images} == {cmap}


@pytest.mark.parametrize(
    ("options", "limits"),
    [
        ({}, [(-4, 2), (-4, 2)]),
        ({"each": True}, [(0, 1), (-4, 2)]),
        ({"signed": True}, [(-4, 4), (-4, 4)]),
        ({"signed": True, "each": True}, [(-1, 1), (-4, 4)]),
    ],
)
def test_other_numbers_are_spread_over_their_range(options, limits):
    axes = plots.images([[[0.0, 1.0]], [[-4.0, 2.0]]], title="Two", **options)
    assert [image.get_clim() for image in axes.images] == limits
    assert axes.images[0].get_cmap().name == ("PuOr_r" if options.get("signed") else "gray")


def test_orange_is_above_0_and_blue_below():
    colours = plt.get_cmap("PuOr_r")
    assert colours(0.9)[0] > colours(0.9)[2] and colours(0.1)[0] < colours(0.1)[2]


def test_pictures_go_into_given_axes():
    axes = plots.panels(1, 2)[0]
    assert plots.images(GREY[:1], title="One", axes=axes[1]) is axes[1] and not axes[0].images


@pytest.mark.parametrize("shape", [(28, 28), (0, 28, 28), (2, 0, 28), (2, 28, 28, 1), (2, 2, 2, 2, 3)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError) as caught:
        plots.images(np.zeros(shape), title="None")
    assert str(caught.value) == (
        f"pictures of shape {shape}: give (n, rows, columns) for grey ones or (n, rows, columns, 3) for colour; one "
        "picture alone becomes picture[np.newaxis], and a last axis of 1 goes by picture[..., 0]"
    )


@pytest.mark.parametrize(
    "values",
    [np.zeros(()), np.zeros(3), np.zeros((2, 3, 3)), np.zeros((0, 3)), np.ones((2, 2), complex), np.array([["a"]])],
)
def test_a_table_has_rows_and_columns_of_numbers(values):
    with pytest.raises(ValueError, match=r"^a table is an array \(rows, columns\) of numbers, not \("):
        plots.matrix(values, title="None")


@pytest.mark.parametrize("signed", [False, True])
def test_true_and_false_are_1_and_0(signed):
    mask = np.array([[True, False]])
    assert told(plots.matrix(mask, title="T", signed=signed))[1] == "Table of 1 rows and 2 columns: 1 0."


def test_each_picture_needs_its_label():
    with pytest.raises(ValueError, match=r"^4 pictures, but 3 labels$"):
        plots.images(GREY, "abc", title="Four")


def test_table_is_told_cell_by_cell():
    axes = plots.matrix(np.array([[1, 20], [300, 4]]), title="Counts", xlabel="read", ylabel="written")
    assert told(axes) == [
        "Counts. x axis: read, from -0.5 to 1.5. y axis: written, from -0.5 to 1.5.",
        "Table of 2 rows and 2 columns: 1 20; 300 4.",
    ]
    assert [(text.get_position(), text.get_text()) for text in axes.texts] == [
        ((0, 0), "1"),
        ((1, 0), "20"),
        ((0, 1), "300"),
        ((1, 1), "4"),
    ]


def test_table_of_other_numbers():
    values = np.array([[0.126, -2.0]])
    assert told(plots.matrix(values, title="T"))[1] == "Table of 1 rows and 2 columns: 0.13 -2."
    assert told(plots.matrix(values, title="T", digits=1))[1] == "Table of 1 rows and 2 columns: 0.1 -2.0."


def test_numbers_are_legible_on_their_colour():
    axes = plots.matrix(np.array([[0, 5, 10]]), title="T")
    assert [to_rgb(text.get_color())[0] for text in axes.texts] == [0, 0, 1]
    axes = plots.matrix(np.array([[-10, 0, 10, 2]]), title="T", signed=True)
    assert [to_rgb(text.get_color())[0] for text in axes.texts] == [1, 0, 1, 0]
    assert axes.images[0].get_clim() == (-10, 10) and axes.images[0].get_cmap().name == "PuOr_r"


def test_table_with_names_on_its_sides():
    axes = plots.matrix(np.eye(2, dtype=int), title="T", columns=["cat", "horse"], rows=["cat", "horse"])
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["cat", "horse"]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["cat", "horse"]
    assert axes.get_xticklabels()[0].get_rotation() == 60 and axes.get_yticklabels()[0].get_rotation() == 0
    assert plots.matrix(np.eye(2), title="T", columns=["cat", "dog"]).get_xticklabels()[0].get_rotation() == 0


def test_small_tables_number_their_sides_from_0():
    axes = plots.matrix(np.zeros((10, 3)), title="T")
    assert axes.get_xticks().tolist() == [0, 1, 2] and axes.get_yticks().tolist() == [*range(10)]
    assert len(plots.matrix(np.zeros((11, 11)), title="T").get_xticks()) < 11


def test_table_of_equal_numbers():
    assert told(plots.matrix(np.zeros((1, 2), int), title="T"))[1] == "Table of 1 rows and 2 columns: 0 0."
