"""Images that are probably not as their owner thinks: empty label maps, outliers in size and brightness."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.findings import Findings
from encnet.data.inspection import LabelFinding, PhotographFinding
from encnet.data.perceptual_hash import LEAST_CONTRAST

ONE_CLASS: float = 0.99
"""Share of the labelled pixels above which one class counts as the only one."""

TIMES_THE_SIZE: float = 4.0
"""An image with this many times the median number of pixels, or with this fraction of it, is an outlier."""

DEVIATIONS: float = 3.5
"""Standard deviations from the median above which brightness is an outlier, as Iglewicz and Hoaglin (1993) propose. The
standard deviation is estimated from the median absolute deviation, which outliers do not move."""

_LEAST_DEVIATION = 8.0  # grey levels; photographs of one scene in one light hardly differ, and are no outliers for it


class Suspect(NamedTuple):
    """An image of one :class:`Suspicion`."""

    split: str
    """Its first split."""
    sample: Sample
    """The image and its label map."""
    detail: str
    """What is unusual about it, with its numbers."""


class Suspicion(NamedTuple):
    """The images that are unusual for one reason."""

    title: str
    """The reason in a few words."""
    advice: str
    """One sentence: what may have gone wrong."""
    suspects: tuple[Suspect, ...]
    """The images, the most unusual first."""


class _Read(NamedTuple):
    """A sample with the findings on its two files."""

    split: str
    sample: Sample
    image: PhotographFinding
    label: LabelFinding | None


def suspicions(index: DatasetIndex, findings: Findings) -> list[Suspicion]:
    """The suspicions that at least one readable image raises. An image in several splits is listed once."""
    read: dict[Sample, _Read] = {}
    for split, samples in index.splits.items():
        for sample in samples:
            image = findings.images.get(sample.image)
            label = None if sample.label is None else findings.labels.get(sample.label)
            if image is not None and image.size is not None:
                read.setdefault(sample, _Read(split, sample, image, label))
    names = index.labels.names
    found = [
        Suspicion(
            "Nothing is labelled",
            "All pixels are ignored, so that training learns nothing from the image; was the label map saved empty?",
            _suspects(read.values(), _all_ignored),
        ),
        Suspicion(
            "Almost only one class",
            f"One class has more than {ONE_CLASS:.0%} of the labelled pixels; was labelling broken off?",
            _suspects(read.values(), lambda item: _one_class(item, names)),
        ),
        Suspicion(
            "Nothing to see",
            "The image has almost a single colour; is it a placeholder, or was the lens covered?",
            _suspects(read.values(), _flat),
        ),
        Suspicion(
            "Unusual brightness",
            "The image is much darker or brighter than the others; is it of another camera, or badly exposed?",
            _suspects(read.values(), _brightness_outlier([item.image.brightness for item in read.values()])),
        ),
        Suspicion(
            "Unusual size",
            "The image is much larger or smaller than the others; is it a thumbnail, or of another source?",
            _suspects(read.values(), _size_outlier([_pixels(item) for item in read.values()])),
        ),
    ]
    return [suspicion for suspicion in found if suspicion.suspects]


_Rule = Callable[[_Read], tuple[float, str] | None]
"""A sample -> how unusual it is, and its detail; None if it is not."""


def _suspects(read: Iterable[_Read], rule: _Rule) -> tuple[Suspect, ...]:
    scored = [(result, item) for item in read if (result := rule(item)) is not None]
    scored.sort(key=lambda pair: -pair[0][0])  # stable: equally unusual images stay in their order
    return tuple(Suspect(item.split, item.sample, detail) for (_, detail), item in scored)


def _all_ignored(item: _Read) -> tuple[float, str] | None:
    if item.label is not None and item.label.ignored == 1:
        return 1, "all pixels are ignored"
    return None


def _one_class(item: _Read, names: tuple[str, ...]) -> tuple[float, str] | None:
    counts = {} if item.label is None else item.label.class_pixels
    if not counts:
        return None
    largest = max(counts, key=lambda c: counts[c])
    share = counts[largest] / sum(counts.values())
    return (share, f"{100 * share:.2f} % is {names[largest]}") if share > ONE_CLASS else None


def _flat(item: _Read) -> tuple[float, str] | None:
    contrast = item.image.contrast
    text = f"standard deviation of the grey levels {contrast:.1f}"
    return (-contrast, text) if contrast < LEAST_CONTRAST else None


def _brightness_outlier(values: list[float]) -> _Rule:
    median = float(np.median(values)) if values else 0.0
    spread = 1.4826 * float(np.median(np.abs(np.array(values) - median))) if values else 0.0
    deviation = max(spread, _LEAST_DEVIATION)

    def rule(item: _Read) -> tuple[float, str] | None:
        away = abs(item.image.brightness - median) / deviation
        text = f"mean grey level {item.image.brightness:.0f}, median of all images {median:.0f}"
        return (away, text) if away > DEVIATIONS else None

    return rule


def _size_outlier(pixels: list[int]) -> _Rule:
    median = float(np.median(pixels)) if pixels else 1.0

    def rule(item: _Read) -> tuple[float, str] | None:
        times = _pixels(item) / median
        unusual = max(times, 1 / times)
        width, height = item.image.size or (0, 0)
        text = f"{width} x {height} pixels, {times:.{0 if times >= 10 else 2}f} times the median of all images"
        return (unusual, text) if unusual >= TIMES_THE_SIZE else None

    return rule


def _pixels(item: _Read) -> int:
    width, height = item.image.size or (0, 0)
    return width * height
