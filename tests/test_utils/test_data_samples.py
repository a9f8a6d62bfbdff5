"""What ships in data/: the samples as they load, the files behind them, and how they were drawn."""

import collections
import contextlib
import hashlib
import io
import re
import runpy
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from data import make_houses, make_samples
from utils import data, runtime
from utils.data import samples

FOLDER = runtime.COURSE / "data"


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def _sample_mode(monkeypatch, tmp_path):
    monkeypatch.delenv("LABS_DATA", raising=False)
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "_chosen_mode", None)


@pytest.mark.parametrize(
    ("load", "line", "shape", "digest"),
    [
        (data.mnist, "MNIST, sample: 10000 training and 2000 test images", (28, 28), "a37d6052617a"),
        (data.fashion_mnist, "Fashion-MNIST, sample: 10000 training and 2000 test images", (28, 28), "0fd700a473ef"),
        (data.cifar10, "CIFAR-10, sample: 5000 training and 1000 test images", (32, 32, 3), "798f6b173f2a"),
    ],
)
def test_image_samples(load, line, shape, digest, capsys, tmp_path):
    arrays = [array for split in load() for array in split]
    assert capsys.readouterr().out == f"{line}\n"
    sizes = [int(number) for number in re.findall(r"(\d+) t", line)]
    assert [array.shape for array in arrays] == [(sizes[0], *shape), (sizes[0],), (sizes[1], *shape), (sizes[1],)]
    assert all(array.dtype == np.uint8 and array.flags.writeable for array in arrays)
    assert sha256(b"".join(array.tobytes() for array in arrays)).startswith(digest)
    assert not (tmp_path / "cache").exists()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The folder of cats_vs_dogs(), what it printed, and its pictures as {"train/cats/cat.00017.png": array}."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setenv("LABS_DATA_DIR", str(tmp_path_factory.mktemp("cats_vs_dogs")))
        folder = data.cats_vs_dogs("sample")
    pixels = {}
    for path in sorted(folder.glob("*/*/*")):
        with Image.open(path) as picture:
            assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (32, 32))
            pixels[path.relative_to(folder).as_posix()] = np.asarray(picture)
    return folder, printed.getvalue(), pixels


def test_cats_vs_dogs(unpacked):
    folder, printed, pixels = unpacked
    line = "1000 cats and 1000 dogs for training, 500 cats and 500 dogs for validation"
    assert printed == f"Cats vs dogs, sample: {line}\n"
    assert folder.name == "cats_vs_dogs_sample"
    places = collections.Counter(re.sub(r"(cat|dog)\.\d{5}\.png$", r"\1", name) for name in pixels)
    kinds = {"train/cats/cat": 1000, "train/dogs/dog": 1000, "validation/cats/cat": 500, "validation/dogs/dog": 500}
    assert places == kinds


def test_house_prices():
    sizes, prices = data.house_prices()
    assert sizes.tolist() == [0.2, 1, 2, 3, 5, 7, 9, 10]
    assert prices.tolist() == [0.2, 1.8, 4, 7, 11, 12, 14, 13]


def test_houses_follow_their_rule():
    """Least squares finds the coefficients that make_houses.py names, and noise of the size named."""
    rule = [make_houses.PER_SQUARE_METRE, make_houses.PER_BEDROOM, make_houses.PER_YEAR, make_houses.BASE]
    features, prices = data.houses()
    columns = np.column_stack([features, np.ones(len(features))])
    found, residual, *_ = np.linalg.lstsq(columns, prices, rcond=None)
    np.testing.assert_allclose(found, rule, rtol=0.06)
    assert np.sqrt(residual[0] / len(prices)) == pytest.approx(make_houses.NOISE, rel=0.1)


def test_houses_are_made_by_the_script(tmp_path):
    shutil.copy(FOLDER / "make_houses.py", tmp_path)
    runpy.run_path(str(tmp_path / "make_houses.py"), run_name="__main__")
    assert (tmp_path / "houses.csv").read_bytes() == (FOLDER / "houses.csv").read_bytes()


