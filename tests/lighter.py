"""The samples that ship with the course, their pictures compressed with losses, for a lab in one file (tests.one_file).

At QUALITY, the losses (root mean square, over the course's samples) are less than 1 in 100 of the range from 0 to 255
in grey and about 2 in 100 in colour, which is hard to see at these sizes.
"""

import io
import zipfile

QUALITY = 95
"""Of WebP and JPEG as Pillow counts it, up to 100."""

KINDS = {"webp": ("webp", {"method": 6}), "png": ("jpeg", {"optimize": True})}
"""What a picture file of this kind becomes, and Pillow's options for it."""


def lighter(content: bytes) -> bytes:
    """A sample (a zip archive, bytes) with the same files, but smaller: WebP sheets stay WebP, PNG files become JPEG.

    A picture that losses would not make smaller, such as a sheet of MNIST's digits, stays as it is. Twice
    the same archive gives twice the same bytes.

    Raises:
        ValueError: the archive holds no picture.
    """
    result, pictures = io.BytesIO(), 0
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(result, "w") as lighter_archive:
        for entry in archive.infolist():
            name, file = entry.filename, archive.read(entry)
            stem, _, kind = name.rpartition(".")
            if kind in KINDS:
                pictures += 1
                other, options = KINDS[kind]
                compressed = _compressed(file, other, **options)
                if len(compressed) < len(file):
                    name, file = f"{stem}.{other}", compressed
            lighter_archive.writestr(zipfile.ZipInfo(name), file, entry.compress_type)
    if not pictures:
        raise ValueError("the archive holds no WebP and no PNG picture")
    return result.getvalue()


def _compressed(file: bytes, kind: str, **options) -> bytes:
    """A picture file as another picture file of that kind."""
    from PIL import Image

    result = io.BytesIO()
    with Image.open(io.BytesIO(file)) as picture:
        picture.convert("RGB").save(result, kind, quality=QUALITY, **options)
    return result.getvalue()
