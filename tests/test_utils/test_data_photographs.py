"""Photographs of digits, rendered here: read as well as from the canvas, or refused in one sentence."""

import io
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage
from sklearn.neighbors import KNeighborsClassifier

from utils import data

WHITE, CREAM, SLATE = (235, 233, 228), (228, 214, 180), (38, 52, 45)
KINDS = {  # (paper, ink, the colour of its lines, their directions)
    "black on white": (WHITE, (30, 30, 40), None, 0),
    "blue, ruled": (WHITE, (40, 50, 140), (150, 170, 200), 1),
    "grey, squared": (WHITE, (45, 45, 60), (150, 170, 200), 2),
    "red": (WHITE, (200, 40, 50), None, 0),
    "red, squared": (WHITE, (200, 40, 50), (150, 170, 200), 2),
    "light blue": (WHITE, (120, 180, 225), None, 0),
    "green on cream": (CREAM, (50, 140, 80), None, 0),
    "pencil": (WHITE, (130, 130, 132), None, 0),
    "pencil, ruled": (WHITE, (120, 120, 122), (170, 180, 200), 1),
    "chalk": (SLATE, (215, 215, 205), None, 0),
    "chalk, ruled": (SLATE, (215, 215, 205), (80, 95, 90), 1),
    "yellow chalk": (SLATE, (220, 210, 110), None, 0),
}
TURNS = {1: 0, 3: 180, 6: 90, 8: 270}  # EXIF's orientation: degrees by which the camera was turned
STAGES = ["photograph", "upright", "paper removed", "ink"]


def rendered(digit, kind, random):
    """A JPEG photograph (bytes) of a digit (28, 28): any place and size, uneven light, ruling, blur and noise."""
    paper, pen, ruling, directions = KINDS[kind]
    height, width = random.integers(120, 260, 2)
    side = int(min(height, width) * random.uniform(0.4, 0.9))
    ink = np.zeros((height, width, 1))
    top, left = random.integers(0, height - side + 1), random.integers(0, width - side + 1)
    ink[top : top + side, left : left + side, 0] = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    y, x = np.mgrid[:height, :width] / max(height, width)
    picture = np.full((height, width, 3), paper, float)
    tilt, gap = random.uniform(-0.07, 0.07), random.uniform(0.06, 0.11)
    for across in (y + tilt * x, x - tilt * y)[:directions]:
        cover = (1.2 - max(height, width) * np.abs(across % gap - gap / 2)).clip(0, 1)  # by a line 1.4 pixels wide
        picture += (np.array(ruling) - picture) * cover[..., np.newaxis]
    picture += (np.array(pen) - picture) * ink / 255
    angle, turn = random.uniform(0, 2 * np.pi, 2)
    light = 1 - random.uniform(0, 0.4) * (0.5 + (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle))
    beyond = (x - random.uniform(0.2, 0.8)) * np.cos(turn) + (y - random.uniform(0.2, 0.8)) * np.sin(turn)
    light *= 1 - random.uniform(0, 0.5) / (1 + np.exp(-beyond / random.uniform(0.01, 0.06)))  # a soft shadow's edge
    blur = random.uniform(0.4, 1.2)
    picture = ndimage.gaussian_filter(picture * light[..., np.newaxis], (blur, blur, 0))
    picture += random.normal(0, random.uniform(2, 6), picture.shape)
    orientation = int(random.choice(list(TURNS)))
    taken = Image.fromarray(picture.clip(0, 255).astype(np.uint8)).rotate(TURNS[orientation], expand=True)
    return saved("jpeg", taken, quality=int(random.integers(60, 93)), exif=turned(orientation))


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def box(picture):
    """The rows and the columns in which there is ink, as two slices."""
    return ndimage.find_objects((picture > 64).astype(int))[0]


def prepared(picture):
    """What lab 04 makes of a canvas: cropped, 20 pixels long, its centre of mass in the middle of (28, 28)."""
    cropped = Image.fromarray(picture[box(picture)])
    size = [max(1, round(length * 20 / max(cropped.size))) for length in cropped.size]
    small = np.asarray(cropped.resize(size, Image.Resampling.LANCZOS))
    free = 28 - np.array(small.shape)
    top, left = np.clip(np.round(14 - np.array(ndimage.center_of_mass(small))), 0, free).astype(int)
    return np.pad(small, ((top, free[0] - top), (left, free[1] - left)))


