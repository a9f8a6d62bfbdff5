"""What counts as equal: each rule of tests/course/compare.py, with a pair that must be equal and one that must not."""

import base64
import io
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.course.compare import Tolerance, differences
from tests.course.lab import WIDGET_VIEW
from tests.tiny_labs import printed as stdout
from utils import data

REPORT = """Python 3.12.1, TensorFlow 2.21.0, Keras 3.15.1 on tensorflow, NumPy 2.5.5
Device: CPU, 2 cores. Seed: 0
Data: sample (ships with the course)
"""


def display(metadata=None, **data):
    data = {kind.replace("_", "/", 1): content for kind, content in data.items()}
    return {"output_type": "display_data", "data": data, "metadata": metadata or {}}


def gaps(expected, got, *tags):
    """The differences between two printed texts under a cell's tags."""
    return differences([stdout(expected)], [stdout(got)], Tolerance.from_tags(tags))


def test_equal():
    for expected, got, tags in [
        ("loss 0.500000", "loss 0.500005", []),  # the edge of rtol 1e-5
        ("accuracy 0.95", "accuracy 0.96", ["tolerance-0.01"]),  # the edge, in decimal
        ("loss 200.0", "loss 209.9", ["rtol-0.05"]),
        ("steps 100 of 0.5", "steps 102 of 0.5", ["counts-2"]),
        ("gap −0.5", "gap -0.500001", []),
        ("12,000.5", "12,000.6", []),
        ("12_000.5 0.9x", "12_000.6 0.900001x", []),
        ("[0. 1. 2.]", "[0. 1.000001 2.]", []),
        ("-0.00", "0.00", []),
        ("0.50 0.75", "0.5 0.750001", []),  # a neighbour moved, so the width may change
        ("[[ 9.99999]\n [ 8.5]]", "[[10.00001]\n [ 8.5]]", []),
        ("nan inf -inf", "nan inf -inf", []),
        ("a  \nb\n", "a\nb", []),
        ("\x1b[1m3/3\x1b[0m", "3/3", []),
        ("✔ a: 0.93 (0.5 give or take 0.5)", "✔ a: 0.94 (0.500001 give or take 0.5)", ["tolerance-1"]),
        ("a: 0.93 (at least 0.9)", "a: 0.94 (at least 0.8)", ["tolerance-1"]),  # no claim
        ("took ~0.8 ms", "took ~12.3 µs", []),
        ("~61 images per second", "~1,204 images per second", []),
        ("sum   ~0.8 ms  ok", "sum ~102.8 ms  ok", []),
    ]:
        assert gaps(expected, got, *tags) == []


