"""TensorFlow's padding computed with integers, against the layers of timm."""

from __future__ import annotations

import pytest
import torch
from timm.layers.conv2d_same import Conv2dSame
from timm.layers.pool2d_same import AvgPool2dSame

from encnet.export.padding import ExportedAvgPool2dSame, ExportedConv2dSame
from encnet.export.wrapper import exportable


@pytest.mark.parametrize("size", [(8, 8), (9, 12), (13, 7)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 1, 2), (1, 2, 1), (2, 3, 1)])
def test_convolutions_agree_with_timm(size: tuple[int, int], kernel: int, stride: int, dilation: int) -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(Conv2dSame(4, 6, kernel, stride, dilation=dilation, groups=2))
    features = torch.randn(2, 4, *size)
    expected = layers(features)
    exportable(layers)
    assert type(layers[0]) is ExportedConv2dSame
    torch.testing.assert_close(layers(features), expected, rtol=0, atol=0)


@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("stride", [1, 2])
def test_average_pooling_agrees_with_timm(stride: int, count_include_pad: bool) -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(AvgPool2dSame(2, stride, ceil_mode=True, count_include_pad=count_include_pad))
    features = torch.randn(2, 4, 9, 12)
    expected = layers(features)
    exportable(layers)
    assert type(layers[0]) is ExportedAvgPool2dSame
    torch.testing.assert_close(layers(features), expected, rtol=0, atol=0)
