"""Archives of pictures in folders: checked in full, then unpacked."""

import atexit
import collections
import functools
import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from utils.data.files import DataError, workshop

BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")  # JPEG, PNG


def inspect(archive, counts):
    """The pictures in a zip archive: {"train/cats/cat.1.jpg": zipfile.ZipInfo}.

    archive: a path or an open file. counts: how many pictures each folder must hold, as {"train/cats": 1000}.
    A folder above these, the same for all, is dropped from the names; files elsewhere are left out.

    Raises ValueError when an entry would be written outside the folder, is a link or encrypted, when a
    count is off or a file is no picture, and zipfile.BadZipFile when a check sum or the archive itself is wrong.
    """
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        for entry in entries:
            _refuse_unsafe(entry)
        pictures = _pictures(entries, counts)
        for name, entry in pictures.items():
            if not opened.read(entry).startswith(BEGINNINGS):
                raise ValueError(f"{name} is neither a JPEG nor a PNG picture")
    return pictures


def _refuse_unsafe(entry):
    name = entry.filename.replace("\\", "/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        raise ValueError(f"the archive is unsafe: its entry {entry.filename!r} leads out of the folder")
    if kind not in (0, stat.S_IFREG):
        raise ValueError(f"the archive is unsafe: its entry {entry.filename!r} is a link or a special file")
    if entry.flag_bits & 1:
        raise ValueError(f"the archive's entry {entry.filename!r} is encrypted")


def _pictures(entries, counts):
    pictures = {}
    tops = set()
    for entry in entries:
        *top, folder, kind, file = ("", "", *PurePosixPath(entry.filename.replace("\\", "/")).parts)
        if f"{folder}/{kind}" in counts and not file.startswith("."):
            name = f"{folder}/{kind}/{file}"
            if name in pictures:
                raise ValueError(f"the archive holds {name} twice")
            pictures[name] = entry
            tops.add(tuple(top))
    found = collections.Counter(name.rsplit("/", 1)[0] for name in pictures)
    if found != counts or len(tops) != 1:
        listing = ", ".join(f"{found[folder]} in {folder}" for folder in counts)
        wanted = ", ".join(str(count) for count in counts.values())
        raise ValueError(f"the archive holds {listing} pictures and should hold {wanted}, in one place")
    return pictures


def unpacked(archive, pictures, folder):
    """The folder that holds exactly `pictures` (from inspect), unpacked from `archive` unless they stand there.

    `folder` is the place for it; where that cannot be written, a temporary folder serves until Python ends.
    Raises DataError when neither is possible, or when files that the archive does not hold stand among them.
    """
    try:
        return _unpacked(archive, pictures, folder)
    except OSError as error:
        first = error
    try:
        return _unpacked(archive, pictures, _temporary_folder() / folder.name)
    except OSError as error:
        raise DataError(
            f"The pictures cannot be unpacked: neither into {folder} ({first}) nor into a temporary folder ({error}). "
            "Set LABS_DATA_DIR to a folder that you can write, with some 50 MB of room."
        ) from error


@functools.cache
def _temporary_folder():
    folder = tempfile.mkdtemp(prefix="labs-data-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _unpacked(archive, pictures, folder):
    if _holds(folder, pictures):
        return folder
    with workshop(folder.parent, folder.name) as work:
        if not _holds(folder, pictures):
            new = work / folder.name
            with zipfile.ZipFile(archive) as opened:
                for name, entry in pictures.items():
                    target = new / name
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(opened.read(entry))
            if folder.exists():
                shutil.rmtree(folder)
            new.replace(folder)
    return folder


def _holds(folder, pictures):
    """Whether the files in `folder` are those of the archive, byte for byte (by size and CRC-32)."""
    present = {path.relative_to(folder).as_posix() for path in folder.glob("*/*/*") if not path.name.startswith(".")}
    strange = sorted(present - pictures.keys())
    if strange:
        raise DataError(
            f"The folder {folder} holds files that are not from its archive "
            f"({len(strange)} in all, the first is {strange[0]}). "
            "Move them elsewhere: pictures of your own belong in a folder of their own."
        )
    if len(present) < len(pictures):
        return False
    for name, entry in pictures.items():
        content = (folder / name).read_bytes()
        if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
            return False
    return True
