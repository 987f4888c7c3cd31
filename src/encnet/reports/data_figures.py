"""Numbers of a data set for its page: raw values, objects, sizes and histograms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from encnet.data.dataset import DatasetIndex
from encnet.data.findings import Findings
from encnet.data.inspection import LabelFinding
from encnet.data.labels import LabelSet
from encnet.data.raw_counts import OTHERS
from encnet.data.raw_labels import pack_color, unpack_color
from encnet.system.text import counted

MOST_ROWS: int = 300
"""Rows of raw values above which only those that occur are listed."""

MOST_SIZES: int = 8
"""Number of image sizes that are listed one by one."""


class RawShare(NamedTuple):
    """How often a raw value or colour occurs in a split."""

    share: float | None
    """Share of all pixels, 0-1; None if the split has no label maps that can be read."""
    images: int
    """Number of label maps that have it."""


class RawRow(NamedTuple):
    """A raw value or colour, its class, and how often it occurs."""

    raw: str
    """The value, or the colour as "(r, g, b)"."""
    target: int | None
    """Class index or :attr:`LabelSet.ignore`; None for an undeclared value, which is an error."""
    shares: Mapping[str, RawShare]
    """Split -> how often it occurs."""


class Narrow(NamedTuple):
    """The objects of a class that are narrower than the network's stride."""

    objects: float
    """Their share of the objects of the class, 0-1."""
    pixels: float
    """Their share of the pixels of the class, 0-1."""


class ObjectRow(NamedTuple):
    """The objects of a class."""

    target: int
    """Class index."""
    objects: int
    """Number of connected areas."""
    median: float
    """Median width in pixels."""
    narrow: Narrow
    """Those that are narrower than the network's stride."""
    narrow_resized: Narrow | None
    """Those that are narrower after each image is resized to the working size; None without one."""


class Bar(NamedTuple):
    """A bar of a histogram."""

    label: str
    """The values it stands for."""
    number: int
    """How many there are."""
    height: float
    """The number divided by the largest of the histogram, 0-1."""


def raw_rows(index: DatasetIndex, findings: Findings) -> tuple[list[RawRow], int]:
    """A row for each declared or occurring raw value or colour, and the number of declared ones that are left out.

    Declared ones come first, in their order. Those that do not occur are left out if there are more than
    :data:`MOST_ROWS` in all.
    """
    labels = index.labels
    pixels: dict[str, Counter[int]] = {split: Counter() for split in index.splits}
    images: dict[str, Counter[int]] = {split: Counter() for split in index.splits}
    for split, samples in index.splits.items():
        for sample in samples:
            label = findings.labels.get(sample.label) if sample.label is not None else None
            if label is not None:
                pixels[split].update(dict(label.raw))
                images[split].update(raw for raw, _ in label.raw)
    declared = {raw if isinstance(raw, int) else pack_color(raw): target for raw, target in labels.raw.items()}
    occurring = {raw for counts in pixels.values() for raw in counts}
    undeclared = sorted(occurring - declared.keys(), key=lambda raw: (raw == OTHERS, raw))
    shown = [*declared, *undeclared]
    if len(shown) > MOST_ROWS:
        shown = [raw for raw in shown if raw in occurring]
    rows = []
    for raw in shown:
        shares = {}
        for split, counts in pixels.items():
            total = counts.total()
            shares[split] = RawShare(counts[raw] / total if total else None, images[split][raw])
        rows.append(RawRow(_raw_text(raw, labels), declared.get(raw, labels.undeclared), shares))
    return rows, len(declared.keys() - set(shown))


def object_rows(maps: Iterable[LabelFinding], stride: int, long_side: int | None = None) -> list[ObjectRow]:
    """The objects of each class that has any, over all label maps.

    Args:
        maps: the label maps.
        stride: pixels of an image for each pixel of the network's features.
        long_side: working size: the length in pixels to which the long side of each image is resized first.
    """
    widths: dict[int, Counter[int]] = {}
    totals: dict[int, np.ndarray] = {}  # objects and pixels: of all, of the narrow, of the narrow when resized
    for found in maps:
        scale = long_side / max(found.size) if long_side and found.size else 1.0
        for target, objects in found.objects:
            numbers, sums = widths.setdefault(target, Counter()), totals.setdefault(target, np.zeros((3, 2)))
            for width, number, pixels in objects:
                numbers[width] += number
                sums += np.outer((True, width < stride, width * scale < stride), (number, pixels))
    rows = []
    for target, numbers in sorted(widths.items()):
        every, narrow, resized = totals[target].tolist()
        shares = [Narrow(part[0] / every[0], part[1] / every[1]) for part in (narrow, resized)]
        rows.append(
            ObjectRow(target, numbers.total(), _median(numbers), shares[0], None if long_side is None else shares[1])
        )
    return rows


def size_rows(sizes: Iterable[tuple[int, int]]) -> list[Bar]:
    """A bar for each of the most frequent (width, height), and one for all others."""
    numbers = Counter(sizes).most_common()
    bars = [(f"{width} x {height}", number) for (width, height), number in numbers[:MOST_SIZES]]
    rest = numbers[MOST_SIZES:]
    if rest:
        bars.append((counted(len(rest), "other size"), sum(number for _, number in rest)))
    return _bars(bars)


def histogram(values: Sequence[float], edges: Sequence[float], digits: int = 0) -> list[Bar]:
    """A bar for each bin from the first to the last that is not empty.

    Args:
        values: the values.
        edges: rising edges of the bins; the last bin includes its right edge.
        digits: decimals of the edges in the labels.
    """
    numbers = np.histogram(np.array(values, dtype=float), np.array(edges, dtype=float))[0]
    labels = [f"{low:.{digits}f} to {high:.{digits}f}" for low, high in pairwise(edges)]
    occupied = np.flatnonzero(numbers)
    first, last = (occupied[0], occupied[-1] + 1) if occupied.size else (0, 0)
    return _bars(list(zip(labels, numbers.tolist(), strict=True))[first:last])


def aspect_histogram(sizes: Iterable[tuple[int, int]]) -> list[Bar]:
    """A histogram of width divided by height, in twelve equal bins from the smallest to the largest ratio."""
    ratios = [width / height for width, height in sizes]
    if not ratios or max(ratios) - min(ratios) < 0.01:
        return []
    return histogram(ratios, np.linspace(min(ratios), max(ratios), 13).tolist(), digits=2)


def target_text(target: int | None, labels: LabelSet) -> str:
    """The class of a raw value in words."""
    if target is None:
        return "undeclared: an error"
    return "ignored" if target == labels.ignore else labels.names[target]


def _median(numbers: Mapping[int, int]) -> float:
    """The median of values that are given as value -> number of times."""
    values = sorted(numbers)
    return float(np.median(np.repeat(values, [numbers[value] for value in values])))


def _bars(numbers: list[tuple[str, int]]) -> list[Bar]:
    largest = max([number for _, number in numbers], default=0) or 1
    return [Bar(label, number, number / largest) for label, number in numbers]


def _raw_text(raw: int, labels: LabelSet) -> str:
    if raw == OTHERS:
        return "others"
    values: tuple[Any, ...] = unpack_color(raw) if labels.encoding == "color" else (raw,)
    return "({}, {}, {})".format(*values) if len(values) == 3 else str(raw)
