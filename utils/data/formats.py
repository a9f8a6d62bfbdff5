"""The file formats in which the full sets come, each read into four arrays named as in ARRAYS."""

import gzip
import io
import json
import pickle
import tarfile

import numpy as np

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


def tar_members(file, mode):
    """The regular files of a tar archive as {name: bytes}; nothing is unpacked to disk.

    `file` is open for reading bytes, `mode` as in tarfile.open.
    """
    with tarfile.open(fileobj=file, mode=mode) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isreg()}


def keras_npz(files):
    """MNIST as keras.datasets ships it, one .npz file: {name: array}."""
    with np.load(io.BytesIO(files["mnist.npz"]), allow_pickle=False) as stored:
        return {name: stored[name] for name in ARRAYS}


def idx(files, folder="", suffix=""):
    """Four files in MNIST's own IDX format (gzipped where `suffix` is ".gz"): {name: array}."""

    def array(name):
        content = files[folder + name + suffix]
        return idx_array(gzip.decompress(content) if suffix == ".gz" else content)

    return {
        "x_train": array("train-images-idx3-ubyte"),
        "y_train": array("train-labels-idx1-ubyte"),
        "x_test": array("t10k-images-idx3-ubyte"),
        "y_test": array("t10k-labels-idx1-ubyte"),
    }


def idx_array(content):
    """The uint8 array in an IDX file: two zero bytes, type 8, the number of axes, their lengths, the values."""
    if content[:3] != b"\0\0\x08":
        raise ValueError("it is no IDX file of bytes")
    axes = content[3]
    shape = np.frombuffer(content, ">u4", count=axes, offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


def cifar_batches(files):
    """CIFAR-10 as its authors ship it, pickles in a tar archive: {name: array}.

    A pickle can run code when it is read, so the archive's SHA-256 must have been checked before.
    """
    members = tar_members(io.BytesIO(files["cifar-10-python.tar.gz"]), "r:gz")

    def split(*names):
        batches = [pickle.loads(members[f"cifar-10-batches-py/{name}"], encoding="bytes") for name in names]
        planes = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
        labels = np.concatenate([batch[b"labels"] for batch in batches]).astype(np.uint8)
        return planes.transpose(0, 2, 3, 1), labels  # colour planes first in the file, colours last in the array

    x_train, y_train = split(*(f"data_batch_{number}" for number in range(1, 6)))
    x_test, y_test = split("test_batch")
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


def cifar_strips(files):
    """CIFAR-10 as PNG files with one image of 32 × 32 pixels in each row, and labels in JSON: {name: array}."""
    from PIL import Image

    def images(*names):
        rows = []
        for name in names:
            with Image.open(io.BytesIO(files[f"package/{name}.png"])) as strip:
                rows.append(np.asarray(strip.convert("RGB")).reshape(-1, 32, 32, 3))
        return np.concatenate(rows)

    def labels(name):
        return np.array(json.loads(files[f"package/{name}.json"]), np.uint8)

    return {
        "x_train": images(*(f"data_batch_{number}" for number in range(1, 6))),
        "y_train": labels("train_lables"),  # spelt so in the package
        "x_test": images("test_batch"),
        "y_test": labels("test_lables"),
    }
