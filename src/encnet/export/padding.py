"""TensorFlow's padding in exported graphs: the same numbers, found by whole-number arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.pool2d_same import AvgPool2dSame
from torch import Tensor, nn


class ExportedConv2dSame(nn.Conv2d):
    """timm's convolution with TensorFlow's padding; its own way to compute it, by fractions, fits no graph's file."""

    def forward(self, input: Tensor) -> Tensor:
        padded = pad(input, self.kernel_size, self.stride, self.dilation)
        return F.conv2d(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)


class ExportedAvgPool2dSame(nn.AvgPool2d):
    """timm's average pool with TensorFlow's padding, which counts as zeros."""

    def forward(self, input: Tensor) -> Tensor:
        assert isinstance(self.kernel_size, tuple) and isinstance(self.stride, tuple), "as timm has them"
        padded = pad(input, self.kernel_size, self.stride, (1, 1))
        return F.avg_pool2d(padded, self.kernel_size, self.stride, 0, self.ceil_mode, self.count_include_pad)


def make_padding_exportable(network: nn.Module) -> None:
    """Turns every layer of ``network`` with TensorFlow's padding into the one of this module; weights stay."""
    for module in network.modules():
        if type(module) is Conv2dSame:
            module.__class__ = ExportedConv2dSame
        elif type(module) is AvgPool2dSame:
            module.__class__ = ExportedAvgPool2dSame


def pad(x: Tensor, kernel_size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Zeros around (B, C, H, W), so that a kernel with this stride gives ⌈H / stride⌉ x ⌈W / stride⌉ places; where the
    number of rows or columns is odd, the last one is below or to the right.
    """
    sides = []
    for size, k, s, d in zip(x.shape[-2:], kernel_size, stride, dilation, strict=True):
        missing = d * (k - 1) if s == 1 else (size + s - 1) // s * s - s + d * (k - 1) + 1 - size
        if s > d * (k - 1) + 1:  # the kernel leaves pixels out, so that nothing may be missing
            missing = max(missing, 0)
        sides.append((missing // 2, missing - missing // 2))
    (top, bottom), (left, right) = sides
    return F.pad(x, (left, right, top, bottom))
