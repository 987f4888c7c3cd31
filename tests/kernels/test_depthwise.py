"""The dilated depthwise convolution against PyTorch's, in values and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from encnet.checkpoint.create import create_model
from encnet.kernels.acceleration import accelerate, accelerate_inference
from encnet.kernels.depthwise import DilatedDepthwise, SubGridConv


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 13), st.integers(1, 13)),
    kernel=st.sampled_from([3, 5]),
    dilation=st.integers(2, 4),
    bias=st.booleans(),
)
def test_training_form_equals_the_dilated_convolution(
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
    grad_output = torch.randn_like(expected)
    inputs = [images, *conv.parameters()]
    gradients = torch.autograd.grad(output, inputs, grad_output)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, inputs, grad_output))


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
def test_only_dilated_depthwise_convolutions_of_the_same_size_are_exchanged(conv: nn.Conv2d, replaced: bool) -> None:
    (layer,) = accelerate(nn.Sequential(conv))
    assert isinstance(layer, DilatedDepthwise) == replaced
    assert layer.weight is conv.weight


@pytest.mark.parametrize(("kernel", "dilation", "replaced"), [(3, 2, False), (3, 8, True), (5, 2, False), (5, 3, True)])
def test_sub_grids_replace_large_paddings_in_prediction(kernel: int, dilation: int, replaced: bool) -> None:
    padding = dilation * (kernel // 2)
    conv = DilatedDepthwise(6, 6, kernel, padding=padding, dilation=dilation, groups=6, dtype=torch.float64).eval()
    features = torch.randn(2, 6, 17, 21, dtype=torch.float64)
    expected = F.conv2d(features, conv.weight, conv.bias, padding=padding, dilation=dilation, groups=6)
    (layer,) = accelerate_inference(nn.Sequential(conv))
    assert isinstance(layer, SubGridConv) == replaced
    torch.testing.assert_close(layer(features), expected)


def test_encnet_lite0_trains_with_it() -> None:
    assert any(isinstance(module, DilatedDepthwise) for module in create_model("encnet_lite0", 2).backbone.modules())