def test_differs():
    for expected, got, tags, reason in [
        ("loss 0.50000", "loss 0.50001", [], "0.50000 became 0.50001, off by 0.00001, tolerance 0.00000500"),
        ("loss 0.5", "loss -0.5", [], "off by 1.0"),
        ("accuracy 0.95", "accuracy 0.961", ["tolerance-0.01"], "off by 0.011, tolerance 0.01"),
        ("26 x 26 pixels", "31 x 31 pixels", ["rtol-0.9", "tolerance-200"], "26 became 31, off by 5, tolerance 0"),
        ("3 of 0.5", "6 of 0.5", ["counts-2"], "3 became 6, off by 3, tolerance 2"),
        ("+5", "5", [], "+5 became 5"),
        ("0.50", "0.5", [], "0.50 became 0.5"),
        ("12,000", "12000", [], "12,000 became 12000"),
        ("loss 200.0", "loss 211.0", ["rtol-0.05"], "off by 11.0, tolerance 10.0"),
        ("steps 100000", "steps 100001", [], "100000 became 100001, off by 1, tolerance 0"),
        ("[100000. 2.]", "[100001. 2.]", [], "off by 1"),
        ("2", "2.0", [], "2 became 2.0"),
        ("loss 0.5", "loss nan", ["tolerance-9"], "the text differs"),
        ("Conv2D", "Conv3D", ["tolerance-9"], "the text differs"),
        ("Keras 3.15.1", "Keras 3.15.2", ["tolerance-9"], "the text differs"),
        ("3 - 0.5", "3 + 0.5", ["tolerance-9"], "the text differs"),
        ("5 s", "6 s", [], "5 became 6"),
        ("smallest 0.25 min, 0.9 max", "smallest 0.95 min, 0.9 max", [], "0.25 became 0.95"),
        ("w = 0.5 s = 3", "w = 0.9 s = 3", [], "0.5 became 0.9"),
        ("3/3 - 1s - 9ms/step - loss: 0.5", "3/3 - 1s - 8ms/step - loss: 0.5", [], "the text differs"),
        ("split 1:20:30", "split 1:55:30", [], "became"),
        ("array[0:10:02]", "array[0:99:02]", [], "became"),
        ("hash 0xdeadbeef", "hash 0xfeedface", ["figure-0.9"], "the text differs"),
        ("0.8 ms", "~0.8 ms", [], "the text differs"),
        ("~0.8 epochs", "~0.8 steps", [], "the text differs"),
        ("Adam", "adam", [], "the text differs"),
        ("a b", "a  b", [], "the text differs"),
        ("a 9 b", "a 10  b", [], "9 became 10"),
        ("one two 9", "onetwo 10", ["counts-1"], "the text differs"),
        ("1\n2\n3", "1\n3", [], "3 lines became 2"),
        ("1 2", "1 2 3", [], "the text differs"),
        ("✔ a: 0.93 (at least 0.9)", "✔ a: 0.93 (at least 0.8)", ["tolerance-1"], "0.9 became 0.8, off by 0.1, toler"),
        ("✔ a: 0.9 (at most 1, on full data 2)", "✔ a: 0.9 (at most 1, on full data 3)", ["rtol-0.9"], "2 became"),
        ("✔ a: 3 (exactly 3)", "✔ a: 3 (exactly 4)", ["counts-1"], "3 became 4, off by 1, tolerance 0"),
        ("✔ 4 as 9: 8 (at least 3)", "✔ 5 as 9: 8 (at least 3)", ["counts-2"], "4 became 5, off by 1, tolerance 0"),
        ("✔ a: 8 (at least 3)", "✔ a: 11 (at least 3)", ["counts-2"], "8 became 11, off by 3, tolerance 2"),
        ("✔ a and b agree to within 0.01", "✔ a and b agree to within 0.02", ["tolerance-1"], "0.01 became 0.02"),
        ("Table of 10 rows: 3 4.", "Table of 9 rows: 3 4.", ["counts-2"], "10 became 9, off by 1, tolerance 0"),
        ("5 pictures of 32 x 32 pixels", "5 pictures of 32 x 31 pixels", ["counts-2"], "32 became 31"),
        ("5 pictures of 32 x 32 pixels", "5 pictures of 31 x 32 pixels", ["counts-2"], "32 became 31"),
        ("✔ a (3): 0.9 (at least 0.1)", "✔ a (3): 2.9 (at least 0.1)", ["tolerance-1"], "0.9 became 2.9"),
    ]:
        (gap,) = gaps(expected, got, *tags)
        assert reason in gap


def test_versions_and_device_of_the_setup_report_are_masked_and_nothing_else():
    for old, new, differ in [
        ("3.12.1", "3.13.0rc1", 0),
        ("TensorFlow 2.21.0", "TensorFlow 2.22.0rc0", 0),
        ("Keras 3.15.1", "Keras 3.10.0", 0),
        ("on tensorflow", "on jax", 0),
        ("NumPy 2.5.5", "NumPy 2.1.3+local", 0),
        ("CPU, 2 cores", "GPU NVIDIA H200, 139 GiB, float32", 0),
        ("Seed: 0", "Seed: 1", 1),
        ("sample", "full", 1),
        ("Device", "Machine", 1),
        (", NumPy 2.5.5", "", 1),
        ("Keras 3.15.1", "Keras unknown", 1),
        ("Python 3.12.1", "Python", 1),
    ]:
        assert old in REPORT
        assert len(gaps(REPORT, REPORT.replace(old, new), "tolerance-0.5")) == differ


