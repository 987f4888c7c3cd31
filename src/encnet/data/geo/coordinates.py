"""Coordinates of places on the grid of a raster.

Neither Affine's own operators nor rasterio's functions that use them: ``*`` warns in newer versions of Affine, and
older ones lack ``@``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def coordinates(transform: Any, places: Sequence[tuple[float, float]]) -> np.ndarray:
    """The coordinates, (N, 2), of places on the grid of a raster.

    Args:
        transform: the affine transform of the raster.
        places: (column, row) of each place, from the outer corner of the first pixel.
    """
    a, b, c, d, e, f = transform[:6]
    columns, rows = np.array(places, np.float64).T
    return np.column_stack([a * columns + b * rows + c, d * columns + e * rows + f])


def corners(transform: Any, top: int, left: int, bottom: int, right: int) -> np.ndarray:
    """The coordinates, (4, 2), of the corners of a rectangle of pixels, around it."""
    return coordinates(transform, [(left, top), (right, top), (right, bottom), (left, bottom)])


def resized(transform: Any, rows: float, columns: float) -> Any:
    """The transform of a grid whose pixels are that many times as high and as wide."""
    a, b, c, d, e, f = transform[:6]
    return type(transform)(a * columns, b * rows, c, d * columns, e * rows, f)


def moved_to(transform: Any, row: int, column: int) -> Any:
    """The transform of a grid whose first pixel is one of another row and column."""
    ((x, y),) = coordinates(transform, [(column, row)])
    a, b, _, d, e, _ = transform[:6]
    return type(transform)(a, b, float(x), d, e, float(y))
