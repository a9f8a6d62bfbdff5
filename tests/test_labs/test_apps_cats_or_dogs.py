"""The program of lab 08: a line for each good picture, a clear message for every other, no code of a model file."""

import io
import os
import shutil
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from labs.apps import cats_or_dogs as app
from tests.test_labs import network

SIDE = 8
PIXELS = (SIDE, SIDE, 3)
FLAT, PROBABILITY = ("Flatten",), ("Dense", 1, "sigmoid")
CURE = "save it as a JPEG in colour, or add --convert to have that done here"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a model that gives the logistic function of (red of the top left pixel - 100) / 20."""
    model = network(PIXELS, FLAT, PROBABILITY)
    weights = np.zeros((SIDE * SIDE * 3, 1))
    weights[0] = 1 / 20
    model.set_weights([weights, np.array([-5.0])])
    path = tmp_path_factory.mktemp("trained") / "cats_or_dogs.keras"
    model.save(path)
    return path


@pytest.fixture
def run(model, capsys):
    """Run the program; the code, the lines of stdout and those of stderr."""

    def run(*arguments, model=model):
        code = app.main(["--model", *map(str, [model, *arguments])])
        return code, *(text.splitlines() for text in capsys.readouterr())

    return run


def flat(red, mode="RGB"):
    """A picture of one colour: `red`, with little green and blue."""
    return Image.new("RGB", (20, 12), (red, 10, 10)).convert(mode)


@pytest.fixture
def dog(tmp_path):
    """The file of a picture that the model takes for a dog."""
    flat(140).save(tmp_path / "rex.png")
    return tmp_path / "rex.png"


def content(picture, kind="PNG", **settings):
    """The bytes of a picture's file."""
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()


TWO = {"save_all": True, "append_images": [flat(80)]}
FLOATS, SPOILT = (content(Image.fromarray(np.float32([row] * 12)), "TIFF") for row in ([0.5, 0.5], [0.5, np.nan]))
DEEP = Image.fromarray(np.full((12, 20), 140 * 257, np.uint16))
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8))


def head_only(width, height):
    """A PNG file that says how large it is and holds no pixels: decoding it fails."""
    file = b"\x89PNG\r\n\x1a\n"
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    for kind, data in ((b"IHDR", header), (b"IDAT", b"no pixels"), (b"IEND", b"")):
        file += len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
    return file


