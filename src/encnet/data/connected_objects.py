"""Objects in label maps: connected areas of one class, and how wide they are."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from encnet.data.class_indices import ignore_in

REDUCED_SIDE: int = 1024
"""Upper bound on the long side, in pixels, of the maps in which objects are searched."""


class Objects(NamedTuple):
    """The objects of one class and one width in a label map."""

    width: int
    """The shorter side of their bounding boxes, in pixels of the whole map."""
    number: int
    """How many there are."""
    pixels: int
    """Pixels of the whole map that they have together."""


def reduction(height: int, width: int) -> int:
    """The step, in pixels, at which a label map is sampled before objects are searched in it; 1 for small maps.

    Of a 4000 x 3000 map every fourth pixel of every fourth row is read: searching in all pixels would take five times
    as long as decoding them. Sizes are then multiples of the step, and some objects narrower than the step are missed.
    """
    return max(1, math.ceil(max(height, width) / REDUCED_SIDE))


def find_objects(labels: np.ndarray, step: int = 1) -> dict[int, tuple[Objects, ...]]:
    """The objects in a label map by class and width.

    An object is a connected area of one class; pixels are connected over their four sides. Its width is the shorter
    side of its bounding box. Ignored pixels are no object.

    Args:
        labels: (H, W) uint8 or uint16, class indices and ignored pixels.
        step: pixels of the whole map for each pixel of ``labels``.

    Returns:
        Class index -> its objects, from narrow to wide.
    """
    ignore = ignore_in(labels)
    found: dict[int, tuple[Objects, ...]] = {}
    for target, box in enumerate(ndimage.find_objects(labels.astype(np.int32) + 1)):
        if box is None or target == ignore:
            continue
        areas, _ = ndimage.label(labels[box] == target)  # pyright: ignore[reportGeneralTypeIssues]
        widths = [min(rows.stop - rows.start, columns.stop - columns.start) for rows, columns in _boxes(areas)]
        numbers = np.bincount(widths)
        pixels = np.bincount(widths, weights=np.bincount(areas.ravel())[1:])
        found[target] = tuple(
            Objects(step * int(width), int(numbers[width]), step**2 * int(pixels[width]))
            for width in np.flatnonzero(numbers)
        )
    return found


def _boxes(areas: np.ndarray) -> list[tuple[slice, slice]]:
    """The rows and columns of each area of a map that numbers them from 1."""
    return ndimage.find_objects(areas)
