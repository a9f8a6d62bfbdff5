"""Draw the samples that ship with the course from the full sets, and write them into this folder.

Run it in the course's folder: python -m data.make_samples
It fetches what the cache does not hold and prints the SHA-256 of each file, which belong
into utils/data/sets.py. Another version of Pillow or zlib may pack the same
pixels into other bytes.
"""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from utils import data
from utils.data.samples import SIDE
from utils.data.sets import CATS_VS_DOGS, CIFAR10, FASHION_MNIST, MNIST

HERE = Path(__file__).resolve().parent
SEED = 0
CLASSES = 10
SIZES = {MNIST.sample: (10000, 2000), FASHION_MNIST.sample: (10000, 2000), CIFAR10.sample: (5000, 1000)}
KINDS = {"cats": 3, "dogs": 5}  # their labels in CIFAR-10


def stratified(labels, size, random):
    """Rows of a sample with as many of each class, in the order of the full set: int array, shape (size,)."""
    each = size // CLASSES
    rows = [random.choice(np.flatnonzero(labels == label), each, replace=False) for label in range(CLASSES)]
    return np.sort(np.concatenate(rows))


def draw(full, sizes):
    """Stratified samples of both splits of a full set ((x_train, y_train), (x_test, y_test)), in the same form."""
    random = np.random.default_rng(SEED)
    rows = [stratified(labels, size, random) for (_, labels), size in zip(full, sizes, strict=True)]
    return tuple((images[chosen], labels[chosen]) for (images, labels), chosen in zip(full, rows, strict=True))


def sheet(images):
    """SIDE · SIDE images as one array, SIDE rows of SIDE images."""
    height, width, *colours = images.shape[1:]
    grid = images.reshape(SIDE, SIDE, height, width, *colours)
    return grid.swapaxes(1, 2).reshape(SIDE * height, SIDE * width, *colours)


def pack(sample, path):
    """Write a sample as sheets and labels into the zip archive `path`, in the layout utils.data.samples reads."""
    with zipfile.ZipFile(path, "w") as archive:
        for split, (images, labels) in zip(("train", "test"), sample, strict=True):
            for number, start in enumerate(range(0, len(images), SIDE * SIDE)):
                packed = io.BytesIO()
                picture = Image.fromarray(sheet(images[start : start + SIDE * SIDE])).convert("RGB")
                picture.save(packed, "webp", lossless=True, method=6)
                add(archive, f"{split}/{number:03d}.webp", packed.getvalue())
            lines = ("".join(map(str, line)) for line in labels.reshape(-1, SIDE))
            add(archive, f"{split}/labels.txt", "\n".join(lines).encode(), zipfile.ZIP_DEFLATED)


def pack_pictures(cifar, path):
    """Draw cats and dogs from CIFAR-10 and write them as PNG files into the zip archive `path`.

    A file's number is the picture's row in CIFAR-10's training or test split.
    """
    random = np.random.default_rng(SEED)
    with zipfile.ZipFile(path, "w") as archive:
        for folder, count in CATS_VS_DOGS.counts.items():
            split, kind = folder.split("/")
            images, labels = cifar[("train", "validation").index(split)]
            for row in np.sort(random.choice(np.flatnonzero(labels == KINDS[kind]), count, replace=False)):
                packed = io.BytesIO()
                Image.fromarray(images[row]).save(packed, "png", optimize=True)
                add(archive, f"{folder}/{kind[:-1]}.{row:05d}.png", packed.getvalue())


def add(archive, name, content, compression=zipfile.ZIP_STORED):
    """Add a file to an open zip archive, with the same date each time, so that the archive stays the same."""
    archive.writestr(zipfile.ZipInfo(name), content, compression)


def main():
    cifar = data.cifar10(mode="full")
    pack(draw(data.mnist(mode="full"), SIZES[MNIST.sample]), HERE / MNIST.sample)
    pack(draw(data.fashion_mnist(mode="full"), SIZES[FASHION_MNIST.sample]), HERE / FASHION_MNIST.sample)
    pack(draw(cifar, SIZES[CIFAR10.sample]), HERE / CIFAR10.sample)
    pack_pictures(cifar, HERE / CATS_VS_DOGS.sample)
    for path in sorted(HERE.glob("*.zip")):
        print(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())


if __name__ == "__main__":
    main()
