"""Where two annotation files give one pixel of a photograph different classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from encnet.data.class_indices import IGNORE
from encnet.data.labelling.annotations import AnnotatedImage, first_names
from encnet.data.labelling.drawing import drawing_order
from encnet.data.labelling.merging import Record
from encnet.system.text import counted

FEW_PIXELS: int = 9
"""Areas of different files may overlap by so many pixels, or ..."""
FEW: float = 0.01
"""... by this share of the smaller area: neighbours are rarely drawn to the pixel."""
INSIDE: float = 0.9
"""An area with this share of its pixels in another one of twice its size is a part of it, as a car on a road: the
smaller one is meant to be on top."""

_NOBODY = -1


def contradiction_warnings(
    records: Sequence[Record], values: Mapping[str, int], large_below: bool, ignore: int = IGNORE
) -> list[str]:
    """A sentence about all photographs to whose pixels annotation files give different classes, if there are any.

    Args:
        records: the photographs.
        values: label -> class index or ``ignore``.
        large_below: whether small areas lie over large ones.
        ignore: the index of ignored pixels.
    """
    wrong, pixels = 0, 0
    names: list[str] = []
    for record in records:
        size = record.image.size
        several = len(record.parts) > 1
        number = contradiction(record.parts, values, size, large_below, ignore) if size and several else 0
        if size and number:
            wrong, pixels = wrong + number, pixels + size[0] * size[1]
            names.append(record.image.name)
    if not names:
        return []
    top = "the smaller area" if large_below else "the area of the later file"
    return [
        f"annotations of {counted(len(names), 'photograph')} ({first_names(names)}) contradict each other: they give"
        f" different classes to {wrong / pixels:.2%} of the pixels; {top} is on top"
    ]


def contradiction(
    parts: Sequence[AnnotatedImage],
    values: Mapping[str, int],
    size: tuple[int, int],
    large_below: bool,
    ignore: int = IGNORE,
) -> int:
    """The number of pixels to which two annotation files give different classes.

    Args:
        parts: one photograph with the areas of each file alone.
        values: label -> class index or ``ignore``; ignored areas contradict nothing.
        size: (height, width) of the upright photograph in pixels.
        large_below: whether small areas lie over large ones.
        ignore: the index of ignored pixels.
    """
    tops = [_Tops(part, values, size, large_below, ignore) for part in parts]
    wrong = np.zeros(size, bool)
    for one, two in combinations(tops, 2):
        both = (one.owner != _NOBODY) & (two.owner != _NOBODY)
        both[both] = one.classes[one.owner[both]] != two.classes[two.owner[both]]
        pairs = one.owner[both].astype(np.int64) * len(two.areas) + two.owner[both]
        for pair, overlap in zip(*np.unique(pairs, return_counts=True), strict=True):
            first, second = divmod(int(pair), len(two.areas))
            small, large = sorted((one.areas[first], two.areas[second]))
            is_part = overlap >= INSIDE * small and large >= 2 * small
            if overlap > max(FEW_PIXELS, FEW * small) and not is_part:
                wrong |= (one.owner == first) & (two.owner == second)
    return int(wrong.sum())


class _Tops:
    """Which area of one file is on top at each pixel."""

    def __init__(
        self, image: AnnotatedImage, values: Mapping[str, int], size: tuple[int, int], large_below: bool, ignore: int
    ) -> None:
        areas = [area for area in image.areas if values.get(area.label, ignore) != ignore]
        drawn = drawing_order(areas, *size, large_below)
        self.owner = np.full(size, _NOBODY, np.int32)
        self.areas: list[int] = []  # pixels of each area
        self.classes = np.array([values[area.label] for area in drawn], np.int64)
        for number, area in enumerate(drawn):
            mask = area.mask(*size)
            self.owner[mask] = number
            self.areas.append(int(mask.sum()))
