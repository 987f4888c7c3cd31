"""The convolution of upsampled features against PyTorch's interpolation and convolution, in values and gradients."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.kernels.upsampled_conv import (
    UpsampledConv,
    expand,
    first_source,
    mean_of_map,
    shifted_interpolation,
    variance_of_map,
)

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 9))
assert_equal = partial(torch.testing.assert_close, rtol=0.0, atol=1e-10)


def plain(conv: UpsampledConv, features: Tensor) -> Tensor:
    """Returns the output of the layer, computed by interpolation and convolution."""
    upsampled = F.interpolate(
        features, scale_factor=conv.scale_factor, mode="bilinear", align_corners=conv.align_corners
    )
    return F.conv2d(upsampled, conv.weight, conv.bias, padding=1)


@settings(max_examples=40, deadline=None)
@given(size=SIZES, batch=st.integers(1, 2), scale_factor=st.sampled_from([1, 2, 4, 8]), align_corners=st.booleans())
def test_output_and_gradients_equal_interpolation_and_convolution(
    size: tuple[int, int], batch: int, scale_factor: int, align_corners: bool
) -> None:
    torch.manual_seed(0)
    conv = UpsampledConv(5, 3, scale_factor, align_corners).double()
    features = torch.randn(batch, 5, *size, dtype=torch.float64, requires_grad=True)
    output, expected = conv(features), plain(conv, features)
    assert_equal(output, expected)
    grad_output, inputs = torch.randn_like(expected), [features, *conv.parameters()]
    gradients = torch.autograd.grad(output, inputs, grad_output)
    assert_equal(gradients, torch.autograd.grad(expected, inputs, grad_output))


@settings(max_examples=40, deadline=None)
@given(size=SIZES, scale_factor=st.sampled_from([2, 4, 8]), align_corners=st.booleans())
def test_statistics_equal_those_of_the_map(size: tuple[int, int], scale_factor: int, align_corners: bool) -> None:
    torch.manual_seed(0)
    conv = UpsampledConv(5, 3, scale_factor, align_corners).double()
    features = torch.randn(2, 5, *size, dtype=torch.float64, requires_grad=True)
    taps, grid = conv.taps(features), conv.grid(features)
    mean = mean_of_map(taps, grid)
    variance = variance_of_map(taps, grid, mean)
    output = expand(taps, *grid)
    expected = output.mean((0, 2, 3)), output.var((0, 2, 3), unbiased=False)
    assert_equal(mean, expected[0])
    assert_equal(variance, expected[1])
    weights = torch.randn(3, dtype=torch.float64)
    gradients = torch.autograd.grad((mean * variance * weights).sum(), features, retain_graph=True)
    assert_equal(gradients, torch.autograd.grad((expected[0] * expected[1] * weights).sum(), features))


def test_variance_is_exact_in_float32_for_a_large_mean() -> None:
    torch.manual_seed(0)
    conv = UpsampledConv(8, 4, 8)
    features = torch.randn(1, 8, 6, 7) + 100
    taps, grid = conv.taps(features), conv.grid(features)
    variance = variance_of_map(taps, grid, mean_of_map(taps, grid))
    expected = plain(conv.double(), features.double()).var((0, 2, 3), unbiased=False)
    torch.testing.assert_close(variance.double(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize(("size", "scale_factor"), [(1, 8), (2, 2), (5, 4), (7, 8)])
def test_first_source_bounds_the_inputs_of_an_output(size: int, scale_factor: int, align_corners: bool) -> None:
    matrix = shifted_interpolation(size, scale_factor, align_corners)[:, 1]
    for output, row in enumerate(matrix):
        first = first_source(output, size, scale_factor, align_corners)
        read = row.nonzero().flatten()
        assert max(first, 0) <= int(read.min())
        assert int(read.max()) <= first + 1
