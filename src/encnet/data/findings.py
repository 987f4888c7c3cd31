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
from typing import Any

from encnet.data.connected_objects import Objects
from encnet.data.image_facts import ImageFacts
from encnet.data.inspection import LabelFinding, PhotographFinding, inspect_image, inspect_label
from encnet.data.labels import LabelSet
from encnet.data.raw_counts import RawCounter
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.cores import available_cores
from encnet.system.errors import InputError
from encnet.system.files import write_text

_MOST_THREADS = 8  # decoding releases the interpreter's lock; each thread holds one decoded image
_CACHE_VERSION = 3

Finding = PhotographFinding | LabelFinding


@dataclass
class Findings:
    """Path -> finding, separately for images and label maps; missing files have no entry."""

    images: dict[Path, PhotographFinding] = field(default_factory=dict)
    labels: dict[Path, LabelFinding] = field(default_factory=dict)


def read_findings(
    images: Iterable[Path],
    maps: Iterable[Path],
    labels: LabelSet,
    cache_file: Path,
    on_file: Callable[[], object],
    source: ImageSource = PHOTOGRAPHS,
) -> Findings:
    """Reads images and label maps, except those in ``cache_file`` that are unchanged, read with the same settings.

    Args:
        images: image files.
        maps: label map files.
        labels: the meaning of the label maps.
        cache_file: findings of the last check; replaced by the new ones.
        on_file: called once for each file, from any thread.
        source: how images are read.
    """
    counter = RawCounter(labels)
    image_kind, label_kind = f"image {_hash(source)}", f"labels {_fingerprint(labels)}"
    known = _load(cache_file)
    entries: dict[str, Finding] = {}

    def visit(job: tuple[str, Path]) -> tuple[Path, Finding] | None:
        kind, path = job
        on_file()
        try:
            stat = path.stat()
        except OSError:
            return None
        key = f"{kind} {stat.st_size} {stat.st_mtime_ns} {path}"
        finding = known.get(key)
        if finding is None:
            finding = inspect_image(path, source) if kind == image_kind else inspect_label(path, labels, counter)
        entries[key] = finding
        return path, finding

    jobs = [(image_kind, path) for path in images] + [(label_kind, path) for path in maps]
    findings = Findings()
    pool = ThreadPoolExecutor(reading_threads())
    try:
        for visited in pool.map(visit, jobs):
            if visited is not None:
                path, finding = visited
                if isinstance(finding, PhotographFinding):
                    findings.images[path] = finding
                else:
                    findings.labels[path] = finding
    finally:  # also when interrupted, so that the files already read are not read again
        pool.shutdown(cancel_futures=True)
        _save(cache_file, entries)
    return findings


def reading_threads() -> int:
    """Number of threads that read files."""
    return min(_MOST_THREADS, available_cores())


def _fingerprint(labels: LabelSet) -> str:
    """Hash of the meaning of raw labels, which the findings on label maps depend on."""
    meaning = (labels.encoding, sorted(labels.raw.items(), key=repr), labels.undeclared, labels.num_classes)
    return _hash(meaning)


def _hash(settings: object) -> str:
    return hashlib.blake2b(repr(settings).encode(), digest_size=16).hexdigest()


def _load(cache_file: Path) -> dict[str, Finding]:
    """The cached findings; none if the cache is missing, damaged or of another version, since it only saves time."""
    try:
        document = json.loads(cache_file.read_text(encoding="utf-8"))
        if document["version"] != _CACHE_VERSION:
            return {}
        return {
            key: (_photograph_finding if key.startswith("image ") else _label_finding)(*_tuple(values))
            for key, values in document["files"].items()
        }
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return {}


def _tuple(value: Any) -> Any:
    """JSON's lists as tuples, at every depth."""
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


def _photograph_finding(*values: Any) -> PhotographFinding:
    finding = PhotographFinding(*values)
    return finding._replace(facts=None if finding.facts is None else ImageFacts(*finding.facts))


def _label_finding(*values: Any) -> LabelFinding:
    finding = LabelFinding(*values)
    return finding._replace(objects=tuple((c, tuple(Objects(*numbers) for numbers in of)) for c, of in finding.objects))


def _save(cache_file: Path, entries: Mapping[str, Finding]) -> None:
    text = json.dumps({"version": _CACHE_VERSION, "files": entries}, separators=(",", ":"))
    with suppress(InputError):  # a read-only home makes the next check slower, not wrong
        write_text(cache_file, text, recorded=False)


def default_cache() -> Path:
    """The folder ``encnet/check`` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "encnet" / "check"
