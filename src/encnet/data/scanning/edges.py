"""Where in label maps a value lies: inside areas, as classes do, or only along edges, as smoothing leaves it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

_MINOR_SHARE = 0.02
"""A value that smoothing leaves has at most this share of all pixels."""
_INSIDE, _BETWEEN = 0.05, 0.5
"""Of its pixels, less than the first share are part of a 2 x 2 block of the value, and more than the second share lie
between their neighbours: one is higher, the opposite one lower."""
_BETWEEN_COUNT, _ANY_COUNT = 3, 12
"""So many values along edges are smoothing: the first number if they lie between their neighbours, else the second."""


def smoothed_levels(
    levels: np.ndarray, pixels: np.ndarray, files: Iterable[Path], read: Callable[[Path], np.ndarray], ordered: bool
) -> list[int]:
    """The levels that smoothing, resizing or lossy compression has left at the edges of areas.

    Args:
        levels: (n,) all levels.
        pixels: (n,) number of pixels of each.
        files: some label maps that hold the rare levels.
        read: label map -> (H, W) levels.
        ordered: whether levels are values, between which other values can lie; colours are not.

    Returns:
        The levels; none if they look like classes.
    """
    minor = levels[pixels <= _MINOR_SHARE * pixels.sum()]
    if len(minor) < _BETWEEN_COUNT or len(levels) - len(minor) < 1:
        return []
    count, inside, between = (np.zeros(len(minor), np.int64) for _ in range(3))
    for path in files:
        added = _positions(read(path), minor)
        count, inside, between = count + added[0], inside + added[1], between + added[2]
    seen = count > 0
    thin = seen & (inside < _INSIDE * np.maximum(count, 1))
    along = thin & (between > _BETWEEN * count) if ordered else np.zeros(len(minor), bool)
    if along.sum() >= _BETWEEN_COUNT:
        return minor[thin].tolist()
    return minor[thin].tolist() if thin.sum() >= _ANY_COUNT else []


def first_pixel(raw: np.ndarray, level: int) -> tuple[int, int]:
    """Row and column, from 0, of the first pixel of a level in a label map."""
    row, column = np.unravel_index(int((raw == level).argmax()), raw.shape)
    return int(row), int(column)


def has_block(raw: np.ndarray, level: int) -> bool:
    """Whether a level fills a block of 2 x 2 pixels anywhere in a label map."""
    found = raw == level
    return bool((found[1:, 1:] & found[1:, :-1] & found[:-1, 1:] & found[:-1, :-1]).any())


def _positions(raw: np.ndarray, minor: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each minor level: its pixels, those in a 2 x 2 block of it, and those between their neighbours."""
    block = (raw[1:, 1:] == raw[:-1, :-1]) & (raw[1:, :-1] == raw[:-1, 1:]) & (raw[1:, 1:] == raw[1:, :-1])
    inside = np.zeros(raw.shape, bool)
    for rows in (slice(1, None), slice(None, -1)):
        for columns in (slice(1, None), slice(None, -1)):
            inside[rows, columns] |= block
    between = np.zeros(raw.shape, bool)
    for low, high, middle in (
        (raw[:, :-2], raw[:, 2:], (slice(None), slice(1, -1))),
        (raw[:-2], raw[2:], (slice(1, -1), slice(None))),
    ):
        center = raw[middle]
        between[middle] |= ((low < center) & (center < high)) | ((high < center) & (center < low))
    return _counted(raw, minor), _counted(raw[inside], minor), _counted(raw[between], minor)


def _counted(values: np.ndarray, minor: np.ndarray) -> np.ndarray:
    positions = np.minimum(np.searchsorted(minor, values.ravel()), len(minor) - 1)
    return np.bincount(positions[minor[positions] == values.ravel()], minlength=len(minor))
