"""The wide convolution against PyTorch's, in values and gradients."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from encnet.kernels import wide_conv, winograd
from encnet.kernels.acceleration import accelerate
from encnet.kernels.wide_conv import WideConv
from encnet.model.heads.enc import EncHead


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3, 5]),
    bias=st.booleans(),
    channels_last=st.booleans(),
)
def test_output_and_gradients_equal_the_convolution(
    batch: int, size: tuple[int, int], kernel: int, bias: bool, channels_last: bool
) -> None:
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    conv = WideConv(5, 4, kernel, padding=kernel // 2, bias=bias).double().to(memory_format=layout).train()  # pyright: ignore[reportCallIssue]
    images = torch.randn(batch, 5, *size, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    expected = F.conv2d(images, conv.weight, conv.bias, padding=kernel // 2)
    grad_output, inputs = torch.randn_like(expected), [images, *conv.parameters()]
    with patch.object(wide_conv, "WORTH", 1), patch.object(winograd, "WORTH", 1):  # so that few channels are wide
        output = conv(images)
        gradients = torch.autograd.grad(output, inputs, grad_output)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-11)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, inputs, grad_output), rtol=0, atol=1e-11)


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_many_channels_use_winograd_and_equal_the_convolution(dilation: int) -> None:
    torch.manual_seed(0)
    (conv,) = accelerate(nn.Sequential(nn.Conv2d(160, 208, 3, padding=dilation, dilation=dilation).double().train()))
    assert type(conv) is WideConv
    images = torch.randn(2, 160, 11, 14, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(images, conv.weight, conv.bias, padding=dilation, dilation=dilation)
    output = conv(images)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-10)
    grad_output, inputs = torch.randn_like(expected), [images, *conv.parameters()]
    gradients = torch.autograd.grad(output, inputs, grad_output)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, inputs, grad_output), rtol=0, atol=1e-9)
    torch.testing.assert_close(conv.eval()(images), expected, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore")  # of PyTorch's own checks
@pytest.mark.parametrize(("kernel", "channels"), [(1, 8), (3, 192)])
def test_operation_passes_the_checks_of_pytorch_for_compilers(kernel: int, channels: int) -> None:
    for layout in (torch.contiguous_format, torch.channels_last):
        images = torch.randn(2, channels, 5, 6).contiguous(memory_format=layout).requires_grad_()
        weight = torch.randn(channels, channels, kernel, kernel).contiguous(memory_format=layout).requires_grad_()
        torch.library.opcheck(wide_conv._convolve, (images, weight, torch.randn(channels, requires_grad=True), 1))


@pytest.mark.parametrize(
    ("conv", "wide"),
    [
        (nn.Conv2d(256, 128, 1), True),
        (nn.Conv2d(256, 128, 3, padding=2, dilation=2), True),
        (nn.Conv2d(128, 128, 3, padding=1), False),  # few channels
        (nn.Conv2d(256, 128, 3, padding=1, stride=2), False),
        (nn.Conv2d(256, 128, 3, padding=0), False),
        (nn.Conv2d(256, 128, 3, padding=1, dilation=2), False),
        (nn.Conv2d(256, 256, 3, padding=1, groups=2), False),
        (nn.Conv2d(256, 128, 5, padding=2), False),
        (nn.Conv2d(256, 128, 3, padding=1, padding_mode="reflect"), False),
    ],
)
def test_only_wide_convolutions_of_the_same_size_are_exchanged(conv: nn.Conv2d, wide: bool) -> None:
    (layer,) = accelerate(nn.Sequential(conv))
    assert isinstance(layer, WideConv) == wide
    assert layer.weight is conv.weight


def test_frozen_weight_gets_no_gradient() -> None:
    conv = WideConv(256, 128, 1).train()
    conv.weight.requires_grad_(False)
    conv(torch.randn(1, 256, 4, 4)).sum().backward()
    assert conv.weight.grad is None
    assert conv.bias is not None and conv.bias.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_uses_the_plain_form(dtype: torch.dtype) -> None:
    conv = WideConv(256, 128, 1).train()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        output = conv(torch.randn(1, 256, 4, 4))
    assert output.dtype == dtype
    output.float().sum().backward()
    assert conv.weight.grad is not None and conv.weight.grad.dtype == torch.float32


def test_enc_head_trains_with_it() -> None:
    head = accelerate(EncHead((0, 64, 64, 64, 256), 128, 3, lateral=True))
    assert sum(isinstance(module, WideConv) for module in head.modules()) == 2  # the first convolution, the fusion
