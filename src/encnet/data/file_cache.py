"""Results of reading files, cached on disk under the size and the time of each file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from encnet.data.sample_files import ImageFile, LabelFile, stamp
from encnet.system.cores import available_cores
from encnet.system.errors import InputError
from encnet.system.files import write_text

_MOST_THREADS = 8  # decoding releases the interpreter's lock; each thread holds one decoded image

P = TypeVar("P", bound=ImageFile | LabelFile)
T = TypeVar("T")


def read_cached(
    paths: Iterable[P],
    read: Callable[[P], T],
    cache_file: Path,
    version: str,
    to_json: Callable[[T], Any],
    from_json: Callable[[Any], T],
    on_file: Callable[[], object] = lambda: None,
) -> dict[P, T]:
    """Reads files, except those in ``cache_file`` whose size and time are unchanged.

    Args:
        paths: the files, or windows and label maps that are made of files; a missing one has no result.
        read: file -> result, called from several threads.
        cache_file: results of the last time; replaced by the new ones, also when interrupted.
        version: changes when results get another meaning, so that older ones are not used.
        to_json: result -> JSON types.
        from_json: the reverse of ``to_json``; it may raise any error for damaged content.
        on_file: called once for each file, from any thread.
    """
    known = _load(cache_file, version)
    entries: dict[str, Any] = {}

    def visit(path: P) -> tuple[P, T] | None:
        on_file()
        try:
            key = stamp(path)
        except OSError:
            return None
        if key in known:
            with suppress(Exception):  # a damaged entry is read again
                result = from_json(known[key])
                entries[key] = known[key]
                return path, result
        result = read(path)
        entries[key] = to_json(result)
        return path, result

    results: dict[P, T] = {}
    pool = ThreadPoolExecutor(reading_threads())
    try:
        results.update(filter(None, pool.map(visit, paths)))
    finally:
        pool.shutdown(cancel_futures=True)
        if entries.keys() != known.keys():
            with suppress(InputError):  # a read-only home makes the next time slower, not wrong
                write_text(
                    cache_file,
                    json.dumps({"version": version, "files": entries}, separators=(",", ":")),
                    recorded=False,
                )
    return results


def reading_threads() -> int:
    """Number of threads that read files."""
    return min(_MOST_THREADS, available_cores())


def default_cache() -> Path:
    """The folder ``encnet/check`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "encnet" / "check"


def cache_path(kind: str, root: Path, folder: Path | None = None) -> Path:
    """The cache file of a data set, whose name tells the data set's folder.

    Args:
        kind: what is cached.
        root: folder of the data set.
        folder: folder of the file; None is :func:`default_cache`.
    """
    digest = hashlib.sha256(str(root.resolve()).encode()).hexdigest()
    return (folder or default_cache()) / f"{root.resolve().name}-{digest[:16]}-{kind}.json"


def _load(cache_file: Path, version: str) -> dict[str, Any]:
    """The cached entries; none if the cache is missing, damaged or of another version, since it only saves time."""
    try:
        document = json.loads(cache_file.read_text(encoding="utf-8"))
        return dict(document["files"]) if document["version"] == version else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}
