"""The full-resolution head for exported graphs: without tiles, whose number depends on the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from encnet.model.fullres import FullResolutionHead
from encnet.model.upsampled_conv import Grid, expand


class UntiledHead(FullResolutionHead):
    """A :class:`encnet.model.fullres.FullResolutionHead` in eval mode whose graph fits images of every size.

    A graph has a fixed number of operations, so it cannot have as many as an image has tiles: the map before the
    classifier is one tensor here, (B, channels // 2, H, W). Values are those of the tiled head.
    """

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        conv, (height, width) = self.hidden, features.shape[-2:]
        rows = interpolation(height, conv.scale_factor, conv.align_corners).flatten(1)  # (H, 3h)
        columns = interpolation(width, conv.scale_factor, conv.align_corners).transpose(1, 2).flatten(1)  # (W, 3w)
        grid = Grid(rows, columns)
        taps = conv.taps(features)
        scale, shift = self._normalisation(taps, grid)
        return self.classifier(torch.relu(expand(taps * scale, *grid) + shift[:, None, None]))


def untile(network: nn.Module) -> None:
    """Turns every full-resolution head of ``network`` into an :class:`UntiledHead`; weights stay."""
    for module in network.modules():
        if type(module) is FullResolutionHead:
            module.__class__ = UntiledHead


def interpolation(size: int, scale_factor: int, align_corners: bool) -> Tensor:
    """What :func:`encnet.model.upsampled_conv.shifted_interpolation` computes, for a size that a graph does not know.

    Bilinear interpolation at the place x gives input i the weight max(0, 1 - \\|x - i\\|).

    Returns:
        (s·size, 3, size), float32: outputs, one place before, at and after each; inputs.
    """
    count = scale_factor * size
    outputs = torch.arange(count)[:, None] + torch.arange(-1, 2)
    inside = (outputs >= 0) & (outputs < count)
    if align_corners:
        places = (outputs * (size - 1)).float() / (count - 1)
    else:
        places = (outputs.float() + 0.5) / scale_factor - 0.5
    places = torch.minimum(places.clamp(min=0), torch.full_like(places, size - 1))
    weights = (1 - (places[..., None] - torch.arange(size)).abs()).clamp(min=0)
    return weights * inside[..., None]
