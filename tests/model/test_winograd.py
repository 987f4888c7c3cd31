"""Winograd's convolution against PyTorch's own, in values and derivatives."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from encnet.model import winograd as winograd_module
from encnet.model import winograd_tiles
from encnet.model.winograd import convolve, derivative_of_features, derivative_of_weight, suits, transform, winograd


def tensor(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
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
def test_equals_the_convolution(
    batch: int, size: tuple[int, int], channels: tuple[int, int], dilation: int, part: int, kernels: int
) -> None:
    read, written = channels
    features = tensor(batch, read, *size).requires_grad_()
    weight, bias = tensor(written, read, 3, 3).requires_grad_(), tensor(written)
    expected = F.conv2d(features, weight, bias, padding=dilation, dilation=dilation)
    of_output = torch.randn_like(expected)
    of_features, of_weight = torch.autograd.grad(expected, (features, weight), of_output)
    # tiles, and transformed kernels, are worked on in parts of these sizes
    with patch.object(winograd_tiles, "PART", part), patch.object(winograd_module, "KERNELS", kernels), torch.no_grad():
        found = winograd(features, transform(weight), bias, dilation)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-11)
        torch.testing.assert_close(winograd(features, transform(weight), None, dilation) + bias[:, None, None], found)
        torch.testing.assert_close(convolve(features, weight, bias, dilation), expected, rtol=0, atol=1e-11)
        torch.testing.assert_close(derivative_of_features(of_output, weight, dilation), of_features, atol=1e-11, rtol=0)
        torch.testing.assert_close(derivative_of_weight(of_output, features, dilation), of_weight, atol=1e-11, rtol=0)
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("read", "dilation"), [(2048, 1), (512, 4)])
def test_float32_differs_by_some_hundred_thousandths_of_the_spread(read: int, dilation: int) -> None:
    features, weight = tensor(1, read, 24, 30).relu(), tensor(64, read, 3, 3)
    exact = F.conv2d(features, weight, padding=dilation, dilation=dilation)
    found = winograd(features.float(), transform(weight).float(), None, dilation)
    assert float((found - exact).abs().max() / exact.std()) < 2e-4
    assert float((found - exact).std() / exact.std()) < 2e-5


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((256, 256, 3, 3), True), ((64, 512, 3, 3), True), ((64, 64, 3, 3), False), ((512, 512, 1, 1), False)],
)
def test_which_are_worth_it(shape: tuple[int, ...], expected: bool) -> None:
    assert suits(shape) == expected
