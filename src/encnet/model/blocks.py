"""Building blocks of heads and necks: convolution with batch norm and ReLU; resizing and concatenation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_norm_relu(in_channels: int, out_channels: int, kernel_size: int) -> nn.Sequential:
    """Returns convolution, batch norm and ReLU, at the same size: (B, in_channels, H, W) -> (B, out_channels, H, W)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )


def concatenate(*features: Tensor, like: Tensor, align_corners: bool) -> Tensor:
    """Resizes features (B, C_i, h_i, w_i) to the resolution of ``like`` and concatenates them: (B, Σ C_i, h, w)."""
    return torch.cat([resize(x, like.shape[-2:], align_corners) for x in features], dim=1)


def resize(features: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Interpolates (B, C, h, w) bilinearly to ``size`` (height, width); returns the same tensor if it has that size."""
    if features.shape[-2:] == tuple(size):
        return features
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=align_corners)
