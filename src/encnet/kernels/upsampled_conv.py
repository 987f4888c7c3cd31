"""A 3x3 convolution of upsampled features that never builds the upsampled features."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

CHANNELS = 64
"""Number of channels whose variance :func:`variance_of_map` computes at a time."""


class Grid(NamedTuple):
    """The two matrices that turn taps at low resolution into the convolved map at full resolution; float64, on the CPU.

    They depend only on sizes.
    """

    rows: Tensor  #: (H, 3h): output row x (vertical tap, input row)
    columns: Tensor  #: (W, 3w): output column x (input column, horizontal tap)


class UpsampledConv(nn.Conv2d):
    """Bilinear upsampling and a 3x3 convolution with zero border, as one linear map of the features at low resolution.

    Let U interpolate a row or column, and let U_d be U shifted by d = -1, 0, 1 pixels, zero beyond the border. Then the
    convolution of the upsampled features is::

        Y = Σ_dy U_dy (Σ_dx (W_dy,dx X) U_dxᵀ) + b

    The nine products W_dy,dx X are 1x1 convolutions at low resolution, called taps; each of the two sums is a product
    with one small matrix. So the work of the convolution shrinks by the square of the scale, and no upsampled tensor of
    ``in_channels`` exists. Values and derivatives equal those of the plain form.

    Args:
        in_channels: C, channels of the features.
        out_channels: O, channels of the output.
        scale_factor: s, output pixels per input pixel along each side.
        align_corners: convention of the interpolation.

    Shapes:
        input (B, C, h, w) -> output (B, O, s·h, s·w).
    """

    def __init__(self, in_channels: int, out_channels: int, scale_factor: int, align_corners: bool = False) -> None:
        super().__init__(in_channels, out_channels, kernel_size=3, padding=1)
        self.scale_factor = scale_factor
        self.align_corners = align_corners

    def forward(self, input: Tensor) -> Tensor:
        output = expand(self.taps(input), *self.grid(input))
        return output if self.bias is None else output + self.bias[:, None, None]

    def taps(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 3, h, 3w, O): vertical tap, input row, (input column, horizontal tap), channel."""
        X = features.flatten(2).transpose(1, 2).unsqueeze(1)  # (B, 1, h·w, C)
        W = self.weight.permute(2, 1, 3, 0).flatten(2)  # (3, C, 3·O)
        return (X @ W).unflatten(2, features.shape[-2:]).unflatten(4, (3, -1)).flatten(3, 4)

    def grid(self, features: Tensor) -> Grid:
        """Returns the matrices for features (B, C, h, w)."""
        rows, columns = (
            shifted_interpolation(side, self.scale_factor, self.align_corners) for side in features.shape[-2:]
        )
        return Grid(rows.flatten(1), columns.transpose(1, 2).flatten(1))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale_factor={self.scale_factor}, align_corners={self.align_corners}"


def expand(taps: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Taps (B, 3, h, 3w, O) -> the convolved map (B, O, H, W) without bias, channels last in memory.

    With n rows of the first matrix, (n, 3h), it returns the same rows of the map, (B, O, n, W).
    """
    wide = columns.to(taps) @ taps  # (B, 3, h, W, O)
    full = rows.to(taps) @ wide.flatten(1, 2).flatten(2)  # (B, H, W·O)
    return full.unflatten(2, wide.shape[-2:]).permute(0, 3, 1, 2)


def mean_of_map(taps: Tensor, grid: Grid) -> Tensor:
    """Returns the mean of each channel of the map of ``taps``, (O,), without building the map."""
    rows, columns = (matrix.mean(dim=0).to(taps) for matrix in grid)
    return (rows @ (columns @ taps).flatten(1, 2)).mean(dim=0)


def variance_of_map(taps: Tensor, grid: Grid, mean: Tensor) -> Tensor:
    """Returns the mean squared distance from ``mean`` of each channel of the map of ``taps``, (O,), without the map.

    The map of one channel is R T Cᵀ. Thin QR factors R = Q S and C = Q' S' preserve sums of squares, because Q and Q'
    have orthonormal columns::

        ‖R T Cᵀ‖² = ‖S T S'ᵀ‖²

    and the right side has at most 3h x 3w numbers. The mean is subtracted before squaring, to avoid cancellation:
    upsampling keeps constants, so a map that is μ everywhere has μ at its middle tap and 0 at the others.
    """
    compact = Grid(*(torch.linalg.qr(matrix, mode="r").R for matrix in grid))
    # A few channels at a time, recomputed for the derivative, which would else keep as much as all taps.
    parts = zip(taps.split(CHANNELS, dim=-1), mean.split(CHANNELS), strict=True)
    sums = [
        checkpoint(_squared_distance, *part, compact, use_reentrant=False, preserve_rng_state=False) for part in parts
    ]
    return torch.cat(sums) / (taps.shape[0] * len(grid.rows) * len(grid.columns))


def _squared_distance(taps: Tensor, mean: Tensor, grid: Grid) -> Tensor:
    """Returns Σ (map of ``taps`` - mean)² for each channel, (O,)."""
    return expand(taps - middle_tap(taps) * mean, *grid).square().sum(dim=(0, 2, 3))


def middle_tap(taps: Tensor) -> Tensor:
    """Returns a mask (3, 1, 3w, 1): 1 where ``taps``, (B, 3, h, 3w, O), belong to the middle of the kernel, else 0."""
    middle = taps.new_zeros(3, 1, taps.shape[3], 1)
    middle[1, :, 1::3] = 1
    return middle


def shifted_interpolation(size: int, scale_factor: int, align_corners: bool) -> Tensor:
    """Returns the interpolation of one side, shifted by -1, 0 and 1 outputs: (s·size, 3, size), float64.

    Beyond the border it is zero, like the padding of a convolution.
    """
    identity = torch.eye(size, dtype=torch.float64)[None]
    U = F.interpolate(identity, scale_factor=scale_factor, mode="linear", align_corners=align_corners)[0].T
    padded = F.pad(U, (0, 0, 1, 1))
    return torch.stack([padded[d : d + U.shape[0]] for d in range(3)], dim=1)


def first_source(output: int, size: int, scale_factor: int, align_corners: bool) -> int:
    """Returns the index of the first of the two inputs that ``output`` of an upsampled side is interpolated from.

    It is -1 if the output lies before the first of the ``size`` inputs.
    """
    if align_corners:
        return output * (size - 1) // max(scale_factor * size - 1, 1)
    return (2 * output + 1 - scale_factor) // (2 * scale_factor)
