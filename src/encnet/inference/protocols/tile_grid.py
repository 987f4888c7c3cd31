"""Positions of the shared-context tiles of an image, their pixels, and their weights where they overlap."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from encnet.data.raster import Region
from encnet.inference.preprocessing import filled

ALIGNMENT: int = 32
"""Tiles begin at multiples of this number of pixels, the largest stride of a stage, so that the places of their
features are places of the features of the whole image."""


class Span(NamedTuple):
    """A tile along one side of the image, in pixels."""

    start: int
    stop: int
    core: slice  #: the pixels of the image that count in this tile and in no other


Read = Callable[[slice, slice], Region]
"""Reads a region of an image, given its rows and columns."""


def filled_reader(read: Read, size: tuple[int, int]) -> Read:
    """Extends a reader to regions beyond the image, filled with copies of its last row and column.

    Args:
        read: reads regions of the image.
        size: height and width of the image.
    """

    def reader(rows: slice, columns: slice) -> Region:
        inside = slice(rows.start, min(rows.stop, size[0])), slice(columns.start, min(columns.stop, size[1]))
        pixels, valid = read(*inside)
        full = rows.stop - rows.start, columns.stop - columns.start
        if valid is not None:
            valid = filled(valid[None, :, :, None], full)[0, :, :, 0]
        return Region(filled(pixels[None], full)[0], valid)

    return reader


def spans(side: int, tile: int, margin: int) -> list[Span]:
    """The smallest number of tiles that cover a side, spread evenly; neighbours overlap by at least two margins.

    Args:
        side: length of the side of the image in pixels.
        tile: length of a tile, a multiple of :data:`ALIGNMENT`; the last tile may be shorter, by less than that.
        margin: a multiple of :data:`ALIGNMENT`, below half a tile. The distance from the core to the end of a tile is
            at least one margin, except at the ends of the image.

    Returns:
        The tiles; a single one if the side is no longer than a tile.
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
    """The weights of the scores of each tile at its places.

    Where two tiles overlap, the weights change as sin² within the middle half of the overlap. In the outer quarter,
    near its end, a tile has the weight 0: on photographs, this gives labels closer to those of the whole image than
    weights that change over the whole overlap.

    Args:
        tiles: tiles of :func:`spans`.
        stride: distance in pixels between places, a divisor of :data:`ALIGNMENT`.
        places: number of places of the whole side.

    Returns:
        One array per tile, (places of the tile,) float32, 0-1; at each place of the side the weights of all tiles sum
        to 1.
    """
    unnormalised = [
        np.ones((places if i + 1 == len(tiles) else tile.stop // stride) - tile.start // stride)
        for i, tile in enumerate(tiles)
    ]
    for before, after, fading, rising in zip(tiles, tiles[1:], unnormalised, unnormalised[1:], strict=False):
        shared = (before.stop - after.start) // stride
        if shared > 0:
            along = (np.arange(shared) + 0.5) / shared
            rise = np.sin(np.pi / 2 * np.clip(2 * along - 0.5, 0, 1)) ** 2
            fading[-shared:] *= rise[::-1]
            rising[:shared] *= rise
    total = np.zeros(places)
    for tile, weight in zip(tiles, unnormalised, strict=True):
        total[tile.start // stride :][: len(weight)] += weight
    return [
        (weight / total[tile.start // stride :][: len(weight)]).astype(np.float32)
        for tile, weight in zip(tiles, unnormalised, strict=True)
    ]
