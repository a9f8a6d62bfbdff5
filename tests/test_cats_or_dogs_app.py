"""The program of lab 08: a line for each good picture, a clear message for every other."""

import importlib.util
import io
import os
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from utils.runtime import COURSE

APP = COURSE / "labs" / "apps" / "cats_or_dogs.py"
SIDE = 8
AGAIN = "copy or download it again"
CURE = "save it as a JPEG in colour, or add --convert to have that done here"


@pytest.fixture(scope="module")
def app():
    spec = importlib.util.spec_from_file_location("cats_or_dogs", APP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_model(path, *, rows=SIDE, columns=SIDE, channels=3, outputs=1, weight=1.0):
    """A model that gives the logistic function of weight · (red of the top left pixel - 100) / 20."""
    import keras

    layers = [keras.layers.Flatten(), keras.layers.Dense(outputs, activation="sigmoid")]
    model = keras.Sequential([keras.Input((rows, columns, channels)), *layers])
    weights = np.zeros((rows * columns * channels, outputs))
    weights[0] = weight / 20
    model.set_weights([weights, np.full(outputs, -5.0 * weight)])
    model.save(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("trained") / "cats_or_dogs.keras")


@pytest.fixture(scope="module")
def loaded(app, model):
    return app.load(model)


@pytest.fixture
def run(app, loaded, capsys, monkeypatch):
    """Run the program with the model that is loaded once; the code, the lines of stdout and those of stderr."""

    def run(*arguments):
        monkeypatch.setattr(app, "load", lambda path: loaded)
        try:
            code = app.main(["--model", "loaded", *map(str, arguments)])
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code, out.splitlines(), err.splitlines()

    return run


def flat(red, mode="RGB", size=(20, 12)):
    """A picture of one colour: `red`, with little green and blue."""
    return Image.new("RGB", size, (red, 10, 10)).convert(mode)


def saved(path, picture, **settings):
    picture.save(path, **settings)
    return path


def head_only(path, width, height):
    """A PNG file that says how large it is and holds no pixels: decoding it fails."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    for kind, content in ((b"IHDR", header), (b"IDAT", b"no pixels"), (b"IEND", b"")):
        check = zlib.crc32(kind + content).to_bytes(4, "big")
        parts += [len(content).to_bytes(4, "big"), kind, content, check]
    path.write_bytes(b"".join(parts))
    return path


def truncated(path, kind):
    noise = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    whole = io.BytesIO()
    Image.fromarray(noise).save(whole, kind)
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    return path


def written(path, content):
    path.write_bytes(content)
    return path


def test_each_picture_gets_a_line(run, tmp_path):
    dog, cat = saved(tmp_path / "rex.png", flat(140)), saved(tmp_path / "tom.png", flat(80))
    even = saved(tmp_path / "even.png", flat(100))
    assert run(dog, cat, even) == (0, [f"{dog}: dog 0.881", f"{cat}: cat 0.731", f"{even}: dog 0.500"], [])


def test_in_a_process_of_its_own(model, tmp_path):
    dog, missing = saved(tmp_path / "rex.png", flat(140)), tmp_path / "missing.jpg"
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, "-X", "utf8", str(APP), "--model", str(model), str(missing), str(dog)],
        capture_output=True,
        encoding="utf-8",
        env=environment,
    )
    assert (result.returncode, result.stdout) == (2, f"{dog}: dog 0.881\n")
    told = [line for line in result.stderr.splitlines() if line.startswith("cats_or_dogs.py")]
    assert told == [f"cats_or_dogs.py: {missing} does not exist: check the path"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "does not exist: check the path"),
        (lambda path: path / "below" / "nothing.jpg", "does not exist: check the path"),
        (lambda path: path.parent, "is a folder: name the pictures in it"),
        (lambda path: written(path, b""), f"is empty (0 bytes): {AGAIN}"),
        (lambda path: written(path, b"a cat sat on a mat"), "is not a picture that can be read here: save it as JPEG"),
        (lambda path: written(path, b"<svg></svg>"), "is not a picture that can be read here"),
        (lambda path: written(path, b"%!PS-Adobe-3.0 EPSF-3.0\n"), "is not a picture that can be read here"),
        (lambda path: truncated(path, "JPEG"), "is damaged or cut off (image file is truncated"),
        (lambda path: truncated(path, "PNG"), "is damaged or cut off ("),
        (lambda path: truncated(path, "WEBP"), "is damaged or cut off ("),
        (lambda path: head_only(path, 20, 12), "is damaged or cut off ("),
        (
            lambda path: head_only(path, 10_000, 10_000),
            "is too large (10000 x 10000 pixels, 100 megapixels; the limit is 50 megapixels): scale it down first",
        ),
        (lambda path: head_only(path, 1_000_000, 51), "is too large (1000000 x 51 pixels, 51 megapixels; "),
        (lambda path: head_only(path, 60_000, 60_000), "is too large ("),
        (
            lambda path: saved(path, flat(140), format="GIF", save_all=True, append_images=[flat(80), flat(20)]),
            f"is a series of 3 pictures (animated, or of several pages): {CURE}",
        ),
        (
            lambda path: saved(path, flat(140), format="PNG", save_all=True, append_images=[flat(80)]),
            "is a series of 2 pictures (animated, or of several pages): ",
        ),
        (
            lambda path: saved(path, flat(140, "L"), format="PNG"),
            f"is grey, and the network learned from colour: {CURE}",
        ),
        (lambda path: saved(path, flat(140, "L"), format="JPEG"), "is grey, and the network learned from colour: "),
        (lambda path: saved(path, flat(140, "1"), format="PNG"), "is in black and white only: "),
        (lambda path: saved(path, flat(140, "RGBA"), format="PNG"), f"is partly transparent: {CURE}"),
        (lambda path: saved(path, flat(140, "LA"), format="PNG"), "is partly transparent: "),
        (lambda path: saved(path, flat(140, "P"), format="PNG", transparency=0), "is partly transparent: "),
        (lambda path: saved(path, flat(140, "CMYK"), format="JPEG"), f"is in colours for print (CMYK): {CURE}"),
        (
            lambda path: saved(path, Image.new("LAB", (20, 12)), format="TIFF"),
            f"is in the colours of CIE Lab: {CURE}",
        ),
        (
            lambda path: saved(path, sixteen_bit(140), format="PNG"),
            f"is of 16 bits or more for each pixel, not 8: {CURE}",
        ),
        (lambda path: saved(path, flat(140, "F"), format="TIFF"), "is of 16 bits or more for each pixel, not 8: "),
    ],
)
def test_a_bad_picture_is_told_and_the_others_are_classified(run, tmp_path, make, message):
    bad = make(tmp_path / "bad.png")
    good = saved(tmp_path / "rex.png", flat(140))
    code, out, err = run(bad, good)
    assert (code, out) == (2, [f"{good}: dog 0.881"])
    assert len(err) == 1 and err[0].startswith(f"cats_or_dogs.py: {bad} {message}")
    assert run(good, bad)[:2] == (2, [f"{good}: dog 0.881"])


def sixteen_bit(value):
    return Image.fromarray(np.full((12, 20), value * 257, np.uint16))


@pytest.mark.parametrize(
    ("make", "red"),
    [
        (lambda path: saved(path, Image.new("L", (20, 12), 140), format="PNG"), 140),
        (lambda path: saved(path, sixteen_bit(140), format="PNG"), 140),
        (lambda path: saved(path, Image.new("F", (20, 12), 0.5), format="TIFF"), 255),
        (lambda path: saved(path, Image.new("F", (20, 12), 0), format="TIFF"), 0),
        (lambda path: saved(path, Image.new("RGBA", (20, 12), (140, 0, 0, 255)), format="PNG"), 140),
        (lambda path: saved(path, Image.new("RGBA", (20, 12), (140, 0, 0, 0)), format="PNG"), 255),
        (lambda path: saved(path, Image.new("LA", (20, 12), (140, 0)), format="PNG"), 255),
        (
            lambda path: saved(path, Image.new("RGB", (20, 12), (140, 0, 0)), format="PNG", transparency=(140, 0, 0)),
            255,
        ),
        (lambda path: saved(path, Image.new("CMYK", (20, 12), (115, 0, 0, 0)), format="TIFF"), 140),
        (
            lambda path: saved(path, flat(140), format="WEBP", lossless=True, save_all=True, append_images=[flat(80)]),
            140,
        ),
    ],
)
def test_convert_makes_eight_bit_colour(app, tmp_path, make, red):
    pixels = app.read(make(tmp_path / "other"), SIDE, convert=True)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (SIDE, SIDE, 3))
    assert np.all(pixels[..., 0] == red)


def test_a_python_without_the_courses_packages(app, model, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "keras", None)
    assert app.main(["--model", str(model), str(tmp_path)]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert "this Python has no package keras: run the program with the course's own" in err


def test_convert_on_the_command_line(run, tmp_path):
    grey = saved(tmp_path / "grey.png", Image.new("L", (20, 12), 140))
    assert run("--convert", grey) == (0, [f"{grey}: dog 0.881"], [])


def test_convert_does_not_decode_what_is_too_large(run, tmp_path):
    large = head_only(tmp_path / "large.png", 10_000, 10_000)
    code, out, err = run("--convert", large)
    assert (code, out) == (2, []) and "is too large" in err[0]


def test_the_limit_itself_is_decoded(app, tmp_path):
    with pytest.raises(app.PictureError, match="damaged or cut off"):
        app.read(head_only(tmp_path / "wide.png", 1_000_000, 50), SIDE)


def test_large_pictures_make_no_warning(app, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(app.PictureError, match="too large"):
            app.read(head_only(tmp_path / "large.png", 10_000, 10_000), SIDE)


def test_a_picture_is_turned_upright(app, tmp_path):
    stored = Image.fromarray(np.repeat(np.array([[[200, 0, 0]] * 8, [[20, 0, 0]] * 8], np.uint8), 4, axis=0))
    exif = stored.getexif()
    exif[0x0112] = 6  # turn a quarter to the right to view: the top row becomes the right column
    exif_path = saved(tmp_path / "turned.png", stored, exif=exif)
    pixels = app.read(exif_path, SIDE)[..., 0]
    assert np.all(pixels[:, -2:] > 190) and np.all(pixels[:, :2] < 30)
    plain = app.read(saved(tmp_path / "plain.png", stored), SIDE)[..., 0]
    assert np.all(plain[:2] > 190) and np.all(plain[-2:] < 30)


def test_a_photograph_is_scaled_with_smoothing(app, tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    pixels = app.read(saved(tmp_path / "stripes.png", Image.fromarray(stripes)), SIDE)
    assert np.abs(pixels.astype(int) - 100).max() <= 10


def test_a_camera_s_mpo_is_one_picture(app, tmp_path):
    path = saved(tmp_path / "camera.jpg", flat(140), format="MPO", save_all=True, append_images=[flat(20)])
    assert np.abs(app.read(path, SIDE)[..., 0].astype(int) - 140).max() <= 3


@pytest.mark.skipif(os.name == "nt" or getattr(os, "geteuid", int)() == 0, reason="root and Windows read everything")
def test_a_picture_that_may_not_be_read(run, tmp_path):
    locked = saved(tmp_path / "locked.png", flat(140))
    locked.chmod(0)
    code, out, err = run(locked)
    assert (code, out, err) == (2, [], [f"cats_or_dogs.py: {locked} cannot be read (Permission denied)"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_not_waited_for(run, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert run(tmp_path / "pipe")[2] == [f"cats_or_dogs.py: {tmp_path / 'pipe'} is not a file"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path, "there is no model file {path}: run lab 08, which saves it, and give its path"),
        (lambda path: path.parent, "there is no model file {path}: "),
        (lambda path: written(path, b""), "{path} cannot be read as a Keras model ("),
        (lambda path: written(path, b"PK no archive"), "{path} cannot be read as a Keras model ("),
        (
            lambda path: save_model(path, columns=SIDE + 1),
            "{path} takes shape (None, 8, 9, 3) and gives (None, 1), not ",
        ),
        (lambda path: save_model(path, channels=1), "{path} takes shape (None, 8, 8, 1) and gives (None, 1), not "),
        (lambda path: save_model(path, outputs=2), "{path} takes shape (None, 8, 8, 3) and gives (None, 2), not "),
        (lambda path: table_model(path), "{path} takes shape (None, 3) and gives (None, 1), not "),
        (
            lambda path: save_model(path, weight=np.nan),
            "the model gives nan, which is no probability: run lab 08 again",
        ),
        (lambda path: unbounded_model(path), "the model gives 140, which is no probability: run lab 08 again"),
    ],
)
def test_a_spoilt_model_is_one_clear_line(app, tmp_path, capsys, make, message):
    path = make(tmp_path / "model.keras")
    picture = saved(tmp_path / "rex.png", flat(140))
    code = app.main(["--model", str(path), str(picture)])
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert err.startswith("cats_or_dogs.py: " + message.format(path=path)) and len(err.splitlines()) == 1
    assert "lab 08" in err


def table_model(path):
    import keras

    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(path)
    return path


def unbounded_model(path):
    import keras

    pooling = keras.layers.GlobalMaxPooling2D()
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), pooling, keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [0.0], [0.0]])])
    model.save(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["rex.png"], "the following arguments are required: --model"),
        (["--model", "cats_or_dogs.keras"], "the following arguments are required: PICTURE"),
    ],
)
def test_what_the_command_needs(app, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        app.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
