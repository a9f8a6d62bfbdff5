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


def archive(members, top="", *extra, **how):
    """A zip archive as bytes: `members` below the folder `top`, and `extra` pairs of ZipInfo and content."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", **how) as opened:
        for name, member in members.items():
            opened.writestr(entry(top + name, stat.S_IFREG, opened.compression), member)
        for pair in extra:
            opened.writestr(*pair)
    return content.getvalue()


def inspect(content):
    return folders.inspect(io.BytesIO(content), COUNTS)


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


@pytest.mark.parametrize("top", ["", "some/where/"])
def test_good_archive(top):
    extra = [(f"{top}train/cats/{name}", "x") for name in LITTER]
    extra += [(f"{top}vectorize.py", "import os"), ("__MACOSX/train/cats/._cat.1.jpg", "x")]
    assert inspect(archive(GOOD, top, *extra, compression=zipfile.ZIP_DEFLATED)) == GOOD


OUT = ["../x.jpg", "train/cats/../../../x.jpg", "/tmp/x.jpg", "..\\x.jpg", "\\x.jpg", "C:/x.jpg"]
UNSAFE = [
    *((entry(name), "is unsafe: its entry .* leads out of the folder") for name in OUT),
    (entry("train/cats/x.jpg", stat.S_IFLNK), "is unsafe: its entry .* is a link or a special file"),
    (
        entry("train/cats/x.jpg", stat.S_IFREG, zipfile.ZIP_BZIP2),
        "'train/cats/x.jpg' is packed otherwise than by Deflate",
    ),
]


@pytest.mark.parametrize(("bad", "said"), UNSAFE)
def test_unsafe_archive_is_refused_before_anything_is_written(bad, said, cache, monkeypatch):
    ship(monkeypatch, archive(GOOD, "", (bad, JPEG)))
    with pytest.raises(ValueError, match=f"^the archive.*{said}$"):
        data.cats_vs_dogs()
    assert not cache.exists()
    assert not list(cache.parent.rglob("x.jpg"))


def test_counts_must_be_right():
    fewer = {name: content for name, content in GOOD.items() if "dog.1" not in name}
    said = "the archive holds 2 in train/cats, 0 in train/dogs, 1 in validation/cats, 1 in validation/dogs pictures"
    with pytest.raises(ValueError, match=said + " and should hold 2, 1, 1, 1"):
        inspect(archive(fewer))
    with pytest.raises(ValueError, match="holds 3 in train/cats"):
        inspect(archive({**GOOD, "train/cats/cat.9.jpg": JPEG}))


@pytest.mark.parametrize("name", ["CAT.é.jpg", "cat.É.jpg", "cat.é.JPG"])
def test_names_that_some_systems_take_for_one(name):
    good = {**GOOD, "train/cats/cat.é.jpg": JPEG}
    with pytest.raises(ValueError, match=f"^the archive holds train/cats/{name} twice"):
        inspect(archive(good, "", (f"other/train/cats/{name}", JPEG)))


@pytest.mark.parametrize("content", [picture("grey", "gif"), b"", JPEG[:3], JPEG[:-40], picture("red", "png")[:-30]])
def test_files_must_be_pictures(content):
    with pytest.raises(ValueError, match=r"^train/dogs/dog\.1\.JPEG is no whole JPEG or PNG picture$"):
        inspect(archive({**GOOD, "train/dogs/dog.1.JPEG": content}))


@pytest.mark.parametrize("honest", [True, False])
def test_archive_that_grows(honest, monkeypatch):
    """It is refused with little memory used, whatever size it claims to have."""
    monkeypatch.setattr(folders, "LIMIT", 5_000_000)
    large = JPEG + bytes(20_000_000)
    content = archive({**GOOD, "train/cats/cat.1.jpg": large}, compression=zipfile.ZIP_DEFLATED)
    if not honest:
        content = content.replace(struct.pack("<I", len(large)), struct.pack("<I", 600))
    said = "^the archive would grow to 20 MB, and 5 MB are allowed$" if honest else "^Bad CRC-32"
    tracemalloc.start()
    try:
        with pytest.raises((ValueError, zipfile.BadZipFile), match=said):
            inspect(content)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_sample_is_unpacked_once(cache, capsys):
    folder = data.cats_vs_dogs()
    assert folder == cache / "cats_vs_dogs_sample"
    assert tree(folder) == GOOD
    assert capsys.readouterr().out == f"Cats vs dogs, sample: {LINE}\n"
    assert list(cache.iterdir()) == [folder]
    before = [(folder / name).stat().st_ino for name in GOOD]
    data.cats_vs_dogs()
    assert [(folder / name).stat().st_ino for name in GOOD] == before


def test_damaged_picture_is_unpacked_again():
    folder = data.cats_vs_dogs()
    (folder / "train/cats/cat.1.jpg").unlink()
    (folder / "train/dogs/dog.1.JPEG").write_bytes(JPEG)
    assert tree(data.cats_vs_dogs()) == GOOD


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    folders._temporary_folder.cache_clear()
    yield folder
    folders._temporary_folder().cleanup()
    folders._temporary_folder.cache_clear()


@pytest.mark.parametrize("name", LITTER)
def test_what_systems_leave_in_folders_is_passed_over(name, cache, temporary):
    """The lab's folder holds the pictures and nothing else, so that it may take what it finds."""
    litter = [data.cats_vs_dogs() / place / name for place in (".", "train", "train/cats")]
    for path in litter:
        path.write_bytes(b"x")
        folder = data.cats_vs_dogs()
        assert folder.is_relative_to(temporary)
        assert tree(folder) == GOOD
    assert all(path.exists() for path in litter)


