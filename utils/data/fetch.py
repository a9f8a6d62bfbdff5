"""The way to a full set: the cache, then each source in turn; checked before it gets its name in the cache."""

from utils.data.files import NO_ROOM, DataError, cache_folder, partial, workshop


def obtain(dataset):
    """Read the full `dataset`, fetching it first if the cache does not hold it.

    `dataset` (an ImageSet or a PictureSet) has `name`, `file` (its name in the cache), `sources`,
    `read(path)`, which returns the checked content and raises ValueError or the like for a bad file,
    `write(content, path)` and `discard(path)`.

    Returns the content and a few words on where it came from. Raises DataError when it is not to be had.
    """
    path = cache_folder() / dataset.file
    tried = []
    content, damage = _cached(dataset, path)
    if content is not None:
        return content, "the cache"
    try:
        notice = f"{dataset.name}: another process is fetching it; waiting."
        with workshop(path.parent, path.stem, notice) as work:
            content, damage = _cached(dataset, path)
            if content is not None:  # the process we waited for has fetched it
                return content, "the cache"
            if damage:
                print(f"{dataset.name}: {path} is damaged ({damage}). {dataset.discard(path)}", flush=True)
            for number, source in enumerate(dataset.sources):
                print(f"{dataset.name}: fetching from {source.name}, about {source.fetcher.megabytes} MB …", flush=True)
                try:
                    own = work / str(number)  # a folder for each source: what one leaves must not mislead the next
                    own.mkdir()
                    new = work / path.name
                    dataset.write(source.load(own), new)
                    content = dataset.read(new)
                    new.replace(path)
                    for download in _downloads(dataset):  # what another source's broken download left
                        partial(download.name).unlink(missing_ok=True)
                    return content, source.name
                except Exception as error:  # whatever went wrong: it is told now, and again if all sources fail
                    why = _reason(error)
                    print(f"{dataset.name}: {source.name} failed: {why}.", flush=True)
                    tried.append(f"{source.name}: {why}")
                    if isinstance(error, OSError) and error.errno in NO_ROOM:
                        break
    except OSError as error:
        tried.append(f"the cache folder {path.parent} cannot be used: {_reason(error)}")
    raise DataError(_failure(dataset, path, damage, tried))


def _cached(dataset, path):
    """The content of the cached file and None, or None and what is wrong with the file (None: there is no file)."""
    try:
        return dataset.read(path), None
    except (FileNotFoundError, NotADirectoryError):
        return None, None
    except (OSError, MemoryError) as error:
        raise DataError(f"{dataset.name}: the cached file {path} cannot be read: {_reason(error)}") from error
    except Exception as error:  # a damaged file can break its reader in many ways; it is told and fetched again
        return None, _reason(error)


def _reason(error):
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"{error}" or type(error).__name__


def _downloads(dataset):
    return [download for source in dataset.sources for download in source.fetcher.downloads]


def _failure(dataset, path, damage, tried):
    cached = f"it holds a damaged {path.name} ({damage})" if damage else f"it holds no {path.name}"
    addresses = [download.url for download in _downloads(dataset)]
    lines = [
        f"{dataset.name}: the full data are not to be had. Tried:",
        *(f"- {attempt}" for attempt in [f"the cache {path.parent}: {cached}", *tried]),
        "What you can do:",
        "- work on the sample, which needs no network: runtime.use_data('sample') or LABS_DATA=sample",
        "- check the network and the room on the disk, and run this again",
        "- set LABS_DATA_DIR to a folder that you can write, and start Python afresh",
        f"- fetch {' and '.join(addresses)} elsewhere and put it into {path.parent}{dataset.advice}",
    ]
    return "\n".join(lines)
