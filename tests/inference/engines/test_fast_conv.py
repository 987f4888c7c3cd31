"""The fast forms of convolutions against PyTorch's, alone and in networks."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.inference.engines.fast_conv import SubGridConv, WinogradConv, convolve, use_sub_grids, use_winograd
from encnet.model.blocks import DilatedDepthwise
from encnet.model.variants import create_model
from encnet.model.wide_conv import WideConv


def features(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("transformed", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_equals_the_convolution(transformed: bool, bias: bool) -> None:
    conv = nn.Conv2d(5, 7, 3, padding=2, dilation=2, bias=bias).double()
    found = WinogradConv(conv, transformed)(features(2, 5, 13, 18))
    torch.testing.assert_close(found, conv(features(2, 5, 13, 18)).detach(), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore")  # of PyTorch's own checks
def test_compilers_are_told_the_truth_about_it() -> None:
    kernels = features(36, 4, 6, dtype=torch.float32)
    for bias in (features(6, dtype=torch.float32), None):
        torch.library.opcheck(convolve, (features(2, 4, 9, 7, dtype=torch.float32), kernels, bias, 2))


@pytest.mark.parametrize(("variant", "wide"), [("encnet_resnet18", 9), ("encnet_jpu_resnet50", 10)])
def test_a_network_computes_the_same(variant: str, wide: int) -> None:
    torch.manual_seed(0)
    network = create_model(variant, 3).eval().requires_grad_(False)
    network.aux_head = network.stage3_head = None
    fast = copy.deepcopy(network)
    use_winograd(fast)
    use_sub_grids(fast)
    assert sum(isinstance(module, WinogradConv) for module in fast.modules()) == wide
    assert sum(isinstance(module, SubGridConv) for module in fast.modules()) == ("jpu" in variant)
    images = features(2, 3, 75, 61, dtype=torch.float32)
    expected, found = network(images), fast(images)
    assert float((found.logits - expected.logits).abs().max()) < 1e-4 * float(expected.logits.std())
    torch.testing.assert_close(found.presence, expected.presence, rtol=0, atol=1e-5)


def test_what_is_watched_or_something_else_stays() -> None:
    class Own(nn.Conv2d):
        pass

    watched = nn.Conv2d(256, 256, 3, padding=1)
    watched.register_forward_hook(lambda module, inputs, output: None)
    strided, small = nn.Conv2d(256, 256, 3, padding=1, stride=2), nn.Conv2d(64, 64, 3, padding=1)
    network = nn.Sequential(watched, Own(256, 256, 3, padding=1), strided, small, WideConv(256, 256, 3))
    use_winograd(network)
    assert [isinstance(module, WinogradConv) for module in network] == [False] * 4 + [True]


@pytest.mark.parametrize(("kernel", "dilation", "replaced"), [(3, 2, False), (3, 8, True), (5, 2, False), (5, 3, True)])
def test_sub_grids(kernel: int, dilation: int, replaced: bool) -> None:
    padding = dilation * (kernel // 2)
    conv = DilatedDepthwise(6, 6, kernel, padding=padding, dilation=dilation, groups=6, dtype=torch.float64).eval()
    pixels = features(2, 6, 17, 21)
    expected = F.conv2d(pixels, conv.weight, conv.bias, padding=padding, dilation=dilation, groups=6)
    use_sub_grids(nn.Sequential(conv))
    assert isinstance(conv, SubGridConv) == replaced
    torch.testing.assert_close(conv(pixels), expected)
