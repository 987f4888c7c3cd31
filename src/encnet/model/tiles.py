"""The rest of the full-resolution head after its taps, tile by tile: upsampled, normalised, ReLU, classified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from encnet.model.upsampled_conv import UpsampledConv, expand, first_source, middle_tap

TILE = (32, 160)  # pixels; measured: smaller tiles repeat more at their borders, larger ones leave the caches


class Tile(NamedTuple):
    """A part of the output, and how its hidden map, one pixel larger to each side, comes from the taps.

    Hidden pixels beyond the image have rows of zeros in the matrices: they are the second convolution's zero border.
    """

    outputs: tuple[slice, slice]  #: rows and columns of the logits, n and m
    sources: tuple[slice, slice]  #: of the taps: input rows; input columns and horizontal taps
    rows: Tensor  #: (n + 2, vertical taps and source rows)
    columns: Tensor  #: (m + 2, source columns and horizontal taps)


def tiles_of(conv: UpsampledConv, features: Tensor) -> list[Tile]:
    """The tiles of the output of a 3x3 convolution that follows ``conv`` of features (B, C, h, w)."""
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
    """One side of a tile."""

    outputs: slice
    hidden: slice  #: rows of the padded matrix
    sources: slice  #: inputs that the hidden places read, by one place more to each side


def _sides(size: int, step: int, conv: UpsampledConv) -> Iterator[_Side]:
    upsampled = conv.scale_factor * size
    for start in range(0, upsampled, step):
        stop = min(start + step, upsampled)
        lowest = first_source(start - 2, size, conv.scale_factor, conv.align_corners)
        highest = first_source(stop + 1, size, conv.scale_factor, conv.align_corners) + 1
        yield _Side(slice(start, stop), slice(start, stop + 2), slice(max(lowest, 0), min(highest + 1, size)))


def logits_by_tile(
    taps: Tensor, scale: Tensor, shift: Tensor, weight: Tensor, bias: Tensor, tiles: Sequence[Tile]
) -> Tensor:
    """The classifier on the normalised map of ``taps``. No tile is kept: the derivative computes each again.

    Args:
        taps: (B, 3, h, 3w, O), of :class:`encnet.model.upsampled_conv.UpsampledConv`.
        scale: (O,), by which the map is multiplied.
        shift: (O,), which is added before the ReLU.
        weight: (num_classes, O, 3, 3), of the classifier.
        bias: (num_classes,).
        tiles: what :func:`tiles_of` gives.

    Returns:
        Logits, (B, num_classes, H, W).
    """
    return _Tiled.apply(taps, scale, shift, weight, bias, tiles)  # pyright: ignore[reportReturnType]


class _Tiled(torch.autograd.Function):
    """With Z = R (a T + s) Cᵀ, the hidden map of a tile from its taps T, scale a and shift s, and Y the logits::

        Y = V * ReLU(Z) + v              (*: the 3x3 convolution)
        dZ = (Vᵀ * dY) ⊙ [Z > 0]         dV = dY * ReLU(Z)ᵀ
        d(aT + s) = Σ_tiles Rᵀ dZ C

    Both convolutions of the derivative are matrix products with the same patches of dY, which has few channels.
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
        for image, of_image in zip(taps.split(1), logits.split(1), strict=True):
            for tile in tiles:
                rows, columns = tile.outputs
                of_image[..., rows, columns] = F.conv2d(_hidden(image, scale, shift, tile, dtype), weight, bias)
        return logits

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] (the decorator hides its arguments' names)
        ctx: Any, *grad_outputs: Any
    ) -> tuple[Tensor | None, ...]:
        taps, scale, shift, weight = ctx.saved_tensors
        gradient: Tensor = grad_outputs[0]
        V = weight.flip(2, 3).permute(2, 3, 0, 1).flatten(0, 2).to(ctx.dtype)  # (9·num_classes, O)
        of_taps = torch.zeros_like(taps, dtype=scale.dtype)  # of a T + s, until all tiles are in
        of_V = torch.zeros_like(V, dtype=scale.dtype)
        for image, of_image, of_logits in zip(taps.split(1), of_taps.split(1), gradient.split(1), strict=True):
            for tile in ctx.tiles:
                rows, columns = tile.outputs
                patches = _patches(of_logits[0, :, rows, columns].to(ctx.dtype))
                hidden = _hidden(image, scale, shift, tile, ctx.dtype)[0].permute(1, 2, 0)  # (n + 2, m + 2, O)
                pixels = hidden.flatten(0, 1)
                of_V += patches.T @ pixels
                of_hidden = (patches @ V).mul_(pixels > 0).view(hidden.shape)
                of_wide = tile.rows.to(V).T @ of_hidden.flatten(1)
                of_lines = tile.columns.to(V).T @ of_wide.unflatten(1, hidden.shape[1:])
                of_tile = _sources(of_image, tile)
                of_tile += of_lines.view(of_tile.shape)
        of_scale = (of_taps * taps).sum(dim=(0, 1, 2, 3))
        of_shift = of_taps[:, 1, :, 1::3].sum(dim=(0, 1, 2))
        of_weight = of_V.unflatten(0, (3, 3, -1)).permute(2, 3, 0, 1).flip(2, 3)
        of_bias = gradient.sum(dim=(0, 2, 3), dtype=scale.dtype)
        return of_taps.mul_(scale).to(taps.dtype), of_scale, of_shift, of_weight, of_bias, None


def _sources(taps: Tensor, tile: Tile) -> Tensor:
    """The part of ``taps`` that a tile comes from."""
    rows, columns = tile.sources
    return taps[:, :, rows, columns]


def _hidden(image: Tensor, scale: Tensor, shift: Tensor, tile: Tile, dtype: torch.dtype) -> Tensor:
    """The hidden map of a tile, after the ReLU: (1, O, n + 2, m + 2)."""
    lines = _sources(image, tile)
    # Upsampling keeps constants, so what is added to the middle tap is added to every pixel.
    normalised = lines * scale + middle_tap(lines) * shift
    return expand(normalised.to(dtype), tile.rows, tile.columns).relu_()


def _patches(of_logits: Tensor) -> Tensor:
    """(num_classes, n, m) -> what each hidden pixel was read for: ((n + 2)(m + 2), 9·num_classes)."""
    padded = F.pad(of_logits.permute(1, 2, 0), (0, 0, 2, 2, 2, 2))
    return padded.unfold(0, 3, 1).unfold(1, 3, 1).permute(0, 1, 3, 4, 2).flatten(2).flatten(0, 1)
