"""Where data stand on this machine: the samples that ship with the course, and the cache of what was fetched."""

import contextlib
import errno
import hashlib
import os
import shutil
from pathlib import Path

from utils import runtime

LONGEST_WAIT = 3600  # seconds for another process to finish its download
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DataError(RuntimeError):
    """Data are not to be had. The message says what was tried, why it failed and what to do."""


def sha256(content):
    """The SHA-256 of `content` (bytes or a C-contiguous one-dimensional array) as 64 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def read_shipped(name, expected):
    """The bytes of the file `name` in the course's data folder, whose SHA-256 must be `expected`.

    Raises DataError when the file is missing, unreadable or altered.
    """
    path = runtime.COURSE / "data" / name
    cure = (
        f"Restore it with 'git checkout -- data/{name}' in the course's folder {runtime.COURSE}, "
        "or download the course again."
    )
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"The file {path}, which ships with the course, is missing. {cure}") from None
    except OSError as error:
        raise DataError(f"The file {path}, which ships with the course, cannot be read ({error}). {cure}") from error
    found = sha256(content)
    if found != expected:
        raise DataError(
            f"The file {path} is not the one that ships with the course: "
            f"its SHA-256 is {found} and should be {expected}. {cure}"
        )
    return content


def cache_folder():
    """The folder that keeps what was fetched: LABS_DATA_DIR (`~` is the home folder), else data/cache of the course."""
    chosen = os.environ.get("LABS_DATA_DIR")
    if not chosen:
        return runtime.COURSE / "data" / "cache"
    try:
        return Path(chosen).expanduser()
    except RuntimeError as error:
        raise DataError(f"The environment variable LABS_DATA_DIR says {chosen!r}: {error}") from error


def partial(name):
    """The hidden file in the cache folder that keeps what a broken download of the file `name` has brought so far."""
    return cache_folder() / f".{name}.partial"


@contextlib.contextmanager
def workshop(folder, key, notice=None):
    """Hold the lock `key` of `folder` and yield a fresh hidden folder inside it, which is removed in the end.

    Only one process at a time gets in. One that must wait prints `notice`, if there is any.
    Raises OSError when `folder` cannot be written, or after waiting for LONGEST_WAIT seconds.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        if notice:
            print(notice, flush=True)
        lock.acquire(timeout=LONGEST_WAIT)
    work = folder / f".{key}.part"
    try:
        shutil.rmtree(work, ignore_errors=True)  # what a killed process left
        work.mkdir()
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        lock.release()
