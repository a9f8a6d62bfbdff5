"""What ships in data/: the samples as they load, the files behind them, how they were drawn, and what README says."""

import contextlib
import importlib.util
import io
import re
import runpy
import shutil
import types
import zipfile

import numpy as np
import pytest
from PIL import Image

from utils import data, runtime
from utils.data import files, samples, sets

FOLDER = runtime.COURSE / "data"
SETS = [
    # loader, first line of its report, shape of an image, training and test images,
    # pixel sums of both, first ten training labels, SHA-256 of the four arrays
    pytest.param(
        data.mnist,
        "MNIST, sample: 10000 training and 2000 test images",
        (28, 28),
        (10000, 2000),
        (263012171, 53187491),
        "3469092794",
        ("97ef92091c196edf", "d5938b9a96a138f0", "2737eb54ca55378b", "47f031a3aa393249"),
        id="mnist",
    ),
    pytest.param(
        data.fashion_mnist,
        "Fashion-MNIST, sample: 10000 training and 2000 test images",
        (28, 28),
        (10000, 2000),
        (567829224, 113985925),
        "0399642754",
        ("b5ac2288c4e9e3f8", "caaf5e91aba442ef", "0a01fd1b920badd3", "43319a9e67950488"),
        id="fashion_mnist",
    ),
    pytest.param(
        data.cifar10,
        "CIFAR-10, sample: 5000 training and 1000 test images",
        (32, 32, 3),
        (5000, 1000),
        (1845596446, 374029233),
        "9977945923",
        ("0440e94a8a074b21", "edaae66835e894fc", "7908bcf6d9968433", "f1e22627bb36ab2c"),
        id="cifar10",
    ),
]


def script(name):
    """A script of the data folder as a module."""
    specification = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


MAKE_HOUSES = script("make_houses")
MAKE_SAMPLES = script("make_samples")
CATS_AND_DOGS = {"train/cats": 1000, "train/dogs": 1000, "validation/cats": 500, "validation/dogs": 500}
SUMS_OF_PICTURES = {
    "train/cats": 355270979,
    "train/dogs": 361005220,
    "validation/cats": 174847771,
    "validation/dogs": 182743941,
}


@pytest.fixture(autouse=True)
def _sample_mode(monkeypatch, tmp_path):
    monkeypatch.delenv("LABS_DATA", raising=False)
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "_chosen_mode", None)


# -------------------------------------------------------------------------------------------- as they are loaded


