"""The formats of the full sets, read from small files made here."""

import gzip
import io
import json
import struct
import tarfile

import numpy as np
import pytest
from PIL import Image

from utils.data import formats, sets

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


def python2_pickle(data, labels):
    """{"data": uint8 array, "labels": list} as Python 2 pickled it, whose strings are bytes to Python 3."""

    def string(text):
        return b"T" + struct.pack("<i", len(text)) + text

    def integers(values):
        return b"".join(b"J" + struct.pack("<i", value) for value in values)

    dtype = b"cnumpy\ndtype\n(" + string(b"u1") + integers([0, 1]) + b"tR(" + integers([3]) + string(b"|")
    dtype += b"NNN" + integers([-1, -1, 0]) + b"tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(" + integers([0]) + b"t" + string(b"b") + b"tR("
    array += integers([1]) + b"(" + integers(data.shape) + b"t" + dtype + b"I00\n" + string(data.tobytes()) + b"tb"
    listed = b"](" + integers(labels.tolist()) + b"e"
    return b"\x80\x02}(" + string(b"data") + array + string(b"labels") + listed + b"u."


def test_cifar_batches():
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for number, name in enumerate([*(f"data_batch_{batch}" for batch in range(1, 6)), "test_batch"]):
            rows = slice(2 * number, 2 * number + 2)
            planes = CIFAR[rows].transpose(0, 3, 1, 2).reshape(2, 3072)  # all red values, all green, all blue
            batch = python2_pickle(planes, LABELS[rows])
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(batch)
            archive.addfile(entry, io.BytesIO(batch))
    assert_cifar(formats.cifar_batches({"cifar-10-python.tar.gz": content.getvalue()}))


def test_cifar_strips():
    files = {
        "package/train_lables.json": json.dumps(LABELS[:10].tolist()).encode(),
        "package/test_lables.json": json.dumps(LABELS[10:].tolist()).encode(),
    }
    for number, name in enumerate([*(f"data_batch_{batch}" for batch in range(1, 6)), "test_batch"]):
        strip = io.BytesIO()
        Image.fromarray(CIFAR[2 * number : 2 * number + 2].reshape(2, 1024, 3)).save(strip, "png")
        files[f"package/{name}.png"] = strip.getvalue()
    assert_cifar(formats.cifar_strips(files))


def test_idx_array():
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    content = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4]) + values.tobytes()
    np.testing.assert_array_equal(formats.idx_array(content), values)
    with pytest.raises(ValueError, match="no IDX file of bytes"):
        formats.idx_array(gzip.compress(content))


def test_cats_vs_dogs_archive_is_kept_as_it_comes():
    assert sets.CATS_VS_DOGS.sources[0].decode({"cats_and_dogs_filtered.zip": b"content"}) == b"content"
