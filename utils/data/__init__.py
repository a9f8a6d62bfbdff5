"""One loader per data set, one switch for all: the sample that ships with the course, or the full set.

The mode is runtime.data_mode()'s, unless a loader is called with mode="sample" or mode="full". Samples never
touch the network. Full sets come from the cache folder (data/cache, or LABS_DATA_DIR), then from their official
address, then from a mirror, and are kept in the cache. Each loader prints one line that says what it loaded.
"""

import io

import numpy as np

from utils import runtime
from utils.data import fetch, folders, samples, sets
from utils.data.fetch import DataError
from utils.data.own import my_pictures
from utils.data.photographs import photograph
from utils.data.sets import CIFAR10_CLASSES, FASHION_CLASSES

__all__ = ["CIFAR10_CLASSES", "FASHION_CLASSES", "SAMPLES", "DataError"]
__all__ += ["admissions", "cats_vs_dogs", "chelsea", "cifar10", "cifar_body", "course_text", "elnino", "emails"]
__all__ += ["fashion_mnist", "house_prices", "houses", "mnist", "mortgages", "my_pictures", "photograph"]

SAMPLES = {file.split(".")[0]: file for file in sets.SHIPPED}
"""The file in data/ that each loader reads in sample mode, as {"mnist": "mnist.zip"}: it has the loader's name."""


def mnist(mode=None):
    """MNIST, handwritten digits: ((x_train, y_train), (x_test, y_test)).

    x: uint8, shape (n, 28, 28), images × rows × columns, 0 (paper) to 255 (ink). y: uint8, shape (n,), the digit.
    n: 10000 and 2000 in the sample, 60000 and 10000 in the full set.
    Raises DataError when the data are not to be had, ValueError for an unknown mode.
    Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database of handwritten digits.
    """
    return _images(sets.MNIST, mode)


def fashion_mnist(mode=None):
    """Fashion-MNIST, articles of clothing: ((x_train, y_train), (x_test, y_test)).

    x: uint8, shape (n, 28, 28), images × rows × columns, 0 (background) to 255. y: uint8, shape (n,), an index
    into FASHION_CLASSES. n: 10000 and 2000 in the sample, 60000 and 10000 in the full set.
    Raises DataError when the data are not to be had, ValueError for an unknown mode.
    Source: H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747.
    """
    return _images(sets.FASHION_MNIST, mode)


def cifar10(mode=None):
    """CIFAR-10, small colour photographs: ((x_train, y_train), (x_test, y_test)).

    x: uint8, shape (n, 32, 32, 3), images × rows × columns × (red, green, blue). y: uint8, shape (n,), an index
    into CIFAR10_CLASSES. n: 5000 and 1000 in the sample, 50000 and 10000 in the full set.
    Raises DataError when the data are not to be had, ValueError for an unknown mode.
    Source: A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """
    return _images(sets.CIFAR10, mode)


def cats_vs_dogs(mode=None):
    """Pictures of cats and dogs as files: the pathlib.Path of a folder with train and validation, each with cats, dogs.

    1000 cats and 1000 dogs in train, 500 and 500 in validation. In the sample they are CIFAR-10's, 32 × 32 pixels,
    PNG; in the full set photographs of many sizes, JPEG, from cats_and_dogs_filtered.zip. They are unpacked into
    the cache folder or, where that cannot be written, into a temporary folder that goes when Python ends.

    Raises DataError when the data are not to be had, ValueError for an unknown mode.
    """
    chosen, pictures, origin = _loaded(sets.CATS_VS_DOGS, sets.CATS_VS_DOGS.check, mode)
    folder = folders.unpacked(pictures, fetch.cache_folder() / f"cats_vs_dogs_{chosen}")
    cats, dogs, more_cats, more_dogs = sets.CATS_VS_DOGS.counts.values()
    print(
        f"Cats vs dogs, {chosen}: {cats} cats and {dogs} dogs for training, "
        f"{more_cats} cats and {more_dogs} dogs for validation{origin}"
    )
    return folder


def chelsea():
    """A photograph of a cat: the pathlib.Path of a JPEG file, 451 × 300 pixels.

    Raises DataError when the file is missing or altered. Source: S. van der Walt, CC0.
    """
    samples.shipped("chelsea.jpg")
    return runtime.COURSE / "data" / "chelsea.jpg"


