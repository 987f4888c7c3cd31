"""The dilated depthwise convolution equals PyTorch's, in values and derivatives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from encnet.model.blocks import DilatedDepthwise, speed_up
from encnet.model.variants import create_model


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 13), st.integers(1, 13)),
    kernel=st.sampled_from([3, 5]),
    dilation=st.integers(2, 4),
    bias=st.booleans(),
)
def test_equals_the_dilated_convolution(
    batch: int, size: tuple[int, int], kernel: int, dilation: int, bias: bool
) -> None:
    torch.manual_seed(0)
    conv = DilatedDepthwise(
        6, 6, kernel, padding=dilation * (kernel // 2), dilation=dilation, groups=6, bias=bias, dtype=torch.float64
    )
    images = torch.randn(batch, 6, *size, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(images, conv.weight, conv.bias, padding=conv.padding, dilation=dilation, groups=6)
    output = conv.train()(images)
    torch.testing.assert_close(output, expected)
    gradient = torch.randn_like(expected)
    of = [images, *conv.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad(output, of, gradient), torch.autograd.grad(expected, of, gradient), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize(
    ("conv", "replaced"),
    [
        (nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8), True),
        (nn.Conv2d(8, 8, 3, padding=1, groups=8), False),  # not dilated
        (nn.Conv2d(8, 8, 3, padding=2, dilation=2), False),  # not depthwise
        (nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, stride=2), False),
        (nn.Conv2d(8, 8, 3, padding=0, dilation=2, groups=8), False),
        (nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8, padding_mode="reflect"), False),
    ],
)
def test_only_what_it_can_stand_for_is_replaced(conv: nn.Conv2d, replaced: bool) -> None:
    speed_up(nn.Sequential(conv))
    assert isinstance(conv, DilatedDepthwise) == replaced


def test_the_lite_backbone_uses_it() -> None:
    assert any(isinstance(module, DilatedDepthwise) for module in create_model("encnet_lite0", 2).backbone.modules())
