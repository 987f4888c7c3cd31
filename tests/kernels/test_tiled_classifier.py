"""The classifier on tiles of the upsampled map against the same layers on the whole map."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from encnet.kernels import tiled_classifier
from encnet.kernels.tiled_classifier import logits_by_tile, tiles_of
from encnet.kernels.upsampled_conv import UpsampledConv, expand


@pytest.mark.parametrize("tile", [(5, 13), (8, 8), (1000, 1000)])
@pytest.mark.parametrize("align_corners", [False, True])
def test_logits_and_gradients_equal_those_of_the_whole_map(
    tile: tuple[int, int], align_corners: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiled_classifier, "TILE", tile)
    torch.manual_seed(0)
    conv = UpsampledConv(3, 4, 4, align_corners).double()
    features = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    taps = conv.taps(features).detach().requires_grad_()
    shapes = [(4,), (4,), (2, 4, 3, 3), (2,)]
    scale, shift, weight, bias = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    inputs = (taps, scale, shift, weight, bias)
    hidden = F.relu(expand(taps, *conv.grid(features)) * scale[:, None, None] + shift[:, None, None])
    expected = F.conv2d(hidden, weight, bias, padding=1)
    logits = logits_by_tile(*inputs, tiles_of(conv, features))
    torch.testing.assert_close(logits, expected)
    grad_output = torch.randn_like(expected)
    gradients = torch.autograd.grad(logits, inputs, grad_output)
    torch.testing.assert_close(gradients, torch.autograd.grad(expected, inputs, grad_output))


@pytest.mark.parametrize("size", [(1, 1), (3, 8)])
def test_tiles_cover_every_output_once(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiled_classifier, "TILE", (5, 13))
    counts = torch.zeros(8 * size[0], 8 * size[1])
    for tile in tiles_of(UpsampledConv(3, 4, 8), torch.zeros(1, 3, *size)):
        counts[tile.outputs] += 1
    assert bool((counts == 1).all())
