"""The full-resolution head for exported graphs: without tiles, because their number depends on the image size."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from encnet.kernels.upsampled_conv import Grid, expand
from encnet.model.heads.fullres import FullResolutionHead


class UntiledHead(FullResolutionHead):
    """A :class:`encnet.model.heads.fullres.FullResolutionHead` in eval mode, exportable for images of any size.

    A graph has a fixed number of operations, but the number of tiles depends on the image. So here the features before
    the classifier are one tensor, (B, channels // 2, H, W). The result is that of the tiled head.

    Args:
        head: the head whose layers are used.
    """

    def __init__(self, head: FullResolutionHead) -> None:
        nn.Module.__init__(self)  # without building new layers
        for name in ("conv_in", "context", "presence", "dropout", "hidden", "norm", "classifier"):
            setattr(self, name, getattr(head, name))

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        conv, (height, width) = self.hidden, features.shape[-2:]
        rows = interpolation(height, conv.scale_factor, conv.align_corners).flatten(1)  # (H, 3h)
        columns = interpolation(width, conv.scale_factor, conv.align_corners).transpose(1, 2).flatten(1)  # (W, 3w)
        grid = Grid(rows, columns)
        taps = conv.taps(features)
        scale, shift = self.normalisation(taps, grid)
        return self.classifier(torch.relu(expand(taps * scale, *grid) + shift[:, None, None]))


def interpolation(size: int, scale_factor: int, align_corners: bool) -> Tensor:
    """:func:`encnet.kernels.upsampled_conv.shifted_interpolation` in operations that work for any size in a graph.

    Bilinear interpolation at the place x gives input i the weight max(0, 1 - \\|x - i\\|).

    Returns:
        Weights (s·size, 3, size), float32, by output, shift (-1, 0 or 1) and input.
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
