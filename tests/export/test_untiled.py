"""The full-resolution head without tiles, against the head with tiles."""

from __future__ import annotations

import copy

import pytest
import torch

from encnet.export.untiled import UntiledHead, interpolation
from encnet.export.wrapper import exportable
from encnet.kernels.upsampled_conv import shifted_interpolation
from encnet.model.heads.fullres import FullResolutionHead


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("scale_factor", [2, 8, 32])
@pytest.mark.parametrize("size", [1, 2, 7, 45])
def test_the_interpolation_agrees_with_that_of_the_tiled_head(
    size: int, scale_factor: int, align_corners: bool
) -> None:
    expected = shifted_interpolation(size, scale_factor, align_corners)
    torch.testing.assert_close(interpolation(size, scale_factor, align_corners).double(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_untiled_head_agrees_with_the_tiled_head(align_corners: bool) -> None:
    torch.manual_seed(0)
    head = FullResolutionHead((0, 4, 4, 4, 9), 8, 3, num_codes=5, align_corners=align_corners).eval()
    torch.nn.init.normal_(head.norm.weight)
    torch.nn.init.normal_(head.norm.bias)
    assert head.norm.running_mean is not None
    head.norm.running_mean.normal_()
    (untiled,) = exportable(torch.nn.Sequential(copy.deepcopy(head)))
    assert type(untiled) is UntiledHead
    features = torch.randn(2, 8, 7, 25)
    with torch.no_grad():
        torch.testing.assert_close(untiled.classify(features), head.classify(features), rtol=0, atol=1e-5)
