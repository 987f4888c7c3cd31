"""The layer with Winograd's convolution against PyTorch's convolution."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from encnet.kernels.winograd_conv import WinogradConv, convolve, is_for_winograd


def random_features(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("transformed", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_layer_equals_the_convolution(transformed: bool, bias: bool) -> None:
    conv = nn.Conv2d(5, 7, 3, padding=2, dilation=2, bias=bias).double()
    features = random_features(2, 5, 13, 18)
    output = WinogradConv(conv, transformed)(features)
    torch.testing.assert_close(output, conv(features).detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("transformed", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_plain_returns_the_convolution(transformed: bool, bias: bool) -> None:
    conv = nn.Conv2d(5, 7, 3, padding=2, dilation=2, bias=bias).double()
    plain = WinogradConv(conv, transformed).plain()
    assert (plain.padding, plain.dilation, plain.bias) == (conv.padding, conv.dilation, conv.bias)
    torch.testing.assert_close(plain.weight.detach(), conv.weight.detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("conv", "expected"),
    [
        (nn.Conv2d(256, 128, 3, padding=1), True),
        (nn.Conv2d(256, 128, 3, padding=4, dilation=4), True),
        (nn.Conv2d(256, 128, 1), False),
        (nn.Conv2d(64, 64, 3, padding=1), False),
        (nn.Conv2d(256, 128, 3, padding=1, stride=2), False),
    ],
)
def test_only_wide_3x3_convolutions_of_the_same_size_are_suitable(conv: nn.Conv2d, expected: bool) -> None:
    assert is_for_winograd(conv) == expected


@pytest.mark.filterwarnings("ignore")  # of PyTorch's own checks
def test_operation_passes_the_checks_of_pytorch_for_compilers() -> None:
    kernels = random_features(36, 4, 6, dtype=torch.float32)
    for bias in (random_features(6, dtype=torch.float32), None):
        torch.library.opcheck(convolve, (random_features(2, 4, 9, 7, dtype=torch.float32), kernels, bias, 2))
