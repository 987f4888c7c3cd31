"""The wide convolution equals PyTorch's, in values and derivatives."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from encnet.model import wide_conv
from encnet.model.blocks import speed_up
from encnet.model.heads import EncHead
from encnet.model.wide_conv import WideConv


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3, 5]),
    bias=st.booleans(),
    channels_last=st.booleans(),
)
def test_equals_the_convolution(
    batch: int, size: tuple[int, int], kernel: int, bias: bool, channels_last: bool
) -> None:
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    conv = WideConv(5, 4, kernel, bias).double().to(memory_format=layout).train()  # pyright: ignore[reportCallIssue]
    images = torch.randn(batch, 5, *size, dtype=torch.float64).contiguous(memory_format=layout).requires_grad_()
    expected = F.conv2d(images, conv.weight, conv.bias, padding=kernel // 2)
    output = conv(images)
    torch.testing.assert_close(output, expected)
    gradient, of = torch.randn_like(expected), [images, *conv.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad(output, of, gradient), torch.autograd.grad(expected, of, gradient), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dilation", [1, 2, 4])
def test_equals_it_with_as_many_channels_as_winograd_pays_for(dilation: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(160, 208, 3, padding=dilation, dilation=dilation).double().train()
    speed_up(nn.Sequential(conv))
    assert type(conv) is WideConv
    images = torch.randn(2, 160, 11, 14, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(images, conv.weight, conv.bias, padding=dilation, dilation=dilation)
    output = conv(images)
    torch.testing.assert_close(output, expected, rtol=0, atol=1e-10)
    gradient, of = torch.randn_like(expected), [images, *conv.parameters()]
    for ours, theirs in zip(
        torch.autograd.grad(output, of, gradient), torch.autograd.grad(expected, of, gradient), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-9)
    torch.testing.assert_close(conv.eval()(images), expected, rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore")  # of PyTorch's own checks
@pytest.mark.parametrize("channels", [8, 192])
@pytest.mark.parametrize("kernel", [1, 3])
def test_compilers_are_told_the_truth_about_it(channels: int, kernel: int) -> None:
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
def test_only_what_it_can_stand_for_is_replaced(conv: nn.Conv2d, wide: bool) -> None:
    speed_up(nn.Sequential(conv))
    assert isinstance(conv, WideConv) == wide


def test_what_is_frozen_gets_no_derivative() -> None:
    conv = WideConv(3, 2, 3).train()
    conv.weight.requires_grad_(False)
    conv(torch.randn(1, 3, 4, 4)).sum().backward()
    assert conv.weight.grad is None
    assert conv.bias is not None and conv.bias.grad is not None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_takes_the_plain_form(dtype: torch.dtype) -> None:
    conv = WideConv(3, 2, 3).train()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        output = conv(torch.randn(1, 3, 4, 4))
    assert output.dtype == dtype
    output.float().sum().backward()
    assert conv.weight.grad is not None and conv.weight.grad.dtype == torch.float32


def test_heads_use_it() -> None:
    head = EncHead((0, 4, 4, 4, 9), 8, 3, lateral=True)
    assert sum(isinstance(module, WideConv) for module in head.modules()) == 2  # the first convolution, the fusion
