"""Samples with lighter pictures."""

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.execute import COURSE
from tests.lighter import lighter
from utils.data import samples

SHEETS = {"fashion_mnist.zip": (28, 28), "cifar10.zip": (32, 32, 3)}


def part(name, count=3):
    """A sample of the course with the first `count` pictures of each folder only."""
    packed, kept = io.BytesIO(), {}
    with zipfile.ZipFile(COURSE / "data" / name) as archive, zipfile.ZipFile(packed, "w") as smaller:
        for entry in archive.infolist():
            folder, _, file = entry.filename.rpartition("/")
            kept[folder] = kept.get(folder, 0) + 1
            if kept[folder] <= count or file.endswith(".txt"):
                smaller.writestr(entry, archive.read(entry))
    return packed.getvalue()


def check(before, after):
    """Pixels are nearly as they were, and not exactly."""
    assert before.shape == after.shape and before.dtype == after.dtype == np.uint8
    loss = np.sqrt(np.mean((before.astype(float) - after) ** 2))
    assert 0 < loss < 0.025 * 255


@pytest.mark.parametrize(("name", "shape"), SHEETS.items())
def test_sheets_hold_the_same_pictures_and_labels(name, shape):
    content = part(name)
    light = lighter(content)
    assert len(light) < 0.85 * len(content)
    assert light == lighter(content), "twice the same"
    before, after = samples.read(content, shape), samples.read(light, shape)
    for split in ("train", "test"):
        check(before[f"x_{split}"], after[f"x_{split}"])
        np.testing.assert_array_equal(before[f"y_{split}"], after[f"y_{split}"])


def test_picture_files_keep_their_place_and_number():
    content = part("cats_vs_dogs.zip")
    light = lighter(content)
    assert len(light) < 0.85 * len(content) and light == lighter(content)
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(io.BytesIO(light)) as after:
        assert [name.replace(".png", ".jpeg") for name in before.namelist()] == after.namelist()
        for old, new in zip(before.namelist(), after.namelist(), strict=True):
            with Image.open(before.open(old)) as was, Image.open(after.open(new)) as picture:
                assert picture.format == "JPEG"
                check(np.asarray(was), np.asarray(picture))


def test_pictures_that_losses_would_not_make_smaller_stay():
    content = part("mnist.zip")
    before, after = samples.read(content, (28, 28)), samples.read(lighter(content), (28, 28))
    assert (before["x_train"] == after["x_train"]).all()


def test_an_archive_without_pictures_is_refused():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "a")
    with pytest.raises(ValueError, match="no WebP and no PNG picture"):
        lighter(packed.getvalue())
