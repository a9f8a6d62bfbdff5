"""Archives of pictures: inspected before anything is written, unpacked whole or not at all."""

import dataclasses
import errno
import io
import stat
import threading
import zipfile

import pytest

from utils import data, runtime
from utils.data import files, pictures, sets
from utils.data.sources import Download, Source, Web

REAL = sets.CATS_VS_DOGS
COUNTS = {"train/cats": 2, "train/dogs": 1, "validation/cats": 1, "validation/dogs": 1}
JPEG = b"\xff\xd8\xff\xe0 a photograph"
PNG = b"\x89PNG\r\n\x1a\n a drawing"
GOOD = {
    "train/cats/cat.1.jpg": JPEG + b"1",
    "train/cats/cat.2.png": PNG + b"2",
    "train/dogs/dog.1.jpg": JPEG + b"3",
    "validation/cats/cat.3.jpg": JPEG + b"4",
    "validation/dogs/dog.2.jpg": JPEG + b"5",
}
LINE = "2 cats and 1 dogs for training, 1 cats and 1 dogs for validation"


def archive(members, top="", *extra):
    """A zip archive as bytes: `members` below the folder `top`, and `extra` pairs of ZipInfo and content."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as opened:
        for name, member in members.items():
            opened.writestr(top + name, member)
        for entry in extra:
            opened.writestr(*entry)
    return content.getvalue()


def inspect(content):
    return pictures.inspect(io.BytesIO(content), COUNTS)


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def use(monkeypatch, *sources):
    monkeypatch.setattr(sets, "CATS_VS_DOGS", dataclasses.replace(sets.CATS_VS_DOGS, counts=COUNTS, sources=sources))


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The cache folder; the shipped archive is replaced by GOOD, the official address by one that gives nothing."""
    course = tmp_path / "course"
    (course / "data").mkdir(parents=True)
    (course / "data" / "cats_vs_dogs.zip").write_bytes(archive(GOOD))
    monkeypatch.setattr(runtime, "COURSE", course)
    monkeypatch.setattr(runtime, "_chosen_mode", None)
    monkeypatch.setitem(sets.SHIPPED, "cats_vs_dogs.zip", files.sha256(archive(GOOD)))
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LABS_DATA", raising=False)
    use(monkeypatch)
    return tmp_path / "cache"


class Stub(Web):
    """An official address that sends `content`, without a network."""

    content = archive(GOOD, "cats_and_dogs_filtered/", ("cats_and_dogs_filtered/vectorize.py", "import os"))

    def fetch(self, work):
        return {"cats_and_dogs_filtered.zip": self.content}


def stub():
    download = Download("https://example.org/sets/cats_and_dogs_filtered.zip")
    return Source(Stub((download,), megabytes=1), REAL.sources[0].decode)


# ------------------------------------------------------------------------------------------------- inspecting


@pytest.mark.parametrize("top", ["", "cats_and_dogs_filtered/", "some/where/"])
def test_good_archive(top):
    extra = [
        (f"{top}vectorize.py", "import os"),
        (f"{top}train/cats/.DS_Store", "x"),
        ("__MACOSX/train/cats/._cat.1.jpg", "x"),
    ]
    found = inspect(archive(GOOD, top, *extra))
    assert {name: entry.filename for name, entry in found.items()} == {name: top + name for name in GOOD}


