"""A 3x3 convolution of upsampled features that never builds them: all channels stay at low resolution."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

CHANNELS = 64  # at a time, where the order does not matter


class Grid(NamedTuple):
    """The two matrices that turn taps at low resolution into the convolved map at full resolution; float64, on the CPU.

    They depend on sizes only.
    """

    rows: Tensor  #: (H, 3h): output row by (vertical tap, input row)
    columns: Tensor  #: (W, 3w): output column by (input column, horizontal tap)


class UpsampledConv(nn.Conv2d):
    """Bilinear upsampling followed by a 3x3 convolution with zero border, as one linear map of the small features.

    With U the interpolation of a row or column, and U_d the same read one place before, at, or after (d = -1, 0, 1;
    zero beyond the border), the convolution of the upsampled features is::

        Y = Σ_dy U_dy (Σ_dx (W_dy,dx X) U_dxᵀ) + b

    The nine products W_dy,dx X are 1x1 convolutions at low resolution, called taps here; both sums are products with
    one matrix each, which is small. So the work of the convolution shrinks by the square of the scale, and no
    upsampled tensor of ``in_channels`` exists. Values and derivatives are those of the plain form.

    Args:
        in_channels: C, channels of the features.
        out_channels: O, channels of the output.
        scale_factor: s, output pixels per input pixel in each direction.
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
        """(B, C, h, w) -> (B, 3, h, 3w, O): vertical tap, input row, input column and horizontal tap, channel."""
        X = features.flatten(2).transpose(1, 2).unsqueeze(1)  # (B, 1, h·w, C)
        W = self.weight.permute(2, 1, 3, 0).flatten(2)  # (3, C, 3·O)
        return (X @ W).unflatten(2, features.shape[-2:]).unflatten(4, (3, -1)).flatten(3, 4)

    def grid(self, features: Tensor) -> Grid:
        """The matrices for features (B, C, h, w)."""
        rows, columns = (
            shifted_interpolation(side, self.scale_factor, self.align_corners) for side in features.shape[-2:]
        )
        return Grid(rows.flatten(1), columns.transpose(1, 2).flatten(1))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, scale_factor={self.scale_factor}, align_corners={self.align_corners}"


def expand(taps: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Taps (B, 3, h, 3w, O) -> their map (B, O, H, W), in the memory layout channels last.

    With some rows of the first matrix, (n, 3h), come the same rows of the map, (B, O, n, W).
    """
    wide = columns.to(taps) @ taps  # (B, 3, h, W, O)
    full = rows.to(taps) @ wide.flatten(1, 2).flatten(2)  # (B, H, W·O)
    return full.unflatten(2, wide.shape[-2:]).permute(0, 3, 1, 2)


def mean_of_map(taps: Tensor, grid: Grid) -> Tensor:
    """The mean of each channel of the map of ``taps``, (O,), which is not built."""
    rows, columns = (matrix.mean(dim=0).to(taps) for matrix in grid)
    return (rows @ (columns @ taps).flatten(1, 2)).mean(dim=0)


def variance_of_map(taps: Tensor, grid: Grid, mean: Tensor) -> Tensor:
    """The mean squared distance from ``mean`` of each channel of the map of ``taps``, (O,); the map is not built.

    The map of one channel is R T Cᵀ. Thin QR factors R = Q S and C = Q' S' keep sums of squares, as Q and Q' have
    orthonormal columns::

        ‖R T Cᵀ‖² = ‖S T S'ᵀ‖²

    and the right side has at most 3h x 3w numbers. The mean is taken off before squaring, so that nothing cancels:
    upsampling keeps constants, so a map that is μ everywhere has μ at its middle tap and 0 at the others.
    """
    compact = Grid(*(torch.linalg.qr(matrix, mode="r").R for matrix in grid))
    # A few channels at a time, and again for the derivative: each would keep as much as its taps.
    parts = zip(taps.split(CHANNELS, dim=-1), mean.split(CHANNELS), strict=True)
    sums = [
        checkpoint(_squared_distance, *part, compact, use_reentrant=False, preserve_rng_state=False) for part in parts
    ]
    return torch.cat(sums) / (taps.shape[0] * len(grid.rows) * len(grid.columns))


def _squared_distance(taps: Tensor, mean: Tensor, grid: Grid) -> Tensor:
    """Σ (map of ``taps`` - mean)² of each channel, (O,)."""
    return expand(taps - middle_tap(taps) * mean, *grid).square().sum(dim=(0, 2, 3))


def middle_tap(taps: Tensor) -> Tensor:
    """1 where ``taps``, (B, 3, h, 3w, O), are of the kernel's middle, 0 elsewhere: (3, 1, 3w, 1)."""
    middle = taps.new_zeros(3, 1, taps.shape[3], 1)
    middle[1, :, 1::3] = 1
    return middle


def shifted_interpolation(size: int, scale_factor: int, align_corners: bool) -> Tensor:
    """Bilinear interpolation of one side, read one place before, at and after each output: (s·size, 3, size), float64.

    A place beyond the border reads zero, as a convolution's padding.
    """
    identity = torch.eye(size, dtype=torch.float64)[None]
    U = F.interpolate(identity, scale_factor=scale_factor, mode="linear", align_corners=align_corners)[0].T
    padded = F.pad(U, (0, 0, 1, 1))
    return torch.stack([padded[d : d + U.shape[0]] for d in range(3)], dim=1)


def first_source(output: int, size: int, scale_factor: int, align_corners: bool) -> int:
    """The first of the two inputs, of ``size``, between which place ``output`` of the upsampled side lies; -1 before
    the first input.
    """
    if align_corners:
        return output * (size - 1) // max(scale_factor * size - 1, 1)
    return (2 * output + 1 - scale_factor) // (2 * scale_factor)
