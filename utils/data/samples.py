"""What ships with the course: files in data/, and image samples, sheets of small pictures in a zip archive."""

import hashlib
import io
import zipfile

import numpy as np

from utils import runtime
from utils.data import sets
from utils.data.fetch import DataError

SIDE = 10
"""A sheet shows SIDE × SIDE images, row by row."""


def shipped(name):
    """The bytes of the file `name` in the course's data folder. DataError when it is missing, unreadable or altered."""
    path = runtime.COURSE / "data" / name
    cure = f"Restore it with 'git checkout -- data/{name}' in the course's folder {runtime.COURSE}"
    cure += ", or download the course again."
    try:
        content = path.read_bytes()
    except OSError as error:
        said = f"The file {path}, which ships with the course, is missing or cannot be read ({error})."
        raise DataError(f"{said} {cure}") from error
    found, expected = hashlib.sha256(content).hexdigest(), sets.SHIPPED[name]
    if found != expected:
        said = f"The file {path} is not the one that ships with the course: its SHA-256 is {found}"
        raise DataError(f"{said} and should be {expected}. {cure}")
    return content


def read(content, shape):
    """The sample in a zip archive (bytes): {"x_train": uint8 images, "y_train": uint8 labels, and so for test}.

    shape: of one image, (rows, columns) or (rows, columns, 3).
    For each split the archive holds sheets `train/000.webp`, … (lossless) and their labels as digits in
    `train/labels.txt`.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = sorted(archive.namelist())
        arrays = {}
        for split in ("train", "test"):
            sheets = [archive.read(name) for name in names if name.startswith(f"{split}/") and name.endswith(".webp")]
            digits = archive.read(f"{split}/labels.txt").split()
            arrays[f"x_{split}"] = np.concatenate([_images(sheet, shape) for sheet in sheets])
            arrays[f"y_{split}"] = np.frombuffer(b"".join(digits), np.uint8) - ord("0")
    return arrays


def _images(sheet, shape):
    """The images on one sheet (bytes of a picture file), as an array (SIDE · SIDE, *shape)."""
    from PIL import Image

    with Image.open(io.BytesIO(sheet)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    height, width = shape[:2]
    grid = pixels.reshape(SIDE, height, SIDE, width, 3)  # rows of images, pixel rows, images in a row, pixel columns
    images = grid.swapaxes(1, 2).reshape(SIDE * SIDE, height, width, 3)
    return images if len(shape) == 3 else images[..., 0]  # in a grey picture the three colours are equal
