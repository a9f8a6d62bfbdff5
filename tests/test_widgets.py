"""Sliders redraw the picture; the static twin and the words say the same."""

import re

import pytest

from utils import widgets


def draw(axes, weight, steps):
    axes.plot([0, steps], [0, weight], label="walk")
    axes.set_title(f"{weight:.1f} in {steps}")


STILLS = [{"weight": 1.5, "steps": 4}, {"weight": -2.0, "steps": 2}]


def explore(**changes):
    settings = {"stills": STILLS, "weight": (-2.0, 2.0, 0.25), "steps": [2, 4, 8]} | changes
    return widgets.explore(draw, settings.pop("stills"), **settings)


def test_static_twin_shows_each_still(shown):
    explore()
    figure, raw = shown[0]
    assert not raw
    assert [axes.get_title() for axes in figure.axes] == ["1.5 in 4", "-2.0 in 2"]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [0, -2]
    assert figure.get_size_inches().tolist() == [9.0, 3.6]


def test_view_comes_with_words_for_readers_without_widgets(shown):
    explorer = explore()
    bundle, raw = shown[1]
    assert raw and len(shown) == 2
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == explorer.view.model_id
    assert bundle["text/plain"] == (
        "Live under a slider 'weight' from -2.0 to 2.0 in steps of 0.25, at 1.5, a menu 'steps' of 2, 4, 8, at 4. "
        "Run this cell in Jupyter or Colab to move them; the figure above shows the same in stills."
    )


def test_moving_a_control_redraws_the_picture_and_its_words(shown):
    explorer = explore()
    before = explorer.picture.value
    assert 'alt="Figure.\n1.5 in 4.' in before and re.search("src=.data:image/png;base64,iVBORw0KGgo", before)
    explorer.controls["weight"].value = 0.5
    assert 'alt="Figure.\n0.5 in 4.' in explorer.picture.value
    explorer.controls["steps"].value = 8
    assert 'alt="Figure.\n0.5 in 8.' in explorer.picture.value
    assert explorer.picture.value.split("alt=")[0] != before.split("alt=")[0]


def test_all_controls_and_the_picture_stand_in_the_view(shown):
    explorer = explore()
    assert list(explorer.view.children) == [*explorer.controls.values(), explorer.picture]


def test_quotes_in_the_words_do_not_break_the_page(shown):
    explorer = widgets.explore(lambda axes, a: axes.set_title('say "<hi>"'), [{"a": 1}], a=(0, 2, 1))
    assert "say &quot;&lt;hi&gt;&quot;" in explorer.picture.value


def test_kinds_of_control(shown):
    controls = explore(steps=(2, 8, 2)).controls
    assert type(controls["steps"]).__name__ == "IntSlider"
    assert (controls["steps"].min, controls["steps"].max, controls["steps"].step) == (2, 8, 2)
    weight = controls["weight"]
    assert type(weight).__name__ == "FloatSlider"
    assert (weight.min, weight.max, weight.step, weight.value) == (-2.0, 2.0, 0.25, 1.5)
    assert weight.readout_format == ".1f"
    assert explore(weight=(-20.0, 20.0, 10.0)).controls["weight"].readout_format == ".0f"
    assert explore().controls["steps"].options == (2, 4, 8)


def test_names_are_spoken_with_spaces(shown):
    explorer = widgets.explore(
        lambda axes, learning_rate: None, [{"learning_rate": 0.1}], learning_rate=(0.0, 1.0, 0.001)
    )
    assert explorer.controls["learning_rate"].description == "learning rate"
    assert explorer.controls["learning_rate"].readout_format == ".3f"


def test_several_panels_for_each_still(shown):
    def two(left, right, a):
        left.set_title(f"left {a}")
        right.set_title(f"right {a}")

    explorer = widgets.explore(two, [{"a": 1}, {"a": 2}, {"a": 0}], panels=2, a=(0, 2, 1))
    assert [axes.get_title() for axes in shown[0][0].axes] == [
        "left 1",
        "left 2",
        "left 0",
        "right 1",
        "right 2",
        "right 0",
    ]
    assert shown[0][0].get_size_inches() == pytest.approx([9.6, 7.2])
    assert "left 1" in explorer.picture.value and "right 1" in explorer.picture.value


@pytest.mark.parametrize(
    ("still", "message"),
    [
        ({"weight": 3.0, "steps": 4}, "weight=3.0 is not one of the control's values"),
        ({"weight": -2.5, "steps": 4}, "weight=-2.5 is not one of the control's values"),
        ({"weight": 1.0, "steps": 5}, "steps=5 is not one of the control's values"),
        ({"weight": 1.0}, "names other controls than"),
        ({"weight": 1.0, "steps": 4, "rate": 1}, "names other controls than"),
    ],
)
def test_stills_must_be_reachable_by_the_controls(shown, still, message):
    with pytest.raises(ValueError, match=message):
        explore(stills=[STILLS[0], still])
    assert shown == []


def test_the_first_still_must_start_each_control(shown):
    with pytest.raises(ValueError, match="does not say where steps starts"):
        explore(stills=[{"weight": 1.0}])
