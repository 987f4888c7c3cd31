"""Winograd's convolution against PyTorch's, in values and gradients."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.kernels import winograd as winograd_module
from encnet.kernels import winograd_tiles
from encnet.kernels.winograd import convolve, grad_features, grad_weight, inverse_transform, suits, transform, winograd


def random_tensor(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape)))


@settings(max_examples=60, deadline=None)
@given(
    batch=st.integers(1, 3),
    size=st.tuples(st.integers(1, 19), st.integers(1, 19)),
    channels=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    dilation=st.integers(1, 5),
    part=st.sampled_from([1, 20_000, winograd_tiles.PART]),
    kernels=st.sampled_from([1, 2000, winograd_module.KERNELS]),
)
def test_output_and_gradients_equal_the_convolution(
    batch: int, size: tuple[int, int], channels: tuple[int, int], dilation: int, part: int, kernels: int
) -> None:
    in_channels, out_channels = channels
    features = random_tensor(batch, in_channels, *size).requires_grad_()
    weight, bias = random_tensor(out_channels, in_channels, 3, 3).requires_grad_(), random_tensor(out_channels)
    expected = F.conv2d(features, weight, bias, padding=dilation, dilation=dilation)
    grad_output = torch.randn_like(expected)
    expected_features, expected_weight = torch.autograd.grad(expected, (features, weight), grad_output)
    # the sizes of the parts into which tiles and transformed kernels are split
    with patch.object(winograd_tiles, "PART", part), patch.object(winograd_module, "KERNELS", kernels), torch.no_grad():
        output = winograd(features, transform(weight), bias, dilation)
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-11)
        torch.testing.assert_close(winograd(features, transform(weight), None, dilation) + bias[:, None, None], output)
        torch.testing.assert_close(convolve(features, weight, bias, dilation), expected, rtol=0, atol=1e-11)
        torch.testing.assert_close(grad_features(grad_output, weight, dilation), expected_features, atol=1e-11, rtol=0)
        torch.testing.assert_close(grad_weight(grad_output, features, dilation), expected_weight, atol=1e-11, rtol=0)
    assert output.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(inverse_transform(transform(weight)), weight, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("in_channels", "dilation"), [(2048, 1), (512, 4)])
def test_float32_error_is_a_few_hundred_thousandths_of_the_spread(in_channels: int, dilation: int) -> None:
    features, weight = random_tensor(1, in_channels, 24, 30).relu(), random_tensor(64, in_channels, 3, 3)
    exact = F.conv2d(features, weight, padding=dilation, dilation=dilation)
    output = winograd(features.float(), transform(weight).float(), None, dilation)
    assert float((output - exact).abs().max() / exact.std()) < 2e-4
    assert float((output - exact).std() / exact.std()) < 2e-5


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((256, 256, 3, 3), True), ((64, 512, 3, 3), True), ((64, 64, 3, 3), False), ((512, 512, 1, 1), False)],
)
def test_only_wide_3x3_kernels_suit(shape: tuple[int, ...], expected: bool) -> None:
    assert suits(shape) == expected