@pytest.mark.parametrize("count", [60, pytest.param(300, marks=pytest.mark.slow)])
def test_photographs_are_read_nearly_as_well_as_the_canvas(count, tmp_path):
    (x_train, y_train), (x_test, y_test) = data.mnist("sample")
    reader = KNeighborsClassifier(3).fit(x_train.reshape(-1, 784) / 255, y_train)
    random, path = np.random.default_rng(0), tmp_path / "digit.jpg"
    kinds = np.resize(list(KINDS), count)

    def photographed(digit, kind):
        path.write_bytes(rendered(digit, kind, random))
        return data.photograph(path)["ink"]

    def right(pictures):
        inputs = np.stack([prepared(picture) for picture in pictures]).reshape(-1, 784)
        return reader.predict(inputs / 255) == y_test[:count]

    canvas = right(np.pad(Image.fromarray(digit).resize((200, 200)), 40) for digit in x_test[:count])
    found = right(map(photographed, x_test[:count], kinds))
    assert found.mean() >= canvas.mean() - 0.05
    assert {kind for kind in KINDS if found[kinds == kind].sum() < canvas[kinds == kind].sum() - 3} == set()


def seven(size, paper="white", ink="black", mode="RGB", width=16):
    """A seven drawn in a picture of some size (width, height), by a pen of 1 / `width` of its height."""
    picture = Image.new(mode, size, paper)
    points = [(0.35 * size[0], 0.3 * size[1]), (0.6 * size[0], 0.3 * size[1]), (0.45 * size[0], 0.7 * size[1])]
    ImageDraw.Draw(picture).line(points, ink, max(1, size[1] // width), "curve")
    return picture


GREY = np.asarray(seven((90, 120), mode="L"))
MODES = {
    "rgb.jpg": seven((90, 120)),
    "28.png": seven((28, 28), mode="L"),
    "large.jpg": seven((3000, 4000)),
    "thin.png": seven((900, 1200), width=200),
    "palette.gif": seven((90, 120)).convert("P"),
    "two.png": seven((90, 120)).convert("1"),
    "cmyk.jpg": seven((90, 120)).convert("CMYK"),
    "clear.png": seven((90, 120), (0, 0, 0, 0), "black", "RGBA"),
    "clear-white.png": seven((90, 120), (0, 0, 0, 0), "white", "RGBA"),
    "clear.webp": seven((90, 120), (255, 0, 0, 0), "red", "RGBA"),
    "16.png": Image.fromarray(GREY.astype(np.uint16) * 16 + 3000),
    "float.tiff": Image.fromarray(GREY.astype(np.float32) / 255),
}


@pytest.mark.parametrize("name", MODES)
def test_any_size_and_mode(name, tmp_path):
    MODES[name].save(tmp_path / name)
    stages = data.photograph(str(tmp_path / name))
    assert list(stages) == STAGES and {stage.dtype for stage in stages.values()} == {np.dtype(np.uint8)}
    assert all(280 <= max(stage.shape) <= 560 for stage in stages.values())
    ink = stages["ink"]
    assert ink.shape == (280, 280)
    rows, columns = box(ink)
    assert 195 <= rows.stop - rows.start <= 225
    assert abs(rows.start + rows.stop - 280) < 6 > abs(columns.start + columns.stop - 280)  # in the middle
    assert 15 < np.sum(ink[180] > 127) < 50  # the pen, cut askew
    assert ink[:90, 60:100].any() and not ink[180:, :100].any()


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_picture_is_turned_as_its_exif_data_say(orientation, suffix, tmp_path):
    picture = seven((300, 400)).rotate(TURNS[orientation], expand=True)
    picture.save(tmp_path / f"7.{suffix}", exif=turned(orientation))
    stages = data.photograph(tmp_path / f"7.{suffix}")
    assert stages["upright"].shape == stages["paper removed"].shape == (400, 300)
    assert suffix == "tiff" or (stages["photograph"].shape == (300, 400)) == (orientation > 3)
    assert stages["ink"][:90, 60:100].any() and not stages["ink"][180:, :100].any()


def test_what_is_no_digit_stays_out_and_what_is_of_it_stays_in(tmp_path):
    """A sheet on a dark table: lines and specks go; a four in two parts is whole."""
    sheet = Image.new("RGB", (600, 800), (60, 45, 35))
    draw = ImageDraw.Draw(sheet)
    draw.rectangle((60, 70, 540, 740), WHITE)
    for row in range(100, 740, 40):
        draw.line((60, row, 540, row + 8), (150, 170, 210), 2)
    draw.line([(280, 250), (200, 400), (400, 400)], (40, 40, 60), 12)
    draw.line([(350, 230), (350, 370)], (40, 40, 60), 12)  # it does not reach the bar
    draw.ellipse((100, 600, 108, 608), "black")
    sheet.save(tmp_path / "4.png")
    ink = data.photograph(tmp_path / "4.png")["ink"]
    assert ndimage.label(ink > 127)[1] == 2
    rows, columns = box(ink)
    assert 1 < (columns.stop - columns.start) / (rows.stop - rows.start) < 1.3  # 212 to 182 pixels, the pen widened


def ruled():
    """A picture (600, 800) of lines alone."""
    rows = np.add.outer(np.arange(600), np.arange(800) // 80)
    return np.where(rows % 50 < 2, 160, 230).astype(np.uint8)


NOISE = np.random.default_rng(0)
NOTHING = {
    "blank": np.full((300, 400), 250, np.uint8),
    "grain": NOISE.normal(220, 6, (300, 400, 3)).astype(np.uint8),
    "noise": NOISE.integers(0, 256, (400, 300, 3), np.uint8),
    "little noise": NOISE.integers(0, 256, (28, 28), np.uint8),
    "specks": np.where(NOISE.random((500, 500)) < 0.01, 0, 230).astype(np.uint8),
    "light": np.add.outer(np.linspace(240, 90, 300), np.linspace(10, -30, 400)).astype(np.uint8),
    "ruled": ruled(),
    "squared": np.minimum(ruled(), ruled()[::-1, ::-1].T[:600, :600].repeat(2, axis=1)[:, :800]),
    "one pixel": np.zeros((1, 1), np.uint8),
}


@pytest.mark.parametrize("name", NOTHING)
def test_no_digit(name, tmp_path):
    path = tmp_path / f"{name}.png"
    Image.fromarray(NOTHING[name]).save(path)
    cure = "take a photograph of one digit, large, in a dark pen on light paper, with paper all round it"
    with pytest.raises(ValueError, match=rf"^No digit is found in {re.escape(str(path))}, as [^:.]*: {cure}\.$"):
        data.photograph(path)


def saved(kind, picture, **settings):
    content = io.BytesIO()
    picture.save(content, kind, **settings)
    return content.getvalue()


def bmp_that_claims(side):
    content = saved("bmp", Image.new("L", (1, 1)))
    return content[:18] + side.to_bytes(4, "little") * 2 + content[26:]


JPEG = saved("jpeg", MODES["rgb.jpg"])
BROKEN = {
    "nothing": (b"", "is no picture that can be read here: save your photograph as JPEG or PNG"),
    "a half": (JPEG[: len(JPEG) // 2], "is no picture that can be read here: save"),
    "large": (bmp_that_claims(10_000), "is too large a picture: scale it down first"),
    "huge": (bmp_that_claims(90_000), "is too large a picture: scale it down first"),
    "strip": (saved("png", Image.new("L", (4000, 3))), "is a strip too narrow for a digit: leave more paper"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_file_that_is_no_picture(name, tmp_path):
    content, said = BROKEN[name]
    path = tmp_path / "digit.jpg"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))} {said}"):
        data.photograph(path)


def test_no_file(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"^There is no file .*7\.jpg: check the path of your photograph\.$"):
        data.photograph("~/7.jpg")
    with pytest.raises(ValueError, match=r"is a folder: give the path of the photograph in it\.$"):
        data.photograph("~")
