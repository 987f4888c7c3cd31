"""Findings on each file of a data set, cached on disk between checks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from encnet.data.connected_objects import Objects
from encnet.data.file_cache import cache_path, read_cached
from encnet.data.image_facts import ImageFacts
from encnet.data.inspection import LabelFinding, PhotographFinding, inspect_image, inspect_label
from encnet.data.labels import LabelSet
from encnet.data.raw_counts import RawCounter
from encnet.data.sample_files import ImageFile, LabelFile
from encnet.data.source import PHOTOGRAPHS, ImageSource

_VERSION = 9


@dataclass
class Findings:
    """File -> finding, separately for images and label maps; missing files have no entry."""

    images: dict[ImageFile, PhotographFinding] = field(default_factory=dict)
    labels: dict[LabelFile, LabelFinding] = field(default_factory=dict)


def read_findings(
    images: Iterable[ImageFile],
    maps: Iterable[LabelFile],
    labels: LabelSet,
    root: Path,
    cache: Path | None,
    on_file: Callable[[], object],
    source: ImageSource = PHOTOGRAPHS,
) -> Findings:
    """Reads images and label maps, except those that are unchanged since they were read with the same settings.

    Args:
        images: image files.
        maps: label map files.
        labels: the meaning of the label maps.
        root: folder of the data set.
        cache: folder of the findings of the last check, which are replaced; None is the user's cache folder.
        on_file: called once for each file, from any thread.
        source: how images are read.
    """
    counter = RawCounter(labels)
    return Findings(
        read_cached(
            images,
            lambda path: inspect_image(path, source),
            cache_path("photographs", root, cache),
            f"{_VERSION} {_hash(source)}",
            list,
            lambda values: _photograph_finding(*_tuple(values)),
            on_file,
        ),
        read_cached(
            maps,
            lambda path: inspect_label(path, labels, counter, source),
            cache_path("label_maps", root, cache),
            f"{_VERSION} {_fingerprint(labels)} {source.bands}",
            list,
            lambda values: _label_finding(*_tuple(values)),
            on_file,
        ),
    )


def _fingerprint(labels: LabelSet) -> str:
    """Hash of the meaning of raw labels, which the findings on label maps depend on."""
    meaning = (labels.encoding, sorted(labels.raw.items(), key=repr), labels.undeclared, labels.num_classes)
    return _hash(meaning)


def _hash(settings: object) -> str:
    return hashlib.blake2b(repr(settings).encode(), digest_size=16).hexdigest()


def _tuple(value: Any) -> Any:
    """JSON's lists as tuples, at every depth."""
    return tuple(map(_tuple, value)) if isinstance(value, list) else value


def _photograph_finding(*values: Any) -> PhotographFinding:
    finding = PhotographFinding(*values)
    return finding._replace(facts=None if finding.facts is None else ImageFacts(*finding.facts))


def _label_finding(*values: Any) -> LabelFinding:
    finding = LabelFinding(*values)
    return finding._replace(objects=tuple((c, tuple(Objects(*numbers) for numbers in of)) for c, of in finding.objects))
