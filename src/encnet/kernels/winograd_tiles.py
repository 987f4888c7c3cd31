"""The tiles of a map for Winograd's convolution: 6x6 inputs for 4x4 outputs.

With dilation d a tile reads every d-th pixel, so each of the d x d sub-grids of the map has its own tiles. T is the
number of tiles of all images, positions and sub-grids. :func:`pixels_of_tiles` and :func:`outputs_of_pixels` compute
which pixels the tiles read and write; they use only operators that PyTorch's tensors and the nodes of an exported graph
have in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

OUTPUTS = 4
"""Rows and columns of a tile's outputs, and the distance from one tile to the next."""
INPUTS = OUTPUTS + 2
"""Rows and columns of a tile's inputs."""
PART = 32 << 20
"""Upper bound, in bytes, on the tiles in work at a time. glibc returns larger blocks to the system after each use, and
the kernel then fills their pages with zeros again."""


class Side(NamedTuple):
    """A side of the map, its height or its width; its values are numbers, or scalars of a graph."""

    size: Any  #: pixels
    tiles: Any  #: tiles of one sub-grid along the side
    padded: Any  #: pixels that all tiles cover, borders included

    @classmethod
    def of(cls, size: Any, dilation: int, border: int) -> Side:
        """Returns a side of ``size`` pixels, padded by ``border`` pixels before it and at least as many after it."""
        step = OUTPUTS * dilation
        tiles = (size + (step - 1)) // step
        return cls(size, tiles, tiles * step + 2 * border)


def pixels_of_tiles(
    images: Any, sides: tuple[Side, Side], dilation: int, places: int, arange: Callable[..., Any]
) -> Any:
    """Returns the indices of the pixels of the padded map that each tile covers, (places², T).

    Args:
        images: B, the number of images.
        sides: height and width of the map.
        dilation: d.
        places: rows and columns of a tile, ``INPUTS`` or ``OUTPUTS``.
        arange: ``torch.arange``, or its counterpart in a graph: n -> the integers 0 to n - 1, (n,).
    """
    (rows, columns), step = sides, OUTPUTS * dilation
    row, column = (
        ((arange(side.tiles) * step).reshape(-1, 1) + arange(dilation)).reshape(-1) for side in (rows, columns)
    )
    image = (arange(images) * (rows.padded * columns.padded)).reshape(-1, 1, 1)
    first = (image + (row * columns.padded).reshape(-1, 1) + column).reshape(1, -1)  # first pixel of each tile
    offset = arange(places) * dilation
    return ((offset * columns.padded).reshape(-1, 1) + offset).reshape(-1, 1) + first


def outputs_of_pixels(images: Any, sides: tuple[Side, Side], dilation: int, arange: Callable[..., Any]) -> Any:
    """Returns the index of each pixel in the (16, T) outputs, (B, H, W); arguments as in :func:`pixels_of_tiles`."""
    rows, columns = sides
    (place_row, tile_row), (place_column, tile_column) = (
        ((pixel // dilation) % OUTPUTS, pixel // (OUTPUTS * dilation) * dilation + pixel % dilation)
        for pixel in (arange(side.size) for side in sides)
    )
    tiles_per_row = columns.tiles * dilation
    tiles_per_image = rows.tiles * dilation * tiles_per_row
    place = (place_row * OUTPUTS).reshape(-1, 1) + place_column
    tile = (tile_row * tiles_per_row).reshape(-1, 1) + tile_column
    return (arange(images) * tiles_per_image).reshape(-1, 1, 1) + (place * (tiles_per_image * images) + tile)


class Tiles:
    """The tiles of a map, as tensors. Pixels outside the map are zero when they are read, and dropped when written.

    Args:
        shape: (B, channels, H, W) of the map.
        dilation: d.
    """

    def __init__(self, shape: Sequence[int], dilation: int) -> None:
        self._images, _, self._height, self._width = shape
        self._dilation = dilation

    def parts(self, channels: int, like: Tensor) -> list[slice]:
        """Splits the T tiles into parts of at most ``PART`` bytes, for ``channels`` channels of ``like``'s type."""
        rows, columns = self._sides(border=0)
        count = self._images * rows.tiles * columns.tiles * self._dilation**2
        size = max(1, PART // (INPUTS**2 * channels * like.element_size()))
        return [slice(start, start + size) for start in range(0, count, size)]

    def inputs(self, features: Tensor, parts: Sequence[slice]) -> Iterator[Tensor]:
        """Yields the tiles' inputs, (36, tiles, C) for each part, of features (B, C, H, W)."""
        return self._read(features, INPUTS, self._dilation, parts)

    def outputs(self, grad_output: Tensor, parts: Sequence[slice]) -> Iterator[Tensor]:
        """Yields the gradients of the tiles' outputs, (16, tiles, channels) for each part, of (B, channels, H, W)."""
        return self._read(grad_output, OUTPUTS, 0, parts)

    def put_together(self, outputs: Tensor) -> Tensor:
        """Returns the map, (B, H, W, channels), from the outputs of all tiles, (16, T, channels)."""
        indices = outputs_of_pixels(self._images, self._sides(border=0), self._dilation, torch.arange)
        pixels = outputs.flatten(0, 1).index_select(0, indices.flatten())
        return pixels.view(self._images, self._height, self._width, outputs.shape[2])

    def _sides(self, border: int) -> tuple[Side, Side]:
        return Side.of(self._height, self._dilation, border), Side.of(self._width, self._dilation, border)

    def _read(self, map: Tensor, places: int, border: int, parts: Sequence[slice]) -> Iterator[Tensor]:
        """Yields the pixels that the tiles cover, (places², tiles, channels) for each part, without padding the map."""
        rows, columns = sides = self._sides(border)
        below, right = (side.padded - border - side.size for side in sides)
        indices = torch.arange(self._images * self._height * self._width)
        padded = F.pad(indices.view(self._images, rows.size, columns.size), (border, right, border, below), value=-1)
        indices = padded.flatten()[pixels_of_tiles(self._images, sides, self._dilation, places, torch.arange)]
        pixels = map.permute(0, 2, 3, 1).flatten(0, 2)
        for part in parts:
            part_indices = indices[:, part].flatten()
            tiles = pixels.index_select(0, part_indices.clamp(min=0))
            tiles.index_fill_(0, (part_indices < 0).nonzero().flatten(), 0)
            yield tiles.view(len(indices), -1, map.shape[1])