def test_in_a_process_of_its_own_each_picture_gets_a_line(model, dog, tmp_path):
    cat, missing = tmp_path / "tom.png", tmp_path / "missing.jpg"
    flat(80).save(cat)
    command = [sys.executable, "-X", "utf8", app.__file__, "--model", model, missing, dog, cat]
    result = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert (result.returncode, result.stdout) == (2, f"{dog}: dog 0.881\n{cat}: cat 0.731\n")
    assert f"cats_or_dogs.py: {missing} does not exist: check the path" in result.stderr.splitlines()


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "is empty (0 bytes): copy or download it again"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "is not a picture that can be read here: save it as JPEG or PNG"),
        (content(NOISE, "JPEG")[:800], "is damaged or cut off (image file is truncated"),
        (head_only(1_000_000, 50), "is damaged or cut off ("),  # the limit itself is decoded
        (head_only(1_000_000, 51), "is too large (more than 50 megapixels): scale it down first"),
        (head_only(60_000, 60_000), "is too large (more than 50 megapixels): scale it down first"),
        (content(flat(140), "PNG", **TWO), f"is a series of 2 pictures (animated, or of several pages): {CURE}"),
        (content(flat(140, "L")), f"is grey, and the network learned from colour: {CURE}"),
        (content(flat(140, "P"), transparency=0), f"is partly transparent: {CURE}"),
        (content(DEEP), f"is of 16 bits or more for each pixel, not 8: {CURE}"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_a_bad_picture_is_told_and_the_others_are_classified(run, dog, tmp_path, file, message):
    bad = tmp_path / "bad.png"
    bad.write_bytes(file)
    for arguments in [(bad, dog)] if CURE in message else [(bad, dog), ("--convert", dog, bad)]:
        code, out, [told] = run(*arguments)
        assert (code, out) == (2, [f"{dog}: dog 0.881"])
        assert told.startswith(f"cats_or_dogs.py: {bad} {message}")


def test_what_is_no_picture_file_is_told(run, dog, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for name, message in [
        ("missing.jpg", "does not exist: check the path"),
        (".", "is a folder: name the pictures in it"),
        ("x" * 300, "cannot be read (File name too long)"),
        ("pipe", "is not a file"),
    ]:
        assert run(tmp_path / name) == (2, [], [f"cats_or_dogs.py: {tmp_path / name} {message}"])


def red_of(file, folder, convert=False):
    """The red of the pixels that are read from a file with this content."""
    (folder / "picture").write_bytes(file)
    pixels = app.read(folder / "picture", SIDE, convert)
    assert (pixels.dtype, pixels.shape) == (np.uint8, PIXELS)
    return pixels[..., 0].astype(int)


def test_convert_makes_eight_bit_colour_of_finite_numbers(tmp_path):
    for file, red in [
        (content(DEEP), 140),
        (FLOATS, 255),
        (content(Image.new("RGB", (20, 12), (140, 0, 0)), transparency=(140, 0, 0)), 255),
        (content(flat(140), "WEBP", lossless=True, **TWO), 140),
    ]:
        assert np.all(red_of(file, tmp_path, convert=True) == red)
    with pytest.raises(app.PictureError, match="holds values that are no finite numbers: save it again"):
        red_of(SPOILT, tmp_path, convert=True)


def test_photographs_as_cameras_save_them(tmp_path):
    """Turned upright, scaled with smoothing, and an MPO is one picture."""
    stored = Image.fromarray(np.repeat(np.array([[[200, 0, 0]] * 8, [[20, 0, 0]] * 8], np.uint8), 4, axis=0))
    exif = stored.getexif()
    exif[0x0112] = 6  # turn a quarter to the right to view: the top row becomes the right column
    red = red_of(content(stored, exif=exif), tmp_path)
    assert np.all(red[:, -2:] > 190) and np.all(red[:, :2] < 30)

    stripes = np.tile(np.uint8([[[200], [0]]]), (64, 32, 3))
    assert red_of(content(Image.fromarray(stripes)), tmp_path) == pytest.approx(100, abs=10)
    assert red_of(content(flat(140), "MPO", **TWO), tmp_path) == pytest.approx(140, abs=3)


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (None, "there is no model file {}: run lab 08, which saves it"),
        (b"PK", "{} cannot be read as a Keras model (BadZipFile): run lab 08 again"),
        ([None, PROBABILITY], "{} takes shape None and gives None, not square colour pictures and one probability"),
        ([(SIDE, SIDE + 1, 3), FLAT, PROBABILITY], "{} takes shape (None, 8, 9, 3) and gives (None, 1), not square"),
        ([(None, None, 3), PROBABILITY], "{} takes shape (None, None, None, 3) and gives (None, None, None, 1), not"),
        ([PIXELS, FLAT, ("Dense", 2)], "{} takes shape (None, 8, 8, 3) and gives (None, 2), not square"),
        ([PIXELS, ("Embedding", 4, 1), FLAT, PROBABILITY], "the model cannot judge a picture ("),
        ([PIXELS, ("GlobalMaxPooling2D",), ("Dense", 1, None, False, "ones")], "the model gives 160, which is no pro"),
    ],
)
@pytest.mark.filterwarnings("ignore:You are saving a model that has not yet been built")
def test_another_model_is_one_clear_line(tmp_path, dog, run, file, message):
    path = tmp_path / "model.keras"
    if isinstance(file, bytes):
        path.write_bytes(file)
    elif file:
        network(*file).save(path)
    code, out, [told] = run(dog, model=path)
    assert (code, out) == (1, [])
    assert told.startswith(f"cats_or_dogs.py: {message.format(path)}") and "lab 08" in told


@pytest.mark.parametrize(("suffix", "message"), [(".h5", r"is no \.keras file"), (".keras", "cannot be read as a Ker")])
def test_no_code_of_a_model_file_runs(tmp_path, suffix, message):
    """With Keras 3.10, a function of Keras's own could load another file or switch the safe mode off."""
    import keras

    path, mark = tmp_path / f"foreign{suffix}", str(tmp_path / "mark")
    functions = [lambda inputs: (__import__("os").makedirs(mark, exist_ok=True), inputs)[1], keras.activations.relu]
    for function in functions:
        network(PIXELS, ("Lambda", function), FLAT, PROBABILITY).save(path)
        shutil.rmtree(mark, ignore_errors=True)
        with pytest.raises(app.ModelError, match=message):
            app.load(path)
        assert not (tmp_path / "mark").exists()


def test_a_python_without_the_courses_packages(run, dog, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    code, _, [told] = run(dog)
    assert code == 1 and "this Python has no package keras: run the program with the course's own" in told
