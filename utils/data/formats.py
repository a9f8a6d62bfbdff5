"""The file formats in which the full sets come, each read into four arrays named as in ARRAYS."""

import io
import json
import pickle
import tarfile
import zlib
from pathlib import PurePosixPath

import numpy as np

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CIFAR_BATCHES = [f"data_batch_{number}" for number in range(1, 6)]
LIMIT = 500_000_000
"""Bytes that a file may unpack to; no full set needs half as many."""


def opened(paths):
    """The files at `paths` as {name: bytes}; in place of a tar archive those that it holds, without their folders.

    Nothing is unpacked to disk. Raises ValueError when an archive would grow beyond LIMIT.
    """
    files = {}
    for path in paths:
        packed = path.name.endswith((".tar", ".tar.gz", ".tgz"))
        files |= _members(path) if packed else {path.name: path.read_bytes()}
    return files


def _members(path):
    files, size = {}, 0
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                size += member.size
                if size > LIMIT:
                    raise ValueError(f"{path.name} unpacks to more than {LIMIT / 1e6:.0f} MB")
                if member.isreg():
                    files[PurePosixPath(member.name).name] = archive.extractfile(member).read()
    except tarfile.TarError as error:
        raise ValueError(f"{path.name} is no whole tar archive") from error
    return files


def keras_npz(files):
    """MNIST as keras.datasets ships it, one .npz file: {name: array}."""
    with np.load(io.BytesIO(files["mnist.npz"]), allow_pickle=False) as stored:
        return {name: stored[name] for name in ARRAYS}


def idx(files):
    """Four files in MNIST's own IDX format, each plain or gzipped: {name: array}."""
    arrays = {}
    for array, name in zip(ARRAYS, IDX_NAMES, strict=True):
        arrays[array] = idx_array(files[name] if name in files else _gunzipped(files, f"{name}.gz"))
    return arrays


def _gunzipped(files, name):
    content = zlib.decompressobj(wbits=31).decompress(files[name], LIMIT + 1)  # 31: with gzip's header
    if len(content) > LIMIT:
        raise ValueError(f"{name} unpacks to more than {LIMIT / 1e6:.0f} MB")
    return content


def idx_array(content):
    """The uint8 array in an IDX file: two zero bytes, type 8, the number of axes, their lengths, the values."""
    if content[:3] != b"\0\0\x08":
        raise ValueError("it is no IDX file of bytes")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def cifar_batches(files):
    """CIFAR-10 as its authors ship it, pickles: {name: array}.

    A pickle can run code when it is read, so the SHA-256 of the archive must have been checked before.
    """

    def split(*names):
        batches = [pickle.loads(files[name], encoding="bytes") for name in names]
        planes = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
        labels = np.concatenate([batch[b"labels"] for batch in batches]).astype(np.uint8)
        return planes.transpose(0, 2, 3, 1), labels  # colour planes first in the file, colours last in the array

    return dict(zip(ARRAYS, (*split(*CIFAR_BATCHES), *split("test_batch")), strict=True))


def cifar_strips(files):
    """CIFAR-10 as PNG files with one image of 32 × 32 pixels in each row, and labels in JSON: {name: array}."""
    from PIL import Image

    def images(*names):
        rows = []
        for name in names:
            with Image.open(io.BytesIO(files[f"{name}.png"])) as strip:
                rows.append(np.asarray(strip.convert("RGB")).reshape(-1, 32, 32, 3))
        return np.concatenate(rows)

    def labels(name):
        return np.array(json.loads(files[f"{name}.json"]), np.uint8)

    splits = images(*CIFAR_BATCHES), labels("train_lables"), images("test_batch"), labels("test_lables")  # spelt so
    return dict(zip(ARRAYS, splits, strict=True))