@pytest.mark.parametrize(("load", "line", "shape", "sizes", "sums", "labels", "digests"), SETS)
def test_image_samples(load, line, shape, sizes, sums, labels, digests, capsys, tmp_path):
    (x_train, y_train), (x_test, y_test) = load()
    assert capsys.readouterr().out == f"{line}\n"
    assert (x_train.shape, x_test.shape) == ((sizes[0], *shape), (sizes[1], *shape))
    assert (y_train.shape, y_test.shape) == ((sizes[0],), (sizes[1],))
    assert {array.dtype for array in (x_train, y_train, x_test, y_test)} == {np.dtype(np.uint8)}
    assert (x_train.sum(dtype=np.int64), x_test.sum(dtype=np.int64)) == sums
    assert (x_train.min(), x_train.max(), x_test.min(), x_test.max()) == (0, 255, 0, 255)
    assert "".join(map(str, y_train[:10])) == labels
    for split, size in ((y_train, sizes[0]), (y_test, sizes[1])):
        assert np.bincount(split).tolist() == [size // 10] * 10
    arrays = (x_train, y_train, x_test, y_test)
    assert tuple(files.sha256(np.ascontiguousarray(array).reshape(-1))[:16] for array in arrays) == digests
    assert not (tmp_path / "cache").exists()
    assert x_train.flags.writeable


def test_digits_stand_upright():
    """Ones are tall strokes in the middle, zeros are empty there; labels belong to their images."""
    (images, labels), _ = data.mnist()
    ones, zeros = (images[labels == digit].mean(axis=0) for digit in (1, 0))
    assert ones[:, 14].sum() > 2 * ones[14, :].sum()
    assert ones[14, 14] > 200 > 50 > zeros[14, 14]
    fives = images[labels == 5].mean(axis=0)
    assert fives[8, 15:22].sum() > fives[8, 6:13].sum()  # the bar at the top right: neither mirrored nor turned


def test_colours_are_in_order():
    """Frogs are greenish, ships and airplanes bluish."""
    (images, labels), _ = data.cifar10()
    red, green, blue = images[labels == data.CIFAR10_CLASSES.index("ship")].mean(axis=(0, 1, 2))
    assert blue > green > red
    red, green, blue = images[labels == data.CIFAR10_CLASSES.index("frog")].mean(axis=(0, 1, 2))
    assert green > red > blue or red > green > blue
    assert red - blue > 10


def test_class_names():
    clothes = "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    assert ", ".join(data.FASHION_CLASSES) == clothes
    assert " ".join(data.CIFAR10_CLASSES) == "airplane automobile bird cat deer dog frog horse ship truck"
    assert {type(data.FASHION_CLASSES), type(data.CIFAR10_CLASSES)} == {tuple}


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
    counts = dict.fromkeys(CATS_AND_DOGS, 0)
    sums = dict.fromkeys(CATS_AND_DOGS, 0)
    for name, picture in pixels.items():
        split, kinds, kind = re.fullmatch(r"(\w+)/(\w+)/(cat|dog)\.\d{5}\.png", name).groups()
        assert kinds == f"{kind}s"
        counts[f"{split}/{kinds}"] += 1
        sums[f"{split}/{kinds}"] += int(picture.sum(dtype=np.int64))
    assert counts == CATS_AND_DOGS
    assert sums == SUMS_OF_PICTURES


def test_cats_and_dogs_of_both_samples_agree(unpacked):
    """A picture drawn into both samples of CIFAR-10 has the same kind in both."""
    (x_train, y_train), (x_test, y_test) = data.cifar10()
    for split, images, labels in (("train", x_train, y_train), ("validation", x_test, y_test)):
        kinds = {image.tobytes(): data.CIFAR10_CLASSES[label] for image, label in zip(images, labels, strict=True)}
        shared = [
            (name.split("/")[1], f"{kinds[picture.tobytes()]}s")
            for name, picture in unpacked[2].items()
            if name.startswith(split) and picture.tobytes() in kinds
        ]
        assert len(shared) > 50
        assert all(folder_kind == kind for folder_kind, kind in shared)


# ------------------------------------------------------------------------------------------------- tables


def test_public_names():
    assert {name for name in data.__all__ if not hasattr(data, name)} == set()


def test_house_prices():
    sizes, prices = data.house_prices()
    assert sizes.tolist() == [0.2, 1, 2, 3, 5, 7, 9, 10]
    assert prices.tolist() == [0.2, 1.8, 4, 7, 11, 12, 14, 13]
    assert (sizes.dtype, prices.dtype) == (np.float64, np.float64)


def test_houses():
    features, prices = data.houses()
    assert (features.shape, prices.shape) == ((200, 3), (200,))
    assert (features.dtype, prices.dtype) == (np.float64, np.float64)
    for column, (low, high) in zip(features.T, ((40, 250), (1, 6), (0, 80)), strict=True):
        assert low <= column.min() < low + 0.05 * (high - low)
        assert high >= column.max() > high - 0.05 * (high - low)


def test_houses_follow_the_documented_rule():
    """Least squares finds the coefficients that make_houses.py and README name, and noise of the size named."""
    rule = [MAKE_HOUSES.PER_SQUARE_METRE, MAKE_HOUSES.PER_BEDROOM, MAKE_HOUSES.PER_YEAR, MAKE_HOUSES.BASE]
    features, prices = data.houses()
    columns = np.column_stack([features, np.ones(len(features))])
    found, residual, *_ = np.linalg.lstsq(columns, prices, rcond=None)
    np.testing.assert_allclose(found, rule, rtol=0.06)
    assert np.sqrt(residual[0] / len(prices)) == pytest.approx(MAKE_HOUSES.NOISE, rel=0.1)
    sentence = "price = {} + {} · area + {} · bedrooms − {} · age".format(*(f"{abs(rule[i]):g}" for i in (3, 0, 1, 2)))
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert sentence in readme
    assert f"standard deviation {MAKE_HOUSES.NOISE:g}" in readme


def test_houses_are_made_by_the_script(tmp_path):
    shutil.copy(FOLDER / "make_houses.py", tmp_path)
    runpy.run_path(str(tmp_path / "make_houses.py"), run_name="__main__")
    assert (tmp_path / "houses.csv").read_bytes() == (FOLDER / "houses.csv").read_bytes()
    header = "area_m2,bedrooms,age_years,price_1000"
    assert (tmp_path / "houses.csv").read_text().splitlines()[0] == header


# -------------------------------------------------------------------------------------- the files and README


def test_every_shipped_file_is_known_and_unaltered():
    shipped = [path for path in FOLDER.iterdir() if path.suffix in (".csv", ".zip")]
    assert {path.name: files.sha256(path.read_bytes()) for path in shipped} == sets.SHIPPED


def test_readme_lists_every_file_with_its_sha256():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `(\S+)` \|.*\| `([0-9a-f]{64})` \|$", readme, re.MULTILINE)) == sets.SHIPPED


def test_readme_lists_the_sha256_of_the_full_arrays():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for dataset in (sets.MNIST, sets.FASHION_MNIST, sets.CIFAR10):
        listed = re.findall(rf"^\| {dataset.name} \| `[xy]_\w+` \| `([0-9a-f]{{64}})` \|$", readme, re.MULTILINE)
        assert tuple(listed) == dataset.hashes


def test_samples_are_small():
    cached = FOLDER / "cache"
    sizes = [path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and cached not in path.parents]
    assert sum(sizes) < 24_000_000


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A course whose data folder holds only house_prices.csv and mnist.zip."""
    folder = tmp_path / "course" / "data"
    folder.mkdir(parents=True)
    for name in ("house_prices.csv", "mnist.zip"):
        shutil.copy(FOLDER / name, folder)
    monkeypatch.setattr(runtime, "COURSE", folder.parent)
    return folder


LOADERS = [
    (data.mnist, "mnist.zip"),
    (data.fashion_mnist, "fashion_mnist.zip"),
    (data.cifar10, "cifar10.zip"),
    (data.cats_vs_dogs, "cats_vs_dogs.zip"),
    (data.house_prices, "house_prices.csv"),
    (data.houses, "houses.csv"),
]


@pytest.mark.parametrize(("load", "name"), LOADERS)
def test_missing_file(load, name, course):
    (course / name).unlink(missing_ok=True)
    with pytest.raises(data.DataError) as caught:
        load()
    message = str(caught.value)
    assert f"The file {course / name}, which ships with the course, is missing." in message
    assert f"'git checkout -- data/{name}' in the course's folder {course.parent}" in message
    assert "or download the course again" in message


@pytest.mark.parametrize(("load", "name"), LOADERS)
def test_altered_file(load, name, course):
    content = bytearray((FOLDER / name).read_bytes())
    content[-20] ^= 1
    (course / name).write_bytes(content)
    with pytest.raises(data.DataError) as caught:
        load()
    message = str(caught.value)
    assert f"The file {course / name} is not the one that ships with the course" in message
    assert f"its SHA-256 is {files.sha256(content)} and should be {sets.SHIPPED[name]}. Restore it" in message
    assert f"'git checkout -- data/{name}'" in message


def test_unreadable_file(course):
    (course / "houses.csv").mkdir()
    said = r"^The file /\S*/houses\.csv, which ships with the course, cannot be read \(.*\)\. Restore it with 'git"
    with pytest.raises(data.DataError, match=said):
        data.houses()


def test_read_only_checkout(course):
    course.chmod(0o555)
    try:
        (images, _), _ = data.mnist()
        data.house_prices()
    finally:
        course.chmod(0o755)
    assert len(images) == 10000
    assert sorted(path.name for path in course.iterdir()) == ["house_prices.csv", "mnist.zip"]


# ------------------------------------------------------------------------------------ how they were drawn


def test_stratified_draw_in_the_order_of_the_full_set():
    labels = np.arange(1000) % 10
    images = np.arange(1000)
    train, test = MAKE_SAMPLES.draw(((images, labels), (images[:400], labels[:400])), (200, 50))
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
    MAKE_SAMPLES.pack(sample, tmp_path / "sample.zip")
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
    MAKE_SAMPLES.pack_pictures(full, tmp_path / "pictures.zip")
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


def test_make_samples_writes_all_four(tmp_path, monkeypatch, capsys):
    modes = []

    def full(mode):
        modes.append(mode)
        return tiny_cifar()

    monkeypatch.setattr(MAKE_SAMPLES, "HERE", tmp_path)
    monkeypatch.setattr(MAKE_SAMPLES, "data", types.SimpleNamespace(mnist=full, fashion_mnist=full, cifar10=full))
    monkeypatch.setattr(MAKE_SAMPLES, "SIZES", dict.fromkeys(MAKE_SAMPLES.SIZES, (100, 100)))
    monkeypatch.setattr(MAKE_SAMPLES, "stratified", lambda labels, size, random: np.arange(size))
    MAKE_SAMPLES.main()
    assert modes == ["full"] * 3
    written = sorted(tmp_path.iterdir())
    assert [path.name for path in written] == ["cats_vs_dogs.zip", "cifar10.zip", "fashion_mnist.zip", "mnist.zip"]
    lines = [f"{path.name} {path.stat().st_size} {files.sha256(path.read_bytes())}" for path in written]
    assert capsys.readouterr().out.splitlines() == lines


def test_sizes_and_seeds_are_those_of_the_readme():
    assert MAKE_SAMPLES.SIZES == {
        "mnist.zip": (10000, 2000),
        "fashion_mnist.zip": (10000, 2000),
        "cifar10.zip": (5000, 1000),
    }
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"(stratified), with seed {MAKE_SAMPLES.SEED} for each set" in readme
    assert f"with seed {MAKE_HOUSES.SEED} (`python data/make_houses.py`)" in readme


@pytest.mark.network
def test_samples_are_drawn_from_the_full_sets(unpacked, tmp_path):
    full = {name: getattr(data, name)("full") for name in ("mnist", "fashion_mnist", "cifar10")}
    for name, whole in full.items():
        drawn = MAKE_SAMPLES.draw(whole, MAKE_SAMPLES.SIZES[f"{name}.zip"])
        for (images, labels), (expected_images, expected_labels) in zip(getattr(data, name)(), drawn, strict=True):
            np.testing.assert_array_equal(images, expected_images)
            np.testing.assert_array_equal(labels, expected_labels)
    for name, picture in unpacked[2].items():
        split, kinds, file = name.split("/")
        images, labels = full["cifar10"][("train", "validation").index(split)]
        row = int(file.split(".")[1])
        np.testing.assert_array_equal(picture, images[row])
        assert f"{data.CIFAR10_CLASSES[labels[row]]}s" == kinds
    MAKE_SAMPLES.pack_pictures(full["cifar10"], tmp_path / "drawn.zip")
    with zipfile.ZipFile(tmp_path / "drawn.zip") as archive:
        assert set(archive.namelist()) == set(unpacked[2])
