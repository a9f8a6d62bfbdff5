"""Archives of pictures in folders: checked in full, then unpacked."""

import collections
import functools
import io
import re
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

from utils.data.fetch import DataError
from utils.data.formats import LIMIT

PICTURES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".webp"}
"""Suffixes of picture files. Others, such as Thumbs.db, and hidden files are left behind by systems and passed over."""


def inspect(archive, counts):
    """The pictures in a zip archive: {"train/cats/cat.1.jpg": bytes}.

    archive: a path or an open file. counts: how many pictures each folder must hold, as {"train/cats": 1000}.
    Folders above these are dropped from the names; other files are left out.

    Raises ValueError when an entry would be written outside the folder or is a link, when the archive would grow
    beyond formats.LIMIT, a count is off or a file is no whole JPEG or PNG picture; BadZipFile when it is damaged.
    """
    with zipfile.ZipFile(archive) as opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        for entry in entries:
            _refuse_unsafe(entry)
        size = sum(entry.file_size for entry in entries)
        if size > LIMIT:
            raise ValueError(f"the archive would grow to {size / 1e6:.0f} MB, and {LIMIT / 1e6:.0f} MB are allowed")
        return {name: _picture(opened, name, entry) for name, entry in _chosen(entries, counts).items()}


def _refuse_unsafe(entry):
    name = entry.filename.replace("\\", "/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        raise ValueError(f"the archive is unsafe: its entry {entry.filename!r} leads out of the folder")
    if kind not in (0, stat.S_IFREG):
        raise ValueError(f"the archive is unsafe: its entry {entry.filename!r} is a link or a special file")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others cannot be read in small steps
        raise ValueError(f"the archive's entry {entry.filename!r} is packed otherwise than by Deflate")


def _chosen(entries, counts):
    chosen = {}
    for entry in entries:
        name = "/".join(PurePosixPath(entry.filename.replace("\\", "/")).parts[-3:])
        folder, _, file = name.rpartition("/")
        if folder in counts and _is_picture(file):
            if name.casefold() in chosen:  # Windows and macOS take these for one name
                raise ValueError(f"the archive holds {name} twice, if capitals are not told from small letters")
            chosen[name.casefold()] = name, entry
    found = collections.Counter(name.rpartition("/")[0] for name, _ in chosen.values())
    if found != counts:
        listing = ", ".join(f"{found[folder]} in {folder}" for folder in counts)
        wanted = ", ".join(map(str, counts.values()))
        raise ValueError(f"the archive holds {listing} pictures and should hold {wanted}")
    return dict(chosen.values())


def _is_picture(file):
    return PurePosixPath(file).suffix.lower() in PICTURES and not file.startswith(".")


def _picture(opened, name, entry):
    from PIL import Image

    with opened.open(entry) as file:
        content = file.read(entry.file_size)  # no more than the entry claims, whatever it holds
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as picture:
            picture.draft("L", (1, 1))  # a JPEG picture is read to its end, but in an eighth of its size
            picture.load()
    except Exception as error:  # a bad file can break its reader in many ways
        raise ValueError(f"{name} is no whole JPEG or PNG picture") from error
    return content


def unpacked(pictures, folder):
    """The folder that holds exactly `pictures`, as inspect gives them; those that are not there are written.

    `folder` is the place for it. Where that cannot be written, or holds files that are no pictures, as systems leave
    them, a temporary folder serves until Python ends.
    Raises DataError when neither is possible, or when pictures of somebody's own stand among them.
    """
    ours = {str(place) for name in pictures for place in (name, *PurePosixPath(name).parents)}
    others = {path.relative_to(folder).as_posix() for path in folder.rglob("*")} - ours
    own = sorted(name for name in others if _is_picture(PurePosixPath(name).name))
    if own:
        raise DataError(
            f"The folder {folder} holds pictures that are not from its archive ({len(own)} in all, the first is "
            f"{own[0]}). Move them elsewhere: pictures of your own belong in a folder of their own."
        )
    try:
        if not others:
            return _filled(folder, pictures)
        reason = "it holds files that are no pictures"
    except OSError as error:
        reason = error
    try:
        return _filled(Path(temporary_folder().name, folder.name), pictures)
    except OSError as error:
        raise DataError(
            f"The pictures cannot be unpacked: neither into {folder} ({reason}) nor into a temporary folder ({error}). "
            "Set LABS_DATA_DIR to a folder that you can write, with some 50 MB of room."
        ) from error


@functools.cache
def temporary_folder():
    return tempfile.TemporaryDirectory(prefix="labs-data-")  # it goes when Python ends


def _filled(folder, pictures):
    """`folder`, in which each picture that does not stand there byte for byte is written anew, whole or not at all."""
    paths = {folder / name: content for name, content in pictures.items()}
    wrong = [path for path, content in paths.items() if not path.is_file() or path.read_bytes() != content]
    for path in wrong:
        path.parent.mkdir(parents=True, exist_ok=True)
    if wrong:
        with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as work:
            new = Path(work, "picture")
            for path in wrong:
                new.write_bytes(paths[path])
                new.replace(path)
    return folder