def cifar_body():
    """The weights of a network trained on CIFAR-10's kinds other than cat and dog: {name: float32 array}.

    Names tell layer and weight, as in conv1_kernel and norm1_gamma; they stand in the order in which Keras keeps them,
    those of the last layer, head_kernel and head_bias, at the end. data/README.md tells how they were trained.
    Raises DataError when the file is missing or altered.
    """
    with np.load(io.BytesIO(samples.shipped("cifar_body.npz"))) as stored:
        return {name: stored[name].astype(np.float32) for name in stored.files}


def house_prices():
    """Eight houses: sizes in 10 m² and prices in 10 000, two float arrays of shape (8,).

    Raises DataError when the file is missing or altered.
    """
    return tuple(_table("house_prices.csv").T)


def houses():
    """200 invented houses: features, float, shape (200, 3), and prices in 1000 euros, float, shape (200,).

    The features are area in m², bedrooms and age in years; data/README.md tells the rule behind the prices.
    Raises DataError when the file is missing or altered.
    """
    table = _table("houses.csv")
    return table[:, :3], table[:, 3]


def admissions():
    """100 invented students: points in two exams, float, shape (100, 2), and admitted or not, float, shape (100,).

    Points go from 0 to 100; admitted is 1.0 or 0.0; data/README.md tells the rule behind it.
    Raises DataError when the file is missing or altered.
    """
    table = _table("admissions.csv")
    return table[:, :2], table[:, 2]


def emails():
    """3921 real e-mails of one account, January to March 2012: {column: float array of shape (3921,)}, 21 columns.

    spam is 1.0 or 0.0 and hours the time of arrival, in hours since 2012 began; the others count or tell what the
    message has, num_char in thousands of characters, number as 0 none, 1 small, 2 big; data/README.md tells each.
    Raises DataError when the file is missing or altered. Source: D. Diez, R package openintro, GPL 3.
    """
    return _columns("emails.csv")


def mortgages():
    """2380 real applications for a mortgage, Boston, 1990: {column: float array of shape (2380,)}, 14 columns.

    deny is 1.0 where the bank refused, else 0.0, and afam 1.0 where the applicant is African-American; pirat, hirat and
    lvrat are ratios, unemp is in percent; data/README.md tells each.
    Raises DataError when the file is missing or altered. Source: A. Munnell and others, R package AER, GPL 2 or 3.
    """
    return _columns("mortgages.csv")


def elnino():
    """The sea's surface temperature off Peru in °C, a mean for each month: float array of shape (732,).

    January 1950 comes first, December 2010 last. Raises DataError when the file is missing or altered.
    Source: US National Oceanic and Atmospheric Administration, ERSST.V3B, Nino 1+2; public domain, says statsmodels.
    """
    return _table("elnino.csv")[:, 2]


def course_text():
    """1328 sentences from the labs of this course, one after another: text of 94127 characters, of 60 kinds at most.

    The letters from A to Z and from a to z, the blank, and .,:;?'- are all that occur.
    Raises DataError when the file is missing or altered.
    """
    return samples.shipped("course_text.txt").decode().rstrip("\n").replace("\n", " ")


def _loaded(dataset, read_sample, mode):
    """The mode in force, the content of the sample or full set, and the words on where a full set comes from."""
    if mode not in (None, *runtime.MODES):
        raise ValueError(f"mode={mode!r}, but data come as 'sample' or 'full': choose one of the two")
    chosen = mode or runtime.data_mode()
    if chosen == "sample":
        return chosen, read_sample(samples.shipped(dataset.sample)), ""
    content, place = fetch.obtain(dataset)
    return chosen, content, f", from {place}"


def _images(dataset, mode):
    chosen, arrays, origin = _loaded(dataset, lambda sample: samples.read(sample, dataset.shape), mode)
    x_train, y_train, x_test, y_test = arrays.values()
    print(f"{dataset.name}, {chosen}: {len(x_train)} training and {len(x_test)} test images{origin}")
    return (x_train, y_train), (x_test, y_test)


def _table(name):
    """The numbers of a CSV file that ships with the course, without its header line: float, shape (rows, columns)."""
    return np.loadtxt(io.StringIO(samples.shipped(name).decode()), delimiter=",", skiprows=1)


def _columns(name):
    """The same as {name in the header line: column, float, shape (rows,)}."""
    names = samples.shipped(name).decode().partition("\n")[0].split(",")
    return dict(zip(names, _table(name).T.copy(), strict=True))
