"""Bilinear interpolation from low resolution to every pixel, one block of pixels at a time, and its derivative."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# Upper bounds on the class scores, rows and columns of a block. Rows and columns are bounded because larger blocks make
# the interpolation matrices wider, and most of their entries are zeros. On a CPU the scores (4 MB) stay in its cache,
# and in smaller blocks its threads would wait for each other more often. On other devices a block keeps a GPU busy.
CPU_BLOCK: tuple[int, int, int] = (2**20, 64, 128)
DEVICE_BLOCK: tuple[int, int, int] = (2**24, 256, 256)


class Side(NamedTuple):
    """The rows or the columns of a block: n pixels, interpolated from k positions at low resolution."""

    pixels: slice  #: n pixels
    sources: slice  #: k positions
    weights: Tensor | None  #: (n, k); None if both resolutions are the same, so nothing is interpolated


class Block(NamedTuple):
    """A rectangle of pixels of one or several images; its tensors are (rows, images, classes or 1, columns)."""

    images: slice
    rows: Side
    columns: Side

    def pixels(self, tensor: Tensor) -> Tensor:
        """Returns the block's part of (B, H, W) as a view (rows, images, 1, columns)."""
        return tensor[self.images, self.rows.pixels, self.columns.pixels].transpose(0, 1).unsqueeze(2)

    def upsampled(self, logits: Tensor) -> Tensor:
        """Interpolates logits (B, classes, h, w): returns (rows, images, classes, columns), in :func:`precision`."""
        # Because the rows come first, each of the two steps is a single matrix product.
        z = self._sources(logits).to(precision(logits))
        if self.columns.weights is not None:
            z = _product(z.flatten(0, 2), self.columns.weights.T).unflatten(0, z.shape[:3])
        if self.rows.weights is not None:
            z = _product(self.rows.weights, z.flatten(1)).unflatten(1, z.shape[1:])
        return z

    def add_derivative(self, grad_logits: Tensor, grad_z: Tensor) -> None:
        """Adds the block's part to ``grad_logits``, (B, classes, h, w), from the gradient of :meth:`upsampled`."""
        if self.rows.weights is not None:
            grad_z = _product(self.rows.weights.T, grad_z.flatten(1)).unflatten(1, grad_z.shape[1:])
        if self.columns.weights is not None:
            grad_z = _product(grad_z.flatten(0, 2), self.columns.weights).unflatten(0, grad_z.shape[:3])
        self._sources(grad_logits).add_(grad_z)

    def _sources(self, tensor: Tensor) -> Tensor:
        """Returns the block's part of (B, classes, h, w) as a view (source rows, images, classes, source columns)."""
        return tensor[self.images, :, self.rows.sources, self.columns.sources].permute(2, 0, 1, 3)


def precision(logits: Tensor) -> torch.dtype:
    """Compute dtype: float32, or float64 for float64 logits."""
    return torch.promote_types(logits.dtype, torch.float32)


def blocks(logits: Tensor, labels: Tensor, align_corners: bool) -> Iterator[Block]:
    """Yields the blocks of ``labels``, (B, H, W), to whose size ``logits``, (B, classes, h, w), are interpolated."""
    scores, rows, columns = CPU_BLOCK if logits.device.type == "cpu" else DEVICE_BLOCK
    images, classes = logits.shape[:2]
    pixels = max(1, scores // classes)
    columns = min(columns, pixels)
    rows = min(rows, pixels // columns)
    images_per_block = max(1, pixels // (rows * columns))
    row_sides = _sides(logits, labels, -2, rows, align_corners)
    column_sides = _sides(logits, labels, -1, columns, align_corners)
    for first in range(0, images, images_per_block):
        for row_side in row_sides:
            for column_side in column_sides:
                yield Block(slice(first, first + images_per_block), row_side, column_side)


def _sides(logits: Tensor, labels: Tensor, dim: int, step: int, align_corners: bool) -> list[Side]:
    """Splits the rows (dimension -2) or columns (-1) into sides of equal length, of at most ``step`` pixels."""
    size, pixels = logits.shape[dim], labels.shape[dim]
    step = math.ceil(pixels / math.ceil(pixels / step))
    parts = [slice(start, min(start + step, pixels)) for start in range(0, pixels, step)]
    if size == pixels:
        return [Side(part, part, None) for part in parts]
    identity = torch.eye(size, dtype=torch.float64)[None]
    weights = F.interpolate(identity, size=pixels, mode="linear", align_corners=align_corners)[0].T  # (pixels, size)
    sides = []
    for part in parts:
        part_weights = weights[part]
        sources = slice(int(part_weights[0].nonzero()[0]), int(part_weights[-1].nonzero()[-1]) + 1)
        sides.append(Side(part, sources, part_weights[:, sources].to(precision(logits)).to(logits.device)))
    return sides


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Returns a @ b, computed in their own dtype even under autocast."""
    with torch.autocast(a.device.type, enabled=False):
        return a @ b
