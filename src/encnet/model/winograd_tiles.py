"""The tiles of a map that Winograd's convolution works on: 6x6 inputs for 4x4 outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

OUTPUTS = 4
"""Rows and columns of a tile's outputs; the next tile begins as many further on."""
INPUTS = OUTPUTS + 2
"""Rows and columns of its inputs."""
PART = 32 << 20
"""Bytes of tiles that are worked on at a time. Larger blocks glibc gives back to the system after each use, and their
pages are filled with zeros again by the next."""


class Tiles:
    """Which pixels the tiles of a map read and write.

    With dilation d a tile reads every d-th pixel, so each of the d x d sub-grids of the map has tiles of its own; of
    all images, places and sub-grids there are T together. Pixels beyond the map are zero where they are read, and lost
    where they are written. Pixels are copied with all their channels, by an index.

    Args:
        shape: (B, channels, H, W) of the map.
        dilation: d.
    """

    def __init__(self, shape: Sequence[int], dilation: int) -> None:
        self._images, _, self._height, self._width = shape
        self._dilation = dilation
        step = OUTPUTS * dilation
        self._rows, self._columns = ((side + step - 1) // step for side in (self._height, self._width))
        """Of tiles of one sub-grid."""

    def parts(self, channels: int, like: Tensor) -> list[slice]:
        """All T tiles, as many at a time as may be worked on."""
        count = self._images * self._rows * self._columns * self._dilation**2
        size = max(1, PART // (INPUTS**2 * channels * like.element_size()))
        return [slice(start, start + size) for start in range(0, count, size)]

    def inputs(self, features: Tensor, parts: Sequence[slice]) -> Iterator[Tensor]:
        """The inputs of the tiles of each part, (36, tiles, C), of features (B, C, H, W)."""
        d, step = self._dilation, OUTPUTS * self._dilation
        numbers = self._numbered(border=d)
        places = torch.arange(numbers.numel()).view(numbers.shape)
        first = places[:, : self._rows * step, : self._columns * step]  # without the last rows, which only end tiles
        first = first.unflatten(2, (self._columns, step)).unflatten(1, (self._rows, step))[:, :, :d, :, :d]
        further = places[0, : INPUTS * d : d, : INPUTS * d : d]  # from the first pixel of the first tile
        return self._read(features, numbers.flatten()[further.flatten()[:, None] + first.flatten()], parts)

    def outputs(self, of_output: Tensor, parts: Sequence[slice]) -> Iterator[Tensor]:
        """What the tiles of each part wrote, (16, tiles, channels), of a map (B, channels, H, W)."""
        numbers = self._numbered(border=0)
        tiled = numbers.view(self._images, self._rows, OUTPUTS, self._dilation, self._columns, OUTPUTS, self._dilation)
        return self._read(of_output, tiled.permute(2, 5, 0, 1, 3, 4, 6).flatten(2).flatten(0, 1), parts)

    def put_together(self, outputs: Tensor) -> Tensor:
        """The map, (B, H, W, channels), of what all tiles write, (16, T, channels)."""
        grid = (self._images, self._rows, self._dilation, self._columns, self._dilation)
        numbers = torch.arange(outputs.shape[0] * outputs.shape[1]).view(OUTPUTS, OUTPUTS, *grid)
        numbers = numbers.permute(2, 3, 0, 4, 5, 1, 6).flatten(4).flatten(1, 3)[:, : self._height, : self._width]
        written = outputs.flatten(0, 1).index_select(0, numbers.flatten())
        return written.view(self._images, self._height, self._width, outputs.shape[2])

    def _numbered(self, border: int) -> Tensor:
        """The number of each pixel of the map, and -1 for the zeros around it: (B, height, width)."""
        numbers = torch.arange(self._images * self._height * self._width)
        below, right = (
            OUTPUTS * self._dilation * tiles + border - side
            for side, tiles in ((self._height, self._rows), (self._width, self._columns))
        )
        return F.pad(numbers.view(self._images, self._height, self._width), (border, right, border, below), value=-1)

    def _read(self, map: Tensor, numbers: Tensor, parts: Sequence[slice]) -> Iterator[Tensor]:
        """The pixels with these numbers, (places of a tile, T), part by part: (places, tiles, channels)."""
        pixels = map.permute(0, 2, 3, 1).flatten(0, 2)
        for part in parts:
            wanted = numbers[:, part].flatten()
            tiles = pixels.index_select(0, wanted.clamp(min=0))
            tiles.index_fill_(0, (wanted < 0).nonzero().flatten(), 0)
            yield tiles.view(len(numbers), -1, map.shape[1])