@pytest.mark.parametrize("kind", ["text_plain", "text_html", "text_latex", "text_markdown", "image_svg+xml"])
def test_numbers_of_every_kind_of_text_have_tolerances(kind):
    def both(number):
        return [display(**{kind: f"<td>{number}</td>"})]

    assert differences(both("0.500000"), both("0.500001"), Tolerance()) == []
    (gap,) = differences(both("0.5"), both("0.6"), Tolerance())
    assert gap.startswith(f"{kind.replace('_', '/')}: ")


def test_other_kinds_must_be_identical():
    expected, same, got = ([display(application_json={"a": number})] for number in (0.5, 0.5, 0.500001))
    assert differences(expected, same, Tolerance()) == []
    assert differences(expected, got, Tolerance()) == ["application/json: the content differs"]


def test_the_widget_view_is_skipped_and_its_text_compared():
    def widget(model, text):
        return [{"output_type": "display_data", "data": {WIDGET_VIEW: {"model_id": model}, "text/plain": text}}]

    assert differences(widget("a", "slider w"), widget("b", "slider w"), Tolerance()) == []
    assert differences(widget("a", "slider w"), widget("a", "slider b"), Tolerance())


def test_missing_and_unexpected_outputs():
    figure = display(text_plain="a curve", image_png=picture())
    warning = stdout("UserWarning: overflow\n", "stderr")
    (missing,) = differences([stdout("a"), figure], [stdout("a")], Tolerance())
    assert missing == "missing output (image/png, text/plain)\n    a curve"
    (unexpected,) = differences([stdout("a")], [stdout("a"), warning], Tolerance())
    assert unexpected == "unexpected output (stderr)\n    UserWarning: overflow"
    assert len(differences([figure, figure], [figure], Tolerance())) == 1
    assert len(differences([], [stdout("a")], Tolerance())) == len(differences([stdout("a")], [], Tolerance())) == 1
    assert len(differences([figure], [display(text_plain="a curve")], Tolerance())) == 2
    assert len(differences([figure, stdout("a")], [stdout("a"), figure], Tolerance())) == 2


def test_every_difference_is_told_and_long_ones_are_cut():
    expected = "\n".join(f"epoch {epoch} loss 0.5 {'.' * 400}" for epoch in range(9))
    (gap,) = gaps(expected, expected.replace("0.5", "0.6"))
    assert "line 1: 0.5 became 0.6" in gap and "line 5: " in gap and "line 6: " not in gap
    assert gap.endswith("and 4 more lines") and max(map(len, gap.splitlines())) < 220
    assert len(differences([stdout("a"), stdout("0.5")], [stdout("b"), stdout("0.6")], Tolerance())) == 2