def link(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


UNSAFE = {
    "../escaped.jpg": "leads out of the folder",
    "train/cats/../../../escaped.jpg": "leads out of the folder",
    "/tmp/escaped.jpg": "leads out of the folder",
    "..\\escaped.jpg": "leads out of the folder",
    "\\escaped.jpg": "leads out of the folder",
    "C:/escaped.jpg": "leads out of the folder",
    "train/cats/link.jpg": "is a link or a special file",
}


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_archive_is_refused_before_anything_is_written(name, cache, monkeypatch):
    entry = link(name) if "link" in name else zipfile.ZipInfo(name)
    content = archive(GOOD, "", (entry, JPEG))
    with pytest.raises(ValueError, match="the archive is unsafe: its entry .*" + UNSAFE[name]):
        inspect(content)
    (cache.parent / "course" / "data" / "cats_vs_dogs.zip").write_bytes(content)
    monkeypatch.setitem(sets.SHIPPED, "cats_vs_dogs.zip", files.sha256(content))
    with pytest.raises(ValueError, match="unsafe"):
        data.cats_vs_dogs()
    assert not cache.exists()
    assert not list(cache.parent.rglob("escaped.jpg"))


def test_encrypted_archive():
    content = bytearray(archive(GOOD))
    start = content.index(b"PK\x01\x02")  # the first entry of the archive's directory
    content[start + 8] |= 1
    with pytest.raises(ValueError, match=r"the archive's entry 'train/cats/cat\.1\.jpg' is encrypted"):
        inspect(content)


def test_counts_must_be_right():
    fewer = {name: content for name, content in GOOD.items() if "dog.1" not in name}
    said = "the archive holds 2 in train/cats, 0 in train/dogs, 1 in validation/cats, 1 in validation/dogs pictures"
    with pytest.raises(ValueError, match=said + " and should hold 2, 1, 1, 1"):
        inspect(archive(fewer))
    with pytest.raises(ValueError, match="holds 3 in train/cats"):
        inspect(archive({**GOOD, "train/cats/cat.9.jpg": JPEG}))


def test_pictures_must_stand_in_one_place():
    elsewhere = {name: content for name, content in GOOD.items() if name != "train/dogs/dog.1.jpg"}
    with pytest.raises(ValueError, match="in one place"):
        inspect(archive(elsewhere, "", ("other/train/dogs/dog.1.jpg", JPEG)))
    with pytest.raises(ValueError, match=r"the archive holds train/dogs/dog\.1\.jpg twice$"):
        inspect(archive(GOOD, "", ("other/train/dogs/dog.1.jpg", JPEG)))


def test_files_must_be_pictures():
    with pytest.raises(ValueError, match=r"train/dogs/dog\.1\.jpg is neither a JPEG nor a PNG picture"):
        inspect(archive({**GOOD, "train/dogs/dog.1.jpg": b"GIF89a"}))


def test_check_sums_must_be_right():
    content = archive(GOOD)
    with pytest.raises(zipfile.BadZipFile):
        inspect(content.replace(b"a drawing", b"a drowing"))
    with pytest.raises(zipfile.BadZipFile):
        inspect(content[:-30])


# ------------------------------------------------------------------------------------------------- unpacking


def test_sample(cache, capsys):
    folder = data.cats_vs_dogs()
    assert folder == cache / "cats_vs_dogs_sample"
    assert tree(folder) == GOOD
    assert capsys.readouterr().out == f"Cats vs dogs, sample: {LINE}\n"
    assert {path.name for path in cache.iterdir()} - {".cats_vs_dogs_sample.lock"} == {"cats_vs_dogs_sample"}


def test_unpacked_once(cache):
    data.cats_vs_dogs()
    first = (cache / "cats_vs_dogs_sample" / "train" / "cats").stat().st_ino
    data.cats_vs_dogs()
    assert (cache / "cats_vs_dogs_sample" / "train" / "cats").stat().st_ino == first


@pytest.mark.parametrize("damage", ["missing", "shorter", "same length"])
def test_damaged_folder_is_unpacked_again(damage, cache):
    path = data.cats_vs_dogs() / "train" / "cats" / "cat.1.jpg"
    content = path.read_bytes()
    path.unlink() if damage == "missing" else path.write_bytes(content[:-1] + b"x" * (damage == "same length"))
    assert tree(data.cats_vs_dogs()) == GOOD


def test_files_of_the_users_own_are_not_deleted(cache):
    own = data.cats_vs_dogs() / "train" / "cats" / "my_cat.jpg"
    own.write_bytes(JPEG)
    with pytest.raises(data.DataError) as caught:
        data.cats_vs_dogs()
    said = "holds files that are not from its archive (1 in all, the first is train/cats/my_cat.jpg). Move them"
    assert str(caught.value).startswith(f"The folder {cache / 'cats_vs_dogs_sample'} {said}")
    assert own.exists()
    own.rename(own.with_name(".hidden.jpg"))  # such as systems leave in folders
    data.cats_vs_dogs()


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    pictures._temporary_folder.cache_clear()
    yield folder
    pictures._temporary_folder.cache_clear()


def test_cache_that_cannot_be_written(cache, temporary, capsys):
    cache.write_text("a file in place of the folder")
    folder = data.cats_vs_dogs()
    assert folder.is_relative_to(temporary)
    assert tree(folder) == GOOD
    assert data.cats_vs_dogs() == folder
    assert capsys.readouterr().out == f"Cats vs dogs, sample: {LINE}\n" * 2


def test_read_only_checkout(cache, temporary, monkeypatch):
    monkeypatch.delenv("LABS_DATA_DIR")
    make = type(cache).mkdir

    def refuse(path, *rest, **options):
        if path.is_relative_to(runtime.COURSE):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        make(path, *rest, **options)

    monkeypatch.setattr(type(cache), "mkdir", refuse)
    assert tree(data.cats_vs_dogs()) == GOOD
    assert [path.name for path in (runtime.COURSE / "data").iterdir()] == ["cats_vs_dogs.zip"]


def test_no_room_anywhere(cache, temporary, monkeypatch):
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(cache), "write_bytes", full)
    reason = r"\(.*No space left.*\)"
    said = rf"^The pictures cannot be unpacked: neither into .* {reason} nor into a temporary folder {reason}\. Set"
    with pytest.raises(data.DataError, match=said):
        data.cats_vs_dogs()
    assert tree(cache).keys() <= {".cats_vs_dogs_sample.lock"}


