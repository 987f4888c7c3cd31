"""Findings on each file of a data set, cached on disk between checks."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from encnet.data.images import read_image
from encnet.data.labels import IGNORE, LabelSet
from encnet.system.errors import InputError
from encnet.system.files import write_text

_THREADS = 2  # decoding releases the interpreter's lock; no more, since a training may run at the same time
_CACHE_VERSION = 1


class Finding(NamedTuple):
    """The result of reading one file."""

    size: tuple[int, int] | None
    """(width, height), upright; None if the file cannot be read."""
    problem: str | None
    """One sentence, or None if the file has no problem."""
    digest: str = ""
    """Hash of an image's bytes; empty for label maps and for images that cannot be read."""
    pixels: tuple[tuple[int, int], ...] = ()
    """(class or IGNORE, number of pixels) for each that occurs in a label map without a problem."""


@dataclass
class Findings:
    """Path -> finding, separately for images and label maps; missing files have no entry."""

    images: dict[Path, Finding] = field(default_factory=dict)
    labels: dict[Path, Finding] = field(default_factory=dict)


def read_findings(
    images: Iterable[Path], maps: Iterable[Path], labels: LabelSet, cache_file: Path, on_file: Callable[[], object]
) -> Findings:
    """Reads images and label maps, except those in ``cache_file`` whose size, time and ``labels`` are unchanged.

    Args:
        images: image files.
        maps: label map files.
        labels: the meaning of the label maps.
        cache_file: findings of the last check; replaced by the new ones.
        on_file: called once for each file, from any thread.
    """
    read: dict[str, Callable[[Path], Finding]] = {
        "image": inspect_image,
        f"labels {_fingerprint(labels)}": lambda path: inspect_label(path, labels),
    }
    known = _load(cache_file)
    entries: dict[str, Finding] = {}

    def visit(job: tuple[str, Path]) -> tuple[str, Path, Finding] | None:
        kind, path = job
        on_file()
        try:
            stat = path.stat()
        except OSError:
            return None
        key = f"{kind} {stat.st_size} {stat.st_mtime_ns} {path}"
        entries[key] = known.get(key) or read[kind](path)
        return kind, path, entries[key]

    image_kind, label_kind = read
    jobs = [(image_kind, path) for path in images] + [(label_kind, path) for path in maps]
    findings = Findings()
    pool = ThreadPoolExecutor(_THREADS)
    try:
        for visited in pool.map(visit, jobs):
            if visited is not None:
                kind, path, finding = visited
                (findings.images if kind == image_kind else findings.labels)[path] = finding
    finally:  # also when interrupted, so that the files already read are not read again
        pool.shutdown(cancel_futures=True)
        _save(cache_file, entries)
    return findings


def inspect_image(path: Path) -> Finding:
    """Size and hash of an image, or the reason why it cannot be read."""
    try:
        size = read_image(path).size
        return Finding(size, None, digest=hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest())
    except (InputError, OSError) as error:
        return Finding(None, str(error))


def inspect_label(path: Path, labels: LabelSet) -> Finding:
    """Size and class counts of a label map, or the reason why it cannot be read or decoded."""
    size = None
    try:
        raw = labels.read(path)
        size = (raw.shape[1], raw.shape[0])
        counts = np.bincount(labels.decode(raw, path).ravel(), minlength=IGNORE + 1)
    except InputError as error:
        return Finding(size, str(error))
    return Finding(size, None, pixels=tuple((int(target), int(counts[target])) for target in np.flatnonzero(counts)))


def _fingerprint(labels: LabelSet) -> str:
    """Hash of the meaning of raw labels, which the findings on label maps depend on."""
    meaning = (labels.encoding, sorted(labels.raw.items(), key=repr), labels.undeclared, labels.num_classes)
    return hashlib.blake2b(repr(meaning).encode(), digest_size=16).hexdigest()


def _load(cache_file: Path) -> dict[str, Finding]:
    """The cached findings; none if the cache is missing, damaged or of another version, since it only saves time."""
    try:
        document = json.loads(cache_file.read_text(encoding="utf-8"))
        if document["version"] != _CACHE_VERSION:
            return {}
        return {
            key: Finding(
                size and (size[0], size[1]), problem, digest, tuple((target, count) for target, count in pixels)
            )
            for key, (size, problem, digest, pixels) in document["files"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}


def _save(cache_file: Path, entries: Mapping[str, Finding]) -> None:
    with suppress(InputError):  # a read-only home makes the next check slower, not wrong
        write_text(cache_file, json.dumps({"version": _CACHE_VERSION, "files": entries}), recorded=False)


def default_cache() -> Path:
    """The folder ``encnet/check`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "encnet" / "check"
