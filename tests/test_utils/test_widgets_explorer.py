"""Sliders redraw the picture; the static twin and the words say the same."""

import re

import pytest

from utils import widgets


def draw(axes, weight, steps):
    axes.plot([0, steps], [0, weight])
    axes.set_title(f"{weight:.1f} in {steps}")


STILLS = [{"weight": 1.5, "steps": 4}, {"weight": -2.0, "steps": 2}]


def explore(**changes):
    settings = {"stills": STILLS, "weight": (-2.0, 2.0, 0.25), "steps": [2, 4, 8]} | changes
    return widgets.explore(draw, settings.pop("stills"), **settings)


def test_static_twin_shows_each_still_and_words_stand_for_the_view(shown):
    view = explore()
    (figure, raw), (bundle, bundle_raw) = shown
    assert (raw, bundle_raw) == (False, True)
    assert [axes.get_title() for axes in figure.axes] == ["1.5 in 4", "-2.0 in 2"]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [0, -2]
    assert figure.get_size_inches().tolist() == [9.0, 3.6]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == view.model_id
    assert bundle["text/plain"] == (
        "Live under a slider 'weight' from -2.0 to 2.0 in steps of 0.25, at 1.5, a menu 'steps' of 2, 4, 8, at 4. "
        "Run this cell in Jupyter or Colab to move them; the figure above shows the same in stills."
    )


def test_moving_a_control_redraws_the_picture_and_its_words(shown):
    seen = []
    weight, steps, picture = explore().children
    before = picture.value
    picture.observe(lambda change: seen.append(change["new"][:10]), names="value")
    assert 'alt="Figure.\n1.5 in 4.' in before and re.search("src=.data:image/png;base64,iVBORw0KGgo", before)
    weight.value = 0.5
    assert 'alt="Figure.\n0.5 in 4.' in picture.value
    assert seen == ['<img src="']  # the old picture stands until the new one is ready
    steps.value = 8
    assert 'alt="Figure.\n0.5 in 8.' in picture.value
    assert picture.value.split("alt=")[0] != before.split("alt=")[0]
    assert 'width="450" height="360"' in picture.value  # the page keeps its place while it loads


def test_quotes_in_the_words_do_not_break_the_page(shown):
    view = widgets.explore(lambda axes, a: axes.set_title('say "<hi>"'), [{"a": 1}], a=(0, 2, 1))
    assert "say &quot;&lt;hi&gt;&quot;" in view.children[-1].value


def test_kinds_of_control_and_their_names_with_spaces(shown):
    weight, steps, _ = explore(steps=(2, 8, 2)).children
    for slider, *wanted in ((steps, "IntSlider", 2, 8, 2, 4), (weight, "FloatSlider", -2.0, 2.0, 0.25, 1.5)):
        assert [type(slider).__name__, slider.min, slider.max, slider.step, slider.value] == wanted
    assert weight.readout_format == ".2f"
    assert explore(weight=(-20.0, 20.0, 10.0)).children[0].readout_format == ".0f"
    menu = explore().children[1]
    assert type(menu).__name__ == "Dropdown" and (menu.options, menu.value) == ((2, 4, 8), 4)
    stills = [{"learning_rate": 0.1}]
    rate, _ = widgets.explore(lambda axes, learning_rate: None, stills, learning_rate=(0.0, 1.0, 0.001)).children
    assert (rate.description, rate.readout_format) == ("learning rate", ".3f")


def test_several_panels_for_each_still(shown):
    def two(left, right, a):
        left.set_title(f"left {a}")
        right.set_title(f"right {a}")

    view = widgets.explore(two, [{"a": 1}, {"a": 2}, {"a": 0}], panels=2, a=(0, 2, 1))
    titles = [f"{side} {a}" for side in ("left", "right") for a in (1, 2, 0)]
    assert [axes.get_title() for axes in shown[0][0].axes] == titles
    assert shown[0][0].get_size_inches() == pytest.approx([9.6, 7.2])
    assert "left 1" in view.children[-1].value and "right 1" in view.children[-1].value


@pytest.mark.parametrize("still", [{"weight": 3.0, "steps": 4}, {"weight": 1.0, "steps": 5}])
def test_sliders_start_where_the_first_still_is(shown, still):
    with pytest.raises(ValueError, match=r"the first still's \w+=\S+ is not one of the control's values"):
        explore(stills=[still])