def test_temporary_folder_goes_when_python_ends(temporary, monkeypatch):
    registered = []
    monkeypatch.setattr("atexit.register", lambda function, *rest, **named: registered.append((function, rest, named)))
    folder = pictures._temporary_folder()
    assert folder.parent == temporary
    ((function, rest, named),) = registered
    function(*rest, **named)
    assert not folder.exists()


def test_two_at_once(cache):
    results = []
    threads = [threading.Thread(target=lambda: results.append(data.cats_vs_dogs())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [cache / "cats_vs_dogs_sample"] * 4
    assert tree(results[0]) == GOOD


# ------------------------------------------------------------------------------------------------ the full set


def test_full_set_from_the_official_address(cache, monkeypatch, capsys):
    use(monkeypatch, stub())
    folder = data.cats_vs_dogs("full")
    assert folder == cache / "cats_vs_dogs_full"
    assert tree(folder) == GOOD
    origin = ", cats_and_dogs_filtered.zip from the official address example.org"
    assert capsys.readouterr().out.splitlines()[-1] == f"Cats vs dogs, full: {LINE}{origin}"
    assert (cache / "cats_and_dogs_filtered.zip").read_bytes() == Stub.content


def test_archive_put_into_the_cache_by_hand(cache, capsys):
    cache.mkdir()
    (cache / "cats_and_dogs_filtered.zip").write_bytes(archive(GOOD, "photographs/"))
    assert tree(data.cats_vs_dogs("full")) == GOOD
    assert capsys.readouterr().out == f"Cats vs dogs, full: {LINE}, cats_and_dogs_filtered.zip from the cache\n"


def test_rejected_archive_is_set_aside_and_fetched_again(cache, monkeypatch, capsys):
    use(monkeypatch, stub())
    cache.mkdir()
    (cache / "cats_and_dogs_filtered.zip").write_bytes(b"junk")
    assert tree(data.cats_vs_dogs("full")) == GOOD
    output = capsys.readouterr().out
    assert f"{cache / 'cats_and_dogs_filtered.zip'} is damaged (File is not a zip file)." in output
    assert "It is set aside as cats_and_dogs_filtered.zip.rejected and fetched again." in output
    assert (cache / "cats_and_dogs_filtered.zip.rejected").read_bytes() == b"junk"


def test_unsafe_download_is_refused(cache, monkeypatch):
    monkeypatch.setattr(Stub, "content", archive(GOOD, "", ("../escaped.jpg", JPEG)))
    use(monkeypatch, stub())
    with pytest.raises(data.DataError, match=r"the archive is unsafe: its entry '\.\./escaped\.jpg' leads out"):
        data.cats_vs_dogs("full")
    assert tree(cache).keys() <= {".cats_and_dogs_filtered.lock"}


def test_failure_says_how_to_supply_the_archive(cache, monkeypatch):
    monkeypatch.setattr(Stub, "content", b"<html>")
    use(monkeypatch, stub())
    with pytest.raises(data.DataError) as caught:
        data.cats_vs_dogs("full")
    advice = (
        f"fetch https://example.org/sets/cats_and_dogs_filtered.zip elsewhere and put it into {cache}; any zip archive "
        "of that name will do that has the pictures in folders: "
        "2 in train/cats, 1 in train/dogs, 1 in validation/cats, 1 in validation/dogs"
    )
    assert advice in str(caught.value)


def test_real_counts():
    assert REAL.counts == {"train/cats": 1000, "train/dogs": 1000, "validation/cats": 500, "validation/dogs": 500}