@pytest.mark.parametrize("name", ["train/cats/my_cat.jpg", "train/birds/bird.PNG", "mine.gif"])
def test_pictures_of_the_users_own_are_not_deleted(name, cache):
    own = data.cats_vs_dogs() / name
    own.parent.mkdir(exist_ok=True)
    own.write_bytes(JPEG)
    with pytest.raises(data.DataError) as caught:
        data.cats_vs_dogs()
    said = f"holds pictures that are not from its archive (1 in all, the first is {name}). Move them"
    assert str(caught.value).startswith(f"The folder {cache / 'cats_vs_dogs_sample'} {said}")
    assert own.exists()


def test_cache_that_cannot_be_written(cache, temporary):
    cache.write_text("a file in place of the folder")
    folder = data.cats_vs_dogs()
    assert folder.is_relative_to(temporary)
    assert tree(folder) == GOOD


def test_no_room_anywhere(cache, temporary, monkeypatch):
    def full(path, content):
        path.open("wb").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(cache), "write_bytes", full)
    reason = r"\(.*No space left.*\)"
    said = rf"neither into .* {reason} nor into a temporary folder {reason}\. Set LABS_DATA_DIR to a folder"
    with pytest.raises(data.DataError, match=rf"^The pictures cannot be unpacked: {said}"):
        data.cats_vs_dogs()
    assert tree(cache) == {}


@pytest.fixture
def offered(server, monkeypatch):
    """The server in place of the official address; it sends a good archive."""
    source = dataclasses.replace(sets.CATS_VS_DOGS.sources[0], base=server.address)
    monkeypatch.setattr(sets, "CATS_VS_DOGS", dataclasses.replace(sets.CATS_VS_DOGS, sources=(source,)))
    server.answer = server.send(archive(GOOD, "photographs/", ("photographs/vectorize.py", "import os")))
    return server


def test_full_set_from_the_official_address_then_from_the_cache(offered, cache, capsys):
    for origin in ("the official address storage.googleapis.com", "the cache"):
        folder = data.cats_vs_dogs("full")
        assert folder == cache / "cats_vs_dogs_full"
        assert tree(folder) == GOOD
        assert capsys.readouterr().out.splitlines()[-1] == f"Cats vs dogs, full: {LINE}, from {origin}"
    assert offered.requests == ["/cats_and_dogs_filtered.zip"]


def test_bad_download_is_refused_and_the_message_says_how_to_supply_the_archive(offered, cache):
    offered.answer = offered.send(archive(GOOD, "", ("../escaped.jpg", JPEG)))
    with pytest.raises(data.DataError, match=r"the archive is unsafe: its entry '\.\./escaped\.jpg' leads") as caught:
        data.cats_vs_dogs("full")
    assert [path.name for path in cache.iterdir()] == ["cats_and_dogs_filtered.zip.rejected"]
    advice = (
        f"fetch {offered.address}cats_and_dogs_filtered.zip elsewhere and put it into {cache}; any zip archive "
        "of that name will do that has the pictures in folders: "
        "2 in train/cats, 1 in train/dogs, 1 in validation/cats, 1 in validation/dogs"
    )
    assert advice in str(caught.value)
