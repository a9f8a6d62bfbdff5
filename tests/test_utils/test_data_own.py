"""Pictures of the reader's own: copied so that Keras can read them, or refused in one sentence."""

import numpy as np
import pytest
from PIL import Image

from utils import data

pytestmark = pytest.mark.usefixtures("temporary")
RED, BLUE = (200, 20, 20), (20, 20, 200)
JUNK = {"Thumbs.db": b"x", ".DS_Store": b"\0\0\0\1Bud", "IMG_1.HEIC": b"\0\0\0\x18ftyp", "half.jpg": b"\xff\xd8\xff"}


def fill(folder, count, colour=RED, size=(30, 20), **settings):
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", size, colour).save(folder / f"{number}.jpg", **settings)


@pytest.mark.parametrize("names", [("cats", "dogs"), ("cats", "dogs", "no animal")])
def test_each_folder_is_a_class_and_a_fifth_is_held_out(names, tmp_path, capsys):
    for count, name in enumerate(reversed(names), 10):
        fill(tmp_path / "mine" / name, count)
    (tmp_path / "mine" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "mine" / "note.txt").write_text("not a folder")
    for name, content in JUNK.items():
        (tmp_path / "mine" / "cats" / name).write_bytes(content)
    ready = data.my_pictures(tmp_path / "mine")
    for split, few in (("train", 8), ("validation", 2)):
        assert sorted(place.name for place in (ready / split).iterdir()) == list(names)
        assert len(list((ready / split / names[-1]).iterdir())) == few
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(str({name: number for number, name in enumerate(names)}))
    assert second == "Passed over, as no pictures that can be read here: .DS_Store, IMG_1.HEIC, Thumbs.db, half.jpg"


def test_copies_are_upright_in_colour_and_not_too_large(tmp_path):
    fill(tmp_path / "mine" / "a", 10)
    fill(tmp_path / "mine" / "b", 5, size=(1500, 1000))
    ramp = np.linspace(1000, 60000, 600).reshape(20, 30).astype(np.uint16)
    Image.fromarray(ramp).save(tmp_path / "mine" / "b" / "5.png")  # 16 bits, as scanners give them
    Image.new("RGBA", (30, 20), (0, 0, 0, 0)).save(tmp_path / "mine" / "b" / "6.png")
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    Image.new("L", (30, 20), 90).save(tmp_path / "mine" / "b" / "7.jpg", exif=exif)
    Image.new("RGBA", (30, 20), (*BLUE, 255)).save(tmp_path / "mine" / "b" / "8.webp", lossless=True)
    Image.new("P", (30, 20)).save(tmp_path / "mine" / "b" / "9.gif")
    ready = data.my_pictures(tmp_path / "mine")
    sizes, colours = {}, {}
    for path in ready.rglob("b/*.jpg"):
        with Image.open(path) as copy:
            assert (copy.format, copy.mode) == ("JPEG", "RGB")
            sizes[path.stem], colours[path.stem] = copy.size, np.asarray(copy).mean(axis=(0, 1))
    assert sizes["00000"] == (512, 341) and sizes["00007"] == (20, 30)
    np.testing.assert_allclose(colours["00005"], (127, 127, 127), atol=3)
    np.testing.assert_allclose(colours["00006"], (255, 255, 255), atol=3)  # transparent: white, as in the lab
    np.testing.assert_allclose(colours["00007"], (90, 90, 90), atol=3)
    np.testing.assert_allclose(colours["00008"], BLUE, atol=6)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (None, r"^There is no folder .*mine: check the path in my_pictures\.$"),
        ({}, r"mine holds 0 folder\(s\), and two or more are needed: put the pictures of each class into a folder "),
        ({"cats": 10}, r"mine holds 1 folder\(s\), and two or more are needed"),
        ({"cats": 10, "dogs": 9}, r"dogs holds 9 picture\(s\) that can be read, and 10 are needed: add some\.$"),
        (
            {"Train": 10, "val": 10},
            r"mine is split already: give a folder with one for each class, such as .*Train",
        ),
        ({"cats": 0, "dogs": 10}, r"cats holds 0 picture\(s\) that can be read"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(counts, said, tmp_path):
    for name, count in (counts or {}).items():
        fill(tmp_path / "mine" / name, count)
    if counts == {}:
        (tmp_path / "mine").mkdir()
    with pytest.raises(ValueError, match=said):
        data.my_pictures(tmp_path / "mine")
