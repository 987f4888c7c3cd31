"""Bilinear interpolation from low resolution to every pixel, for one block of pixels at a time, and its derivative."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Of a block: how many class scores it has at most; and its rows and columns at most, as more make the matrices of the
# interpolation wider, most of which are zeros. On a CPU the scores, 4 MB, stay in its cache, and smaller blocks would
# have its threads wait for each other more often; elsewhere there are enough of them to keep a GPU busy.
CPU_BLOCK, DEVICE_BLOCK = (2**20, 64, 128), (2**24, 256, 256)


class Side(NamedTuple):
    """Rows, or columns, of a block: the pixels n, and the k low-resolution places that they are interpolated from."""

    pixels: slice
    sources: slice
    weights: Tensor | None  #: (n, k); None where nothing is interpolated, as both resolutions are the same


class Block(NamedTuple):
    """A rectangle of pixels, of one image or several; its tensors are (rows, images, classes or 1, columns)."""

    images: slice
    rows: Side
    columns: Side

    def pixels(self, tensor: Tensor) -> Tensor:
        """The block's part of (B, H, W), as (rows, images, 1, columns); a view."""
        return tensor[self.images, self.rows.pixels, self.columns.pixels].transpose(0, 1).unsqueeze(2)

    def upsampled(self, logits: Tensor) -> Tensor:
        """Logits (B, classes, h, w), interpolated: (rows, images, classes, columns), in :func:`precision`."""
        # With the rows first, each of both steps is a single matrix product.
        z = self._sources(logits).to(precision(logits))
        if self.columns.weights is not None:
            z = _product(z.flatten(0, 2), self.columns.weights.T).unflatten(0, z.shape[:3])
        if self.rows.weights is not None:
            z = _product(self.rows.weights, z.flatten(1)).unflatten(1, z.shape[1:])
        return z

    def add_derivative(self, of_logits: Tensor, of_z: Tensor) -> None:
        """Adds to the derivative of the logits, (B, classes, h, w), what that of :meth:`upsampled` makes of it."""
        if self.rows.weights is not None:
            of_z = _product(self.rows.weights.T, of_z.flatten(1)).unflatten(1, of_z.shape[1:])
        if self.columns.weights is not None:
            of_z = _product(of_z.flatten(0, 2), self.columns.weights).unflatten(0, of_z.shape[:3])
        self._sources(of_logits).add_(of_z)

    def _sources(self, tensor: Tensor) -> Tensor:
        """The block's part of (B, classes, h, w), as (source rows, images, classes, source columns); a view."""
        return tensor[self.images, :, self.rows.sources, self.columns.sources].permute(2, 0, 1, 3)


def precision(logits: Tensor) -> torch.dtype:
    """In which the scores of pixels are computed: float32, or float64 for such logits."""
    return torch.promote_types(logits.dtype, torch.float32)


def blocks(logits: Tensor, labels: Tensor, align_corners: bool) -> Iterator[Block]:
    """The blocks of all pixels of ``labels``, (B, H, W), to which ``logits``, (B, classes, h, w), are interpolated."""
    elements, rows, columns = CPU_BLOCK if logits.device.type == "cpu" else DEVICE_BLOCK
    images, classes = logits.shape[:2]
    pixels = max(1, elements // classes)
    columns = min(columns, pixels)
    rows = min(rows, pixels // columns)
    at_once = max(1, pixels // (rows * columns))
    sides = [_sides(logits, labels, dim, step, align_corners) for dim, step in ((-2, rows), (-1, columns))]
    for first in range(0, images, at_once):
        for row in sides[0]:
            for column in sides[1]:
                yield Block(slice(first, first + at_once), row, column)


def _sides(logits: Tensor, labels: Tensor, dim: int, step: int, align_corners: bool) -> list[Side]:
    """One side of all blocks: rows for dimension -2, columns for -1; equal parts of at most ``step`` pixels."""
    size, pixels = logits.shape[dim], labels.shape[dim]
    step = math.ceil(pixels / math.ceil(pixels / step))
    parts = [slice(start, min(start + step, pixels)) for start in range(0, pixels, step)]
    if size == pixels:
        return [Side(part, part, None) for part in parts]
    identity = torch.eye(size, dtype=torch.float64)[None]
    weights = F.interpolate(identity, size=pixels, mode="linear", align_corners=align_corners)[0].T  # (pixels, size)
    sides = []
    for part in parts:
        of_part = weights[part]
        sources = slice(int(of_part[0].nonzero()[0]), int(of_part[-1].nonzero()[-1]) + 1)
        sides.append(Side(part, sources, of_part[:, sources].to(precision(logits)).to(logits.device)))
    return sides


def _product(a: Tensor, b: Tensor) -> Tensor:
    """a @ b, also where autocast would have it in half precision."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b
