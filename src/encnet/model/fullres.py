"""The full-resolution head: a 3x3 classifier on upsampled features, without the upsampled features."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from encnet.model.backbone import Stages
from encnet.model.context import ContextEncoding
from encnet.model.heads import HeadFeatures, HeadOutput
from encnet.model.tiles import logits_by_tile, tiles_of
from encnet.model.upsampled_conv import Grid, UpsampledConv, mean_of_map, variance_of_map
from encnet.model.wide_conv import WideConv


class FullResolutionHead(nn.Module):
    """The head of the network that this package grew from: context first, then a classifier at full resolution::

        stage 4 -> 3x3 -> Context Encoding Module -> ×scale_factor -> 3x3, batch norm, ReLU -> 3x3 -> logits
                                   └─ encoded semantics -> linear -> presence

    The first 3x3 and the projection before the encoding are plain convolutions: bias, no normalisation, no ReLU.

    The map after the upsampling, ``channels // 2`` wide, would be the only large tensor. It exists tile by tile
    (:mod:`encnet.model.tiles`), and training computes each tile again for the derivative: what is kept is at low
    resolution. Batch norm needs its statistics before the first tile; they are sums of squares of a linear map, so they
    follow from the low resolution too (:func:`encnet.model.upsampled_conv.variance_of_map`).

    Args:
        in_channels: channels of the stem and of stages 1 to 4.
        channels: width before the upsampling.
        num_classes: number of classes.
        num_codes: codewords of the Encoding layer.
        scale_factor: of the upsampling; stage 4's stride gives the size of the image, rounded up to a multiple of it.
        context: whether there is a Context Encoding Module.
        se: whether encoded semantics are turned into presence.
        dropout: probability with which a channel is dropped before the upsampling.
        align_corners: convention of the upsampling.
        conv_in_kernel: size of the first convolution.

    Shapes:
        input: :class:`encnet.model.backbone.Stages` -> :class:`encnet.model.heads.HeadOutput` with logits
        (B, num_classes, scale_factor·h, scale_factor·w).
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        num_classes: int,
        num_codes: int = 32,
        scale_factor: int = 8,
        context: bool = True,
        se: bool = True,
        dropout: float = 0.0,
        align_corners: bool = False,
        conv_in_kernel: int = 3,
    ) -> None:
        super().__init__()
        hidden = max(channels // 2, 1)
        self.conv_in = WideConv(in_channels[-1], channels, conv_in_kernel)
        self.context = (
            ContextEncoding(channels, num_codes, projection=nn.Conv2d(channels, channels, 1)) if context else None
        )
        self.presence = nn.Linear(channels, num_classes) if context and se else None
        self.dropout = nn.Dropout2d(dropout)
        self.hidden = UpsampledConv(channels, hidden, scale_factor, align_corners)
        self.norm = nn.BatchNorm2d(hidden)
        self.classifier = nn.Conv2d(hidden, num_classes, 3, padding=1)

    def forward(self, stages: Stages, reference_pixels: int | None = None) -> HeadOutput:
        features, _ = self.prepare(stages)
        presence = None
        if self.context is not None:
            semantics, features = self.context(features, reference_pixels)
            presence = self.presence(semantics) if self.presence is not None else None
        return HeadOutput(self.classify(self.dropout(features)), presence)

    def prepare(self, stages: Stages) -> HeadFeatures:
        """What comes before the context encoding."""
        return HeadFeatures(self.conv_in(stages.stage4))

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        """Features (B, channels, h, w), scaled by γ -> logits at full resolution, (B, num_classes, H, W)."""
        taps = self.hidden.taps(features)
        scale, shift = self._normalisation(taps, self.hidden.grid(features))
        assert self.classifier.bias is not None
        weights = (scale, shift, self.classifier.weight, self.classifier.bias)
        return logits_by_tile(taps, *weights, tiles_of(self.hidden, features))

    def _normalisation(self, taps: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        """Batch norm of the hidden map as ``scale * map_without_bias + shift``, (hidden,) each."""
        norm, bias = self.norm, self.hidden.bias
        assert bias is not None and norm.running_mean is not None and norm.running_var is not None
        mean, variance = norm.running_mean, norm.running_var
        if norm.training:
            with torch.autocast(taps.device.type, enabled=False):
                mean, variance = self._batch_statistics(taps.to(torch.promote_types(taps.dtype, torch.float32)), grid)
            mean = mean + bias
        scale = norm.weight * (variance + norm.eps).rsqrt()
        return scale, norm.bias + (bias - mean) * scale

    def _batch_statistics(self, taps: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        """Mean and variance of the hidden map over the batch, (hidden,) each, without its bias; updates the running
        ones.
        """
        norm, pixels = self.norm, len(taps) * len(grid.rows) * len(grid.columns)
        average, total = _averaging(norm, pixels, taps)
        mean = average(mean_of_map(taps, grid))
        variance = average(variance_of_map(taps, grid, mean))
        with torch.no_grad():
            assert norm.num_batches_tracked is not None and norm.running_mean is not None
            assert norm.running_var is not None and self.hidden.bias is not None
            norm.num_batches_tracked.add_(1)
            momentum = 1 / int(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
            norm.running_mean.lerp_((mean + self.hidden.bias).to(norm.running_mean), momentum)
            norm.running_var.lerp_((variance * (total / max(total - 1, 1))).to(norm.running_var), momentum)
        return mean, variance


def _averaging(norm: nn.Module, pixels: int, like: Tensor) -> tuple[Callable[[Tensor], Tensor], int]:
    """How statistics of ``pixels`` are averaged over processes, and how many pixels all of them have.

    Only synchronised batch norm under a process group averages anything.
    """
    if not isinstance(norm, nn.SyncBatchNorm) or not torch.distributed.is_initialized():
        return lambda statistic: statistic, pixels
    from torch.distributed.nn.functional import all_reduce

    total = int(all_reduce(like.new_tensor(pixels, dtype=torch.float64), group=norm.process_group))
    return lambda statistic: all_reduce(statistic * pixels, group=norm.process_group) / total, total
