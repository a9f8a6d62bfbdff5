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
    assert tuple(arrays) == formats.ARRAYS
    for array, expected in zip(arrays.values(), (CIFAR[:10], LABELS[:10], CIFAR[10:], LABELS[10:])):
        np.testing.assert_array_equal(array, expected, strict=True)


def batches(made):
    """{name: made(rows)} of the six files that CIFAR-10 comes in, two images in each."""
    names = [*formats.CIFAR_BATCHES, "test_batch"]
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
    for name, labels in (("train", LABELS[:10]), ("test", LABELS[10:])):
        files[f"{name}_lables.json"] = json.dumps(labels.tolist()).encode()
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
    with tarfile.open(tmp_path / "some.tgz", "w:gz") as archive:
        archive.add(loose, "../package/data/in")
        link = tarfile.TarInfo("package/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert formats.opened([loose, tmp_path / "some.tgz"]) == {"mnist.npz": b"loose", "in": b"loose"}


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte.gz", "plain.tar", "gzip.tgz"])
def test_file_that_grows_is_refused_with_little_memory(name, tmp_path, monkeypatch):
    monkeypatch.setattr(formats, "LIMIT", 4_000_000)
    path = tmp_path / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(bytes(40_000_000), 1))
    else:
        (tmp_path / "zeros").write_bytes(bytes(4_000_000))
        with tarfile.open(path, "w:gz" if name.endswith(".tgz") else "w") as archive:
            for number in range(10):
                archive.add(tmp_path / "zeros", str(number))
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"^{name} unpacks to more than 4 MB$"):
        formats.idx(formats.opened([path]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
