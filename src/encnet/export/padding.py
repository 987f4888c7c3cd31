"""TensorFlow's padding in exported graphs: the same result, computed with integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


class ExportedConv2dSame(nn.Conv2d):
    """timm's convolution with TensorFlow's padding, which timm computes with fractions that graphs cannot hold."""

    def forward(self, input: Tensor) -> Tensor:
        padded = pad(input, self.kernel_size, self.stride, self.dilation)
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class ExportedAvgPool2dSame(nn.AvgPool2d):
    """timm's average pooling with TensorFlow's padding, which counts as zeros.

    Args:
        pool: the layer of timm with the settings.
    """

    def __init__(self, pool: Any) -> None:
        super().__init__(pool.kernel_size, pool.stride, 0, pool.ceil_mode, pool.count_include_pad)

    def forward(self, input: Tensor) -> Tensor:
        assert isinstance(self.kernel_size, tuple) and isinstance(self.stride, tuple), "as timm has them"
        padded = pad(input, self.kernel_size, self.stride, (1, 1))
        return F.avg_pool2d(padded, self.kernel_size, self.stride, 0, self.ceil_mode, self.count_include_pad)


def pad(x: Tensor, kernel_size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Pads (B, C, H, W) with zeros so that a kernel with this stride gives ⌈H / stride⌉ x ⌈W / stride⌉ places. If the
    number of rows or columns to add is odd, the extra one is below or to the right.
    """
    sides = []
    for size, k, s, d in zip(x.shape[-2:], kernel_size, stride, dilation, strict=True):
        missing = d * (k - 1) if s == 1 else (size + s - 1) // s * s - s + d * (k - 1) + 1 - size
        if s > d * (k - 1) + 1:  # the kernel skips pixels, so the padding can be negative
            missing = max(missing, 0)
        sides.append((missing // 2, missing - missing // 2))
    (top, bottom), (left, right) = sides
    return F.pad(x, (left, right, top, bottom))
