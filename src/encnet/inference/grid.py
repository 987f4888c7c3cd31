"""Where the tiles of a large image lie, what is read of each, and how much it counts where they overlap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

ALIGNMENT = 32
"""Tiles begin at multiples of so many pixels, the largest stride of a stage: so the places of their features are places
of the whole image's features."""


class Span(NamedTuple):
    """A tile along one side of the image, in pixels."""

    start: int
    stop: int
    core: slice  #: its pixels that are counted in this tile and in no other, from the start of the image


class Window(NamedTuple):
    """What is in a tile of an image."""

    pixels: np.ndarray  #: uint8 (h, w, 3), RGB
    valid: np.ndarray | None = None  #: bool (h, w), which pixels hold data; None where all do


Read = Callable[[slice, slice], Window]
"""Rows and columns of an image -> what is there."""


def spans(side: int, tile: int, margin: int) -> list[Span]:
    """As few tiles as cover a side, spread evenly; neighbours share at least two margins.

    Args:
        side: of the image, in pixels.
        tile: length of a tile, a multiple of :data:`ALIGNMENT`; the last one may be shorter, by less than that.
        margin: a multiple of :data:`ALIGNMENT`, below half a tile. The core of a tile ends at least so far from where
            the tile ends, except at the ends of the image.

    Returns:
        One span of the whole side where it is no longer than a tile.
    """
    if side <= tile:
        return [Span(0, side, slice(0, side))]
    count = math.ceil((side - tile) / (tile - 2 * margin)) + 1
    last = math.ceil((side - tile) / ALIGNMENT)
    starts = [ALIGNMENT * (i * last // (count - 1)) for i in range(count)]
    stops = [*(start + tile for start in starts[:-1]), side]
    middles = [ALIGNMENT * ((start + stop) // (2 * ALIGNMENT)) for start, stop in zip(starts[1:], stops, strict=False)]
    cores = map(slice, [0, *middles], [*middles, side])
    return [Span(*span) for span in zip(starts, stops, cores, strict=True)]


def weights(tiles: Sequence[Span], stride: int, places: int) -> list[np.ndarray]:
    """How much the scores of each tile count at its places.

    Where tiles overlap, one takes over from the other as sin² does, within the middle half. Nearer to its end, where it
    knows little of what comes after it, a tile does not count: on photographs that gives labels nearer to those of the
    whole image than weights that change from end to end.

    Args:
        tiles: of :func:`spans`.
        stride: pixels from one place to the next, a divisor of :data:`ALIGNMENT`.
        places: of the whole side.

    Returns:
        Of each tile (its places,) float32, 0-1; at each place of the side those of all tiles add up to 1.
    """
    found = [
        np.ones((places if i + 1 == len(tiles) else tile.stop // stride) - tile.start // stride)
        for i, tile in enumerate(tiles)
    ]
    for before, after, fading, rising in zip(tiles, tiles[1:], found, found[1:], strict=False):
        shared = (before.stop - after.start) // stride
        if shared > 0:
            along = (np.arange(shared) + 0.5) / shared
            rise = np.sin(np.pi / 2 * np.clip(2 * along - 0.5, 0, 1)) ** 2
            fading[-shared:] *= rise[::-1]
            rising[:shared] *= rise
    total = np.zeros(places)
    for tile, weight in zip(tiles, found, strict=True):
        total[tile.start // stride :][: len(weight)] += weight
    return [
        (weight / total[tile.start // stride :][: len(weight)]).astype(np.float32)
        for tile, weight in zip(tiles, found, strict=True)
    ]
