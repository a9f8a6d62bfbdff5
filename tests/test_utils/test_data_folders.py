"""Archives of pictures: inspected before anything is written; each picture unpacked whole or not at all."""

import dataclasses
import errno
import hashlib
import io
import stat
import struct
import tracemalloc
import zipfile

import pytest
from PIL import Image

from utils import data, runtime
from utils.data import folders, sets

COUNTS = {"train/cats": 2, "train/dogs": 1, "validation/cats": 1, "validation/dogs": 1}
LINE = "2 cats and 1 dogs for training, 1 cats and 1 dogs for validation"


def picture(colour, kind="jpeg"):
    content = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(content, kind)
    return content.getvalue()


JPEG = picture("grey")
GOOD = {
    "train/cats/cat.1.jpg": picture("red"),
    "train/cats/cat.2.png": picture("white", "png"),
    "train/dogs/dog.1.JPEG": picture("green"),
    "validation/cats/cat.3.jpg": picture("blue"),
    "validation/dogs/dog.2.jpg": picture("black"),
}
LITTER = ["Thumbs.db", "desktop.ini", ".DS_Store", "._cat.1.jpg"]


def entry(name, kind=stat.S_IFREG, compress_type=zipfile.ZIP_STORED):
    made = zipfile.ZipInfo(name)
    made.external_attr = (kind | 0o777) << 16
    made.compress_type = compress_type
    return made


def archive(members, compression=zipfile.ZIP_STORED):
    """A zip archive as bytes, of {name or ZipInfo: content}."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", compression) as opened:
        for name, member in members.items():
            opened.writestr(name, member)
    return content.getvalue()


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The cache folder; the shipped archive is replaced by GOOD."""
    monkeypatch.setattr(runtime, "COURSE", tmp_path / "course")
    monkeypatch.setattr(runtime, "_chosen_mode", None)
    monkeypatch.setattr(sets, "CATS_VS_DOGS", dataclasses.replace(sets.CATS_VS_DOGS, counts=COUNTS))
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LABS_DATA", raising=False)
    ship(monkeypatch, archive(GOOD))
    return tmp_path / "cache"


def ship(monkeypatch, content):
    (runtime.COURSE / "data").mkdir(parents=True, exist_ok=True)
    (runtime.COURSE / "data" / "cats_vs_dogs.zip").write_bytes(content)
    monkeypatch.setitem(sets.SHIPPED, "cats_vs_dogs.zip", hashlib.sha256(content).hexdigest())


def test_good_archive():
    top = "some/where/"
    members = {entry(top + name, compress_type=zipfile.ZIP_DEFLATED): content for name, content in GOOD.items()}
    others = [*(f"{top}train/cats/{name}" for name in LITTER), f"{top}vectorize.py", "__MACOSX/train/cats/._cat.1.jpg"]
    assert folders.inspect(io.BytesIO(archive(members | dict.fromkeys(others, "x"))), COUNTS) == GOOD


OUT = ["../x.jpg", "train/cats/../../../x.jpg", "/tmp/x.jpg", "..\\x.jpg", "C:/x.jpg"]
UNSAFE = [
    *((entry(name), "is unsafe: its entry .* leads out of the folder") for name in OUT),
    (entry("train/cats/x.jpg", stat.S_IFLNK), "is unsafe: its entry .* is a link or a special file"),
    (entry("x.jpg", compress_type=zipfile.ZIP_BZIP2), "'s entry 'x.jpg' is packed otherwise than by Deflate"),
]


@pytest.mark.parametrize(("bad", "said"), UNSAFE)
def test_unsafe_archive_is_refused_before_anything_is_written(bad, said, cache, monkeypatch):
    ship(monkeypatch, archive({**GOOD, bad: JPEG}))
    with pytest.raises(ValueError, match=f"^the archive.*{said}$"):
        data.cats_vs_dogs()
    assert not cache.exists() and not [*cache.parent.rglob("x.jpg")]


BAD = [picture("grey", "gif"), b"", JPEG[:3], JPEG[:-40], picture("red", "png")[:-30]]
REFUSED = [
    ({"train/cats/9.jpg": JPEG}, "holds 3 in train/cats, 1 in train/dogs, .* pictures and should hold 2, 1, 1, 1"),
    ({"train/cats/é.jpg": JPEG, "b/train/cats/É.JPG": JPEG}, "holds train/cats/É.JPG twice, if capitals are not told"),
    *(({"train/dogs/dog.1.JPEG": content}, r"^train/dogs/dog\.1\.JPEG is no whole JPEG or PNG") for content in BAD),
]


