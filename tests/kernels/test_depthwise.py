"""The dilated depthwise convolution against PyTorch's, in values and gradients."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from encnet.checkpoint.create import create_model
from encnet.kernels.acceleration import accelerate, accelerate_inference, plain
from encnet.kernels.depthwise import (
    DilatedDepthwise,
    Float32Depthwise,
    Float32DepthwiseSame,
    SubGridConv,
    is_slow_in_half,
)
from encnet.system.timm import Conv2dSame


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


@pytest.mark.parametrize(
    ("conv", "kind"),
    [
        (nn.Conv2d(16, 16, 5, padding=2, groups=16), Float32Depthwise),
        (nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16), Float32Depthwise),
        (Conv2dSame(16, 16, 5, stride=2, groups=16, bias=False), Float32DepthwiseSame),
        (nn.Conv2d(16, 16, 5, padding=4, dilation=2, groups=16), DilatedDepthwise),
    ],
)
def test_slow_depthwise_convolutions_are_trained_in_float32_under_autocast(conv: nn.Conv2d, kind: type) -> None:
    torch.manual_seed(0)
    before = type(conv)
    network = accelerate(nn.Sequential(conv)).train()
    assert type(network[0]) is kind
    images = torch.randn(2, 16, 11, 14).to(torch.bfloat16).requires_grad_()
    exact = conv(images.float())
    grad_output, inputs = torch.randn_like(exact), [images, *conv.parameters()]
    with torch.autocast("cpu", torch.bfloat16):
        output = network(images)
    gradients = torch.autograd.grad(output.float(), inputs, grad_output)
    assert output.dtype == torch.bfloat16
    torch.testing.assert_close(output, exact.to(torch.bfloat16))  # rounded once, at the end
    expected = torch.autograd.grad(exact, inputs, grad_output.to(torch.bfloat16).float())
    torch.testing.assert_close(gradients, expected, rtol=0.01, atol=1e-4)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):  # prediction stays in half precision
        torch.testing.assert_close(network.eval()(images), conv(images))
    assert type(plain(network)[0]) is before


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_weights_of_another_type_are_trained_as_without_it(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(8, 8, 5, padding=2, groups=8, dtype=dtype)
    images = torch.randn(1, 8, 9, 9, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        expected = conv(images)
        torch.testing.assert_close(accelerate(nn.Sequential(conv)).train()(images), expected, rtol=0, atol=0)


def test_encnet_lite0_trains_its_strided_and_wide_depthwise_convolutions_in_float32() -> None:
    layers = [layer for layer in create_model("encnet_lite0", 2).modules() if isinstance(layer, nn.Conv2d)]
    kinds = (Float32Depthwise, DilatedDepthwise)
    assert all(isinstance(layer, kinds) for layer in layers if is_slow_in_half(layer))
    assert any(type(layer) is Float32DepthwiseSame for layer in layers)
