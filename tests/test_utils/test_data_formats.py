"""The formats of the full sets, read from small files made here."""

import gzip
import io
import json
import pickle
import tarfile
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from utils.data import formats

CIFAR = np.random.default_rng(1).integers(0, 256, (12, 32, 32, 3), np.uint8)
LABELS = np.array([6, 9, 9, 4, 1, 1, 2, 7, 8, 3, 0, 5], np.uint8)


def assert_cifar(arrays):
    """Five training batches of two images each and a test batch of two were read in order."""
    assert list(arrays) == list(formats.ARRAYS)
    np.testing.assert_array_equal(arrays["x_train"], CIFAR[:10])
    np.testing.assert_array_equal(arrays["x_test"], CIFAR[10:])
    np.testing.assert_array_equal(arrays["y_train"], LABELS[:10])
    np.testing.assert_array_equal(arrays["y_test"], LABELS[10:])
    assert {array.dtype for array in arrays.values()} == {np.dtype(np.uint8)}


def batches(made):
    """{name: made(rows)} of the six files that CIFAR-10 comes in, two images in each."""
    names = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]
    return {name: made(slice(2 * number, 2 * number + 2)) for number, name in enumerate(names)}


def test_cifar_batches():
    def batch(rows):
        planes = CIFAR[rows].transpose(0, 3, 1, 2).reshape(2, 3072)  # all red values, all green, all blue
        content = pickle.dumps({b"data": planes, b"labels": LABELS[rows].tolist()})
        return content.replace(b"C\x04data", b"U\x04data").replace(b"C\x06labels", b"U\x06labels")  # as Python 2 did

    assert_cifar(formats.cifar_batches(batches(batch)))


def test_cifar_strips():
    def strip(rows):
        content = io.BytesIO()
        Image.fromarray(CIFAR[rows].reshape(2, 1024, 3)).save(content, "png")
        return content.getvalue()

    files = {f"{name}.png": content for name, content in batches(strip).items()}
    files["train_lables.json"] = json.dumps(LABELS[:10].tolist()).encode()
    files["test_lables.json"] = json.dumps(LABELS[10:].tolist()).encode()
    assert_cifar(formats.cifar_strips(files))


def test_idx_array():
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + values.tobytes()
    np.testing.assert_array_equal(formats.idx_array(content), values)
    with pytest.raises(ValueError, match="no IDX file of bytes"):
        formats.idx_array(gzip.compress(content))


def test_opened(tmp_path):
    """Loose files stand beside those of archives; links and what leads elsewhere do no harm."""
    loose = tmp_path / "mnist.npz"
    loose.write_bytes(b"loose")
    path = tmp_path / "some.tgz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(loose, "../package/data/in")
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert formats.opened([loose, path]) == {"mnist.npz": b"loose", "in": b"loose"}


def gzipped(path, content):
    path.write_bytes(gzip.compress(content))


def tarred(path, content):
    """A tar archive of ten files; gzipped where its name says so."""
    with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
        for number in range(10):
            entry = tarfile.TarInfo(str(number))
            entry.size = len(content) // 10
            archive.addfile(entry, io.BytesIO(content))


GROWING = {"train-images-idx3-ubyte.gz": gzipped, "plain.tar": tarred, "gzip.tgz": tarred}


@pytest.mark.parametrize("name", GROWING)
def test_file_that_grows(name, tmp_path, monkeypatch):
    """It is refused with little memory used."""
    monkeypatch.setattr(formats, "LIMIT", 4_000_000)
    path = tmp_path / name
    GROWING[name](path, bytes(40_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=f"^{name} unpacks to more than 4 MB$"):
            formats.idx(formats.opened([path]))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