@pytest.mark.parametrize(("changed", "said"), REFUSED)
def test_counts_names_and_pictures_must_be_right(changed, said):
    with pytest.raises(ValueError, match=said):
        folders.inspect(io.BytesIO(archive(GOOD | changed)), COUNTS)


@pytest.mark.parametrize(("claimed", "said"), [(20_000_000, "would grow to 20 MB, and 5 MB are"), (600, "Bad CRC-32")])
def test_archive_that_grows_is_refused_with_little_memory(claimed, said, monkeypatch):
    monkeypatch.setattr(folders, "LIMIT", 5_000_000)
    content = archive({**GOOD, "train/cats/cat.1.jpg": JPEG.ljust(20_000_000, b"0")}, zipfile.ZIP_DEFLATED)
    content = content.replace(struct.pack("<I", 20_000_000), struct.pack("<I", claimed))
    tracemalloc.start()
    with pytest.raises((ValueError, zipfile.BadZipFile), match=said):
        folders.inspect(io.BytesIO(content), COUNTS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


def test_sample_is_unpacked_once_and_a_damaged_picture_again(cache, capsys):
    folder = data.cats_vs_dogs()
    assert tree(cache) == {f"cats_vs_dogs_sample/{name}": content for name, content in GOOD.items()}
    assert capsys.readouterr().out == f"Cats vs dogs, sample: {LINE}\n"
    before = [(folder / name).stat().st_ino for name in GOOD]
    assert data.cats_vs_dogs() == folder
    assert [(folder / name).stat().st_ino for name in GOOD] == before
    (folder / "train/cats/cat.1.jpg").unlink()
    (folder / "train/dogs/dog.1.JPEG").write_bytes(JPEG)
    assert tree(data.cats_vs_dogs()) == GOOD


@pytest.mark.parametrize("place", [".", "train", "train/cats"])
def test_what_systems_leave_in_folders_is_passed_over(place, temporary):
    """The lab's folder holds the pictures and nothing else, so that it may take what it finds."""
    litter = [data.cats_vs_dogs() / place / name for name in LITTER]
    for path in litter:
        path.write_bytes(b"x")
    folder = data.cats_vs_dogs()
    assert folder.parent.name.startswith("labs-data-") and tree(folder) == GOOD
    assert all(path.exists() for path in litter)


@pytest.mark.parametrize("name", ["train/cats/my_cat.jpg", "train/birds/bird.PNG"])
def test_pictures_of_the_users_own_are_not_deleted(name):
    own = data.cats_vs_dogs() / name
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(JPEG)
    said = rf"cats_vs_dogs_sample holds pictures that are not from its archive \(1 .* first is {name}\)\. Move them"
    with pytest.raises(data.DataError, match=said):
        data.cats_vs_dogs()
    assert own.exists()


def test_cache_that_cannot_be_written(cache, temporary):
    cache.write_text("a file in place of the folder")
    folder = data.cats_vs_dogs()
    assert folder.parent.name.startswith("labs-data-") and tree(folder) == GOOD


def test_no_room_anywhere(cache, temporary, monkeypatch):
    def full(path, content):
        path.open("wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(cache), "write_bytes", full)
    said = r"neither into .*No space left.* nor into a temporary folder .*No space left.* Set LABS_DATA_DIR"
    with pytest.raises(data.DataError, match=said):
        data.cats_vs_dogs()
    assert tree(cache) == {}


def test_full_set_from_the_official_address_then_from_the_cache(server, cache, monkeypatch, capsys):
    source = dataclasses.replace(sets.CATS_VS_DOGS.sources[0], base=server.address)
    monkeypatch.setattr(sets, "CATS_VS_DOGS", dataclasses.replace(sets.CATS_VS_DOGS, sources=(source,)))
    server.answer = server.send(archive({**GOOD, "../escaped.jpg": JPEG}))
    said = r"(?s)its entry '\.\./escaped.* put it into .*pictures in folders: 2 in train/cats, 1 in train/dogs"
    with pytest.raises(data.DataError, match=said):
        data.cats_vs_dogs("full")
    assert [path.name for path in cache.iterdir()] == ["cats_and_dogs_filtered.zip.rejected"]

    server.answer = server.send(archive({f"photographs/{name}": content for name, content in GOOD.items()}))
    for origin in ("the official address storage.googleapis.com", "the cache"):
        assert data.cats_vs_dogs("full") == cache / "cats_vs_dogs_full"
        assert tree(cache / "cats_vs_dogs_full") == GOOD
        assert capsys.readouterr().out.splitlines()[-1] == f"Cats vs dogs, full: {LINE}, from {origin}"
    assert server.requests == ["/cats_and_dogs_filtered.zip"] * 2