BROKEN = {
    "missing": (lambda path: path.unlink(), "which ships with the course, is missing or cannot be read ([Errno "),
    "altered": (lambda path: path.write_bytes(b"x"), "is not the one that ships with the course: its SHA-256 is 2d"),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize(("loader", "name"), data.SAMPLES.items())
def test_missing_or_altered_file(loader, name, kind, tmp_path, monkeypatch):
    do, said = BROKEN[kind]
    path = tmp_path / "data" / name
    path.parent.mkdir()
    path.touch()
    do(path)
    monkeypatch.setattr(runtime, "COURSE", tmp_path)
    with pytest.raises(data.DataError) as caught:
        getattr(data, loader)()
    message = str(caught.value)
    assert re.match(f"The file {re.escape(str(path))},? {re.escape(said)}", message)
    cure = f"Restore it with 'git checkout -- data/{name}' in the course's folder {tmp_path}"
    assert message.endswith(f". {cure}, or download the course again.")


def test_stratified_draw_in_the_order_of_the_full_set():
    labels = np.arange(1000) % 10
    images = np.arange(1000)
    train, test = make_samples.draw(((images, labels), (images[:400], labels[:400])), (200, 50))
    for (drawn, drawn_labels), size, limit in ((train, 200, 1000), (test, 50, 400)):
        assert np.bincount(drawn_labels).tolist() == [size // 10] * 10
        np.testing.assert_array_equal(drawn % 10, drawn_labels)
        assert (np.diff(drawn) > 0).all()
        assert drawn.max() < limit
    assert len(set(np.diff(train[0]).tolist())) > 3  # drawn at random, not every fifth


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_sheets_are_read_as_they_were_packed(shape, tmp_path):
    random = np.random.default_rng(2)

    def split(size):
        return random.integers(0, 256, (size, *shape), np.uint8), random.integers(0, 10, size, np.uint8)

    sample = split(300), split(100)
    make_samples.pack(sample, tmp_path / "sample.zip")
    arrays = samples.read((tmp_path / "sample.zip").read_bytes(), shape)
    assert list(arrays) == ["x_train", "y_train", "x_test", "y_test"]
    for array, expected in zip(arrays.values(), (*sample[0], *sample[1]), strict=True):
        np.testing.assert_array_equal(array, expected)


def tiny_cifar():
    """A full set of 2 × 2 pixels: every second image of each split is a cat or a dog, and no two are equal."""
    labels = np.array([3, 0, 5, 9] * 1100, np.uint8)
    numbers = np.arange(len(labels), dtype="<u4")
    images = np.zeros((len(labels), 2, 2, 3), np.uint8)
    images.reshape(-1, 12)[:, :4] = numbers.view(np.uint8).reshape(-1, 4)
    return (images, labels), (images + 100, labels)


def test_pictures_are_drawn_from_their_split(tmp_path):
    full = tiny_cifar()
    make_samples.pack_pictures(full, tmp_path / "pictures.zip")
    with zipfile.ZipFile(tmp_path / "pictures.zip") as archive:
        names = archive.namelist()
        assert len(set(names)) == 3000
        for name in names:
            split, folder, kind, row = re.fullmatch(r"(\w+)/(cats|dogs)/(cat|dog)\.(\d{5})\.png", name).groups()
            images, labels = full[("train", "validation").index(split)]
            assert folder == f"{kind}s"
            assert labels[int(row)] == {"cat": 3, "dog": 5}[kind]
            with archive.open(name) as file, Image.open(file) as picture:
                np.testing.assert_array_equal(np.asarray(picture), images[int(row)])
    assert names != sorted(names, key=lambda name: int(name[-9:-4]))
    assert names == sorted(names)


@pytest.mark.network
def test_samples_are_drawn_from_the_full_sets(unpacked, tmp_path):
    full = {name: getattr(data, name)("full") for name in ("mnist", "fashion_mnist", "cifar10")}
    for name, whole in full.items():
        drawn = make_samples.draw(whole, make_samples.SIZES[f"{name}.zip"])
        for (images, labels), (expected_images, expected_labels) in zip(getattr(data, name)(), drawn, strict=True):
            np.testing.assert_array_equal(images, expected_images)
            np.testing.assert_array_equal(labels, expected_labels)
    for name, picture in unpacked[2].items():
        split, kinds, file = name.split("/")
        images, labels = full["cifar10"][("train", "validation").index(split)]
        row = int(file.split(".")[1])
        np.testing.assert_array_equal(picture, images[row])
        assert f"{data.CIFAR10_CLASSES[labels[row]]}s" == kinds
    make_samples.pack_pictures(full["cifar10"], tmp_path / "drawn.zip")
    with zipfile.ZipFile(tmp_path / "drawn.zip") as archive:
        assert set(archive.namelist()) == set(unpacked[2])
