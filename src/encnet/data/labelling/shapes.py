"""What can be wrong with one shape among many: it is left out and counted, and the import goes on."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from encnet.data.labelling.drawing import Points

MAX_COORDINATE: float = 1e6
"""Coordinates beyond it are slips or damage; drawing them would need the memory for as many pixels."""

OUTSIDE = "area outside of the image"
NO_SIZE = "area of zero size"
NO_LABEL = "area without a label"
RUN_LENGTHS = "mask whose run lengths do not fit"


class ShapeError(ValueError):
    """A shape is no area. The message says what it is, in the singular: "polygon of fewer than three corners"."""


def kind_of(error: Exception) -> str:
    """What a shape is that could not be read: the message of ShapeError, and "damaged shape" for other errors."""
    return str(error) if isinstance(error, ShapeError) else "damaged shape"


def checked_label(label: object) -> str:
    """A label as it is; raises ShapeError if it is no text or empty."""
    if not isinstance(label, str) or not label.strip():
        raise ShapeError(NO_LABEL)
    return label


def checked_polygon(corners: Iterable[Iterable[float]], size: tuple[int, int] | None, kind: str = "polygon") -> Points:
    """The corners of a polygon.

    Args:
        corners: x and y of each corner in pixels.
        size: (height, width) of the image in pixels; None if it is not known.
        kind: what the shape is, for messages.

    Raises:
        ShapeError: it has fewer than three corners or no area, a coordinate is no number or too large, or it is outside
            of the image.
    """
    points: Points = [(float(x), float(y)) for x, y in corners]
    checked_coordinates(points)
    if len(points) < 3:
        raise ShapeError(f"{kind} of fewer than three corners")
    if _on_a_line(np.array(points)):
        raise ShapeError(NO_SIZE)
    check_inside(points, size)
    return points


def checked_coordinates(points: Points) -> Points:
    """Points as they are; raises ShapeError if a coordinate is no number or too large."""
    if not all(math.isfinite(number) for point in points for number in point):
        raise ShapeError("area with a coordinate that is not a number")
    if any(abs(number) > MAX_COORDINATE for point in points for number in point):
        raise ShapeError("area with a coordinate beyond a million pixels")
    return points


def check_inside(points: Points, size: tuple[int, int] | None) -> None:
    """Raises ShapeError if the bounding box of points is outside of an image of that (height, width)."""
    if size is not None:
        for numbers, length in zip(zip(*points, strict=True), (size[1], size[0]), strict=True):
            if max(numbers) < 0 or min(numbers) > length:
                raise ShapeError(OUTSIDE)


def check_patch(patch: np.ndarray, left: int, top: int, size: tuple[int, int] | None) -> None:
    """Raises ShapeError if a (rows, columns) bool patch at (left, top) has no pixel inside the image."""
    if not patch.any():
        raise ShapeError(NO_SIZE)
    rows, columns = np.flatnonzero(patch.any(axis=1)), np.flatnonzero(patch.any(axis=0))
    right, bottom = left + int(columns[-1]), top + int(rows[-1])
    if right < 0 or bottom < 0 or (size and (left + columns[0] >= size[1] or top + rows[0] >= size[0])):
        raise ShapeError(OUTSIDE)


def _on_a_line(points: np.ndarray) -> bool:
    """Whether (corners, 2) points are on one line, or are one point."""
    offsets = points - points[0]
    far = offsets[np.argmax(np.abs(offsets).sum(axis=1))]
    across = np.abs(offsets[:, 0] * far[1] - offsets[:, 1] * far[0])
    return bool((across <= 1e-9 * max(1.0, float(np.dot(far, far)))).all())
