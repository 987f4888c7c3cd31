"""The full-resolution head after its taps, tile by tile: upsampling, batch norm, ReLU, classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from encnet.kernels.upsampled_conv import UpsampledConv, expand, first_source, middle_tap

TILE: tuple[int, int] = (32, 160)
"""Pixels: height, width. Measured: smaller tiles repeat more at their borders, larger ones do not fit in the cache."""


class Tile(NamedTuple):
    """A part of the output, and the matrices that compute its hidden map, one pixel larger on each side, from the taps.

    Hidden pixels outside the image have rows of zeros in the matrices: they are the classifier's zero border.
    """

    outputs: tuple[slice, slice]  #: rows and columns of the logits, n and m
    sources: tuple[slice, slice]  #: parts of the taps: input rows; input columns and horizontal taps
    rows: Tensor  #: (n + 2, vertical taps and source rows)
    columns: Tensor  #: (m + 2, source columns and horizontal taps)


def tiles_of(conv: UpsampledConv, features: Tensor) -> list[Tile]:
    """Returns the tiles of the output of a 3x3 convolution after ``conv``, for features (B, C, h, w)."""
    h, w = features.shape[-2:]
    rows, columns = (F.pad(matrix.to(features), (0, 0, 1, 1)) for matrix in conv.grid(features))
    rows, columns = rows.unflatten(1, (3, h)), columns.unflatten(1, (w, 3))
    return [
        Tile(
            (vertical.outputs, horizontal.outputs),
            (vertical.sources, slice(3 * horizontal.sources.start, 3 * horizontal.sources.stop)),
            rows[vertical.hidden, :, vertical.sources].flatten(1),
            columns[horizontal.hidden, horizontal.sources].flatten(1),
        )
        for vertical in _sides(h, TILE[0], conv)
        for horizontal in _sides(w, TILE[1], conv)
    ]


class _Side(NamedTuple):
    """The rows or the columns of a tile."""

    outputs: slice  #: of the logits
    hidden: slice  #: rows of the padded matrix
    sources: slice  #: inputs that the hidden pixels read, with one more on each side


def _sides(size: int, step: int, conv: UpsampledConv) -> Iterator[_Side]:
    """Splits the rows or columns of the upsampled map, of ``size`` inputs, into sides of at most ``step`` pixels."""
    upsampled = conv.scale_factor * size
    for start in range(0, upsampled, step):
        stop = min(start + step, upsampled)
        lowest = first_source(start - 2, size, conv.scale_factor, conv.align_corners)
        highest = first_source(stop + 1, size, conv.scale_factor, conv.align_corners) + 1
        yield _Side(slice(start, stop), slice(start, stop + 2), slice(max(lowest, 0), min(highest + 1, size)))


def logits_by_tile(
    taps: Tensor, scale: Tensor, shift: Tensor, weight: Tensor, bias: Tensor, tiles: Sequence[Tile]
) -> Tensor:
    """Returns the classifier's logits on the normalised map of ``taps``. The derivative computes each tile again.

    Args:
        taps: (B, 3, h, 3w, O), from :class:`encnet.kernels.upsampled_conv.UpsampledConv`.
        scale: (O,), multiplies the map.
        shift: (O,), added to the scaled map before the ReLU.
        weight: (num_classes, O, 3, 3), weight of the classifier.
        bias: (num_classes,), bias of the classifier.
        tiles: from :func:`tiles_of`.

    Returns:
        (B, num_classes, H, W).
    """
    return _Tiled.apply(taps, scale, shift, weight, bias, tiles)  # pyright: ignore[reportReturnType]


class _Tiled(torch.autograd.Function):
    """Logits Y of all tiles. With Z = R (a T + s) Cᵀ the hidden map of a tile, from taps T, scale a and shift s::

        Y = V * ReLU(Z) + v              (*: the 3x3 convolution)
        dZ = (Vᵀ * dY) ⊙ [Z > 0]         dV = dY * ReLU(Z)ᵀ
        d(aT + s) = Σ_tiles Rᵀ dZ C

    Both convolutions in the derivative are matrix products with the same patches of dY, which has few channels.
    """

    @staticmethod
    def forward(ctx: Any, taps: Tensor, *arguments: Any) -> Tensor:
        scale, shift, weight, bias, tiles = arguments
        device = taps.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else taps.dtype
        ctx.save_for_backward(taps, scale, shift, weight)
        ctx.tiles, ctx.dtype = tiles, dtype
        height, width = (side.stop for side in tiles[-1].outputs)
        logits = taps.new_empty(len(taps), height, width, len(weight), dtype=dtype).permute(0, 3, 1, 2)
        weight, bias = weight.to(dtype), bias.to(dtype)
        for image, image_logits in zip(taps.split(1), logits.split(1), strict=True):
            for tile in tiles:
                rows, columns = tile.outputs
                image_logits[..., rows, columns] = F.conv2d(_hidden(image, scale, shift, tile, dtype), weight, bias)
        return logits

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] (the decorator hides the names of its arguments)
        ctx: Any, *grad_outputs: Any
    ) -> tuple[Tensor | None, ...]:
        taps, scale, shift, weight = ctx.saved_tensors
        grad_output: Tensor = grad_outputs[0]
        V = weight.flip(2, 3).permute(2, 3, 0, 1).flatten(0, 2).to(ctx.dtype)  # (9·num_classes, O)
        grad_taps = torch.zeros_like(taps, dtype=scale.dtype)  # gradient of a T + s, summed over tiles
        grad_V = torch.zeros_like(V, dtype=scale.dtype)
        for image, grad_image, grad_logits in zip(taps.split(1), grad_taps.split(1), grad_output.split(1), strict=True):
            for tile in ctx.tiles:
                rows, columns = tile.outputs
                patches = _patches(grad_logits[0, :, rows, columns].to(ctx.dtype))
                hidden = _hidden(image, scale, shift, tile, ctx.dtype)[0].permute(1, 2, 0)  # (n + 2, m + 2, O)
                pixels = hidden.flatten(0, 1)
                grad_V += patches.T @ pixels
                grad_hidden = (patches @ V).mul_(pixels > 0).view(hidden.shape)
                grad_wide = tile.rows.to(V).T @ grad_hidden.flatten(1)
                grad_sources = tile.columns.to(V).T @ grad_wide.unflatten(1, hidden.shape[1:])
                grad_tile = _sources(grad_image, tile)
                grad_tile += grad_sources.view(grad_tile.shape)
        grad_scale = (grad_taps * taps).sum(dim=(0, 1, 2, 3))
        grad_shift = grad_taps[:, 1, :, 1::3].sum(dim=(0, 1, 2))
        grad_weight = grad_V.unflatten(0, (3, 3, -1)).permute(2, 3, 0, 1).flip(2, 3)
        grad_bias = grad_output.sum(dim=(0, 2, 3), dtype=scale.dtype)
        return grad_taps.mul_(scale).to(taps.dtype), grad_scale, grad_shift, grad_weight, grad_bias, None


def _sources(taps: Tensor, tile: Tile) -> Tensor:
    """Returns the part of ``taps`` that a tile reads, as a view."""
    rows, columns = tile.sources
    return taps[:, :, rows, columns]


def _hidden(image: Tensor, scale: Tensor, shift: Tensor, tile: Tile, dtype: torch.dtype) -> Tensor:
    """Returns the hidden map of a tile after the ReLU, (1, O, n + 2, m + 2)."""
    taps = _sources(image, tile)
    # Upsampling keeps constants: a constant added to the middle tap is added to every pixel.
    normalised = taps * scale + middle_tap(taps) * shift
    return expand(normalised.to(dtype), tile.rows, tile.columns).relu_()


def _patches(grad_logits: Tensor) -> Tensor:
    """(num_classes, n, m) -> gradients of the outputs that read each hidden pixel: ((n + 2)(m + 2), 9·num_classes)."""
    padded = F.pad(grad_logits.permute(1, 2, 0), (0, 0, 2, 2, 2, 2))
    return padded.unfold(0, 3, 1).unfold(1, 3, 1).permute(0, 1, 3, 4, 2).flatten(2).flatten(0, 1)