def picture(kind="png", size=(320, 200), curves=2, ground="white", shift=0):
    """A drawing like a figure, in base64: a frame of axes, a legend and some curves."""
    steps = np.arange(20, size[0] - 20)
    image = Image.new("RGB", size, ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((20 + shift, 10, size[0] - 10 + shift, size[1] - 20), outline="black")
    for curve in range(curves):
        heights = size[1] - 25 - 150 * np.exp(-(steps - 20) / (40 + 40 * curve))
        points = list(zip((steps + shift).tolist(), heights.tolist(), strict=True))
        draw.line(points, fill=("blue", "red")[curve], width=3)
        draw.rectangle((220, 20 + 15 * curve, 280, 28 + 15 * curve), fill=("blue", "red")[curve])
    return encoded(image, kind)


def encoded(image, kind="png", **settings):
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return base64.b64encode(file.getvalue()).decode()


def opened(content):
    return Image.open(io.BytesIO(base64.b64decode(content)))


def picture_gaps(expected, got, *tags, kind="png"):
    outputs = ([display(**{f"image_{kind}": content})] for content in (expected, got))
    return differences(*outputs, Tolerance.from_tags(tags))


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_picture_of_the_same_thing_is_equal(kind):
    assert picture_gaps(picture(kind), picture(kind), kind=kind) == []
    assert picture_gaps(picture(kind), picture(kind, shift=1), kind=kind) == []
    assert picture_gaps(picture(kind), picture(kind, size=(321, 201)), kind=kind) == []


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("other", [{"curves": 0}, {"curves": 1}, {"shift": 40}, {"ground": "black"}], ids=str)
def test_another_picture_differs(kind, other):
    (gap,) = picture_gaps(picture(kind), picture(kind, **other), kind=kind)
    assert gap.startswith(f"image/{kind}: the picture differs: ")
    assert gap.endswith(" of the ink is out of place, tolerance 0.03")
    assert len(gap) < 200


@pytest.mark.parametrize("ground", ["white", "black", "gray"])
def test_a_blank_picture_differs_fully(ground):
    pair = picture(ground=ground), encoded(Image.new("RGB", (320, 200), ground))
    for expected, got in (pair, pair[::-1]):
        (gap,) = picture_gaps(expected, got)
        assert 0.85 < float(gap.split("differs: ")[1].split()[0]) <= 1.05


def test_the_figure_tag_widens_and_narrows():
    pair = picture(), picture(curves=1)
    share = Decimal(picture_gaps(*pair)[0].split("differs: ")[1].split()[0])
    assert picture_gaps(*pair, f"figure-{share + Decimal('0.01')}") == []
    assert picture_gaps(*pair, f"figure-{share - Decimal('0.01')}")
    assert picture_gaps(picture(), picture(shift=2), "figure-0.001")
    assert picture_gaps(*pair, "tolerance-9", "rtol-0.9")


@pytest.mark.parametrize("change", [np.transpose, np.fliplr, np.flipud], ids=["transposed", "mirrored", "upside down"])
def test_hundreds_of_small_pictures_are_told_from_others(change):
    """Each of 200 digits is changed, which the coarse grid does not see."""
    digits = data.mnist(mode="sample")[1][0][:200]

    def sheet(pictures):
        rows = np.concatenate(np.stack(pictures).reshape(10, 20, 28, 28).swapaxes(1, 2).reshape(10, 28, 560))
        return encoded(Image.fromarray(255 - rows).resize((900, 450), Image.Resampling.NEAREST))

    assert picture_gaps(sheet(digits), sheet(digits)) == []
    assert picture_gaps(sheet(digits), sheet([change(digit) for digit in digits]))


def test_transparency_is_white_paper():
    pixels = np.array(opened(picture()).convert("RGBA"))
    pixels[(pixels[..., :3] == 255).all(axis=-1)] = 0
    assert picture_gaps(picture(), encoded(Image.fromarray(pixels))) == []


def test_a_shade_that_nobody_sees_is_equal():
    assert picture_gaps(picture(), picture(ground=(250, 250, 250))) == []
    assert picture_gaps(picture(), picture(ground=(249, 249, 249)))


def test_the_size_of_a_picture_is_compared():
    for width, equal in [(328, True), (332, True), (333, False), (272, True), (271, False)]:
        blank = [picture(size=(size, 200), curves=0, shift=1000) for size in (302, width)]
        assert (picture_gaps(*blank, "figure-0.99") == []) == equal
    (gap,) = picture_gaps(picture(size=(320, 200)), picture(size=(320, 230)))
    assert gap == "image/png: the size differs: 320 × 200 pixels became 320 × 230, tolerance 10% a side"


def animation(frames, milliseconds, kind):
    """A GIF or an animated PNG of drawings with so many curves, each shown so long."""
    first, *others = [opened(picture(curves=curves)) for curves in frames]
    return encoded(first, kind, save_all=True, append_images=others, duration=milliseconds)


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_animations(kind):
    for frames, milliseconds, gap in [
        ((2, 1, 2, 1), [100, 200, 100, 100], None),
        ((2, 1, 2), [100, 200, 100], "4 frames became 3"),
        ((2, 1, 2, 1), [200, 100, 100, 100], "a frame of 100 ms became one of 200 ms"),
        ((2, 1, 2, 0), [100, 200, 100, 100], "of the ink is out of place in its frame 4, "),
        ((2, 0, 2, 1), [100, 200, 100, 100], "of the ink is out of place in its frame 2, "),
    ]:
        stored = animation((2, 1, 2, 1), [100, 200, 100, 100], kind)
        found = picture_gaps(stored, animation(frames, milliseconds, kind), kind=kind)
        assert (gap in found[0]) if gap else found == []


def test_frames_between_the_ends_of_an_animated_png():
    def moving(order):  # written as plots.animate writes it
        frames = []
        for place in order:
            frames.append(Image.new("RGB", (120, 80), "white"))
            ImageDraw.Draw(frames[-1]).ellipse((10 * place, 30, 10 * place + 20, 50), fill="blue")
        still, *rest = [frame.quantize(palette=frames[0].quantize(48)) for frame in (frames[-1], *frames)]
        return encoded(still, "png", save_all=True, append_images=rest, default_image=True, optimize=True, duration=100)

    assert picture_gaps(moving(range(8)), moving(range(8))) == []
    (gap,) = picture_gaps(moving(range(8)), moving((0, 5, 2, 6, 4, 1, 3, 7)))
    assert "of the ink is out of place in its frame 3, " in gap


def test_a_broken_picture_is_told():
    (gap,) = picture_gaps(picture(), base64.b64encode(b"no picture").decode())
    assert "not a readable picture" in gap


def test_alternative_text_is_compared():
    def figure(text):
        return [display({"image/png": {"alt": text, "width": 9}}, image_png=picture())]

    assert differences(figure("ends at 0.500000"), figure("ends at 0.500001"), Tolerance()) == []
    (gap,) = differences(figure("ends at 0.5"), figure("ends at 0.6"), Tolerance())
    assert gap.startswith("alternative text of image/png: ")
    assert len(differences(figure("a"), [display(image_png=picture())], Tolerance())) == 2


def test_tags_are_read():
    roles = ["setup", "parameters", "exercise", "solution", "check", "colab"]
    assert Tolerance.from_tags(roles) == Tolerance(Decimal(0), Decimal("1e-5"), Decimal(0), 0.03)
    tags = ["rtol-1e-3", "check", "tolerance-0.02", "counts-3", "figure-0.3"]
    assert Tolerance.from_tags(tags) == Tolerance(Decimal("0.02"), Decimal("0.001"), Decimal(3), 0.3)


def test_other_tags_are_refused():
    for tags, message in [
        (["nbval-ignore-output"], "unknown tag 'nbval-ignore-output'"),
        (["tolerance"], "unknown tag"),
        (["tolerance--1"], "unknown tag"),
        (["tolerance-0.5 "], "unknown tag"),
        (["tolerance-nan"], "unknown tag"),
        (["tolerance-0"], "must be above 0"),
        (["rtol-1"], "must be above 0 and below 1"),
        (["counts-0.5"], "must be a whole one above 0"),
        (["figure-1.5"], "must be above 0 and below 1"),
        (["tolerance-0.1", "tolerance-0.2"], "two tolerance tags"),
        ([5], "unknown tag"),
        ("setup", "tags must be a list"),
    ]:
        with pytest.raises(ValueError, match=message):
            Tolerance.from_tags(tags)


NUMBERS = st.integers(-(10**6), 10**6).map(str) | st.decimals(-1000, 1000, places=4).map(str)
NUMBERS |= st.floats(1e-8, 1e8).map("{:.6e}".format)
TAGS = [[], ["tolerance-0.5"], ["rtol-0.05"], ["counts-3"], ["tolerance-0.01", "counts-1", "figure-0.9"]]


@given(st.lists(NUMBERS, min_size=1, max_size=6), st.data(), st.sampled_from(TAGS))
def test_a_number_changed_beyond_its_tolerance_never_passes_and_within_it_always_does(values, data, tags):
    place = data.draw(st.integers(0, len(values) - 1))
    old, new = values[place], data.draw(NUMBERS)
    changed = [*values[:place], new, *values[place + 1 :]]
    tolerance = Tolerance.from_tags(tags)
    whole = "." not in old + new
    allowed = tolerance.counts if whole else max(tolerance.absolute, tolerance.relative * abs(Decimal(old)))
    texts = [" and ".join(f"it is {number}" for number in some) for some in (values, changed)]
    gap = abs(Decimal(old) - Decimal(new))
    if gap:
        assert bool(gaps(*texts, *tags)) == (gap > allowed)
    elif Decimal(new):
        assert bool(gaps(*texts, *tags)) == (old != new)
