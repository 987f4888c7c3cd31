"""The full-resolution head: a 3x3 classifier on upsampled features, which are never built as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from encnet.kernels.tiled_classifier import logits_by_tile, tiles_of
from encnet.kernels.upsampled_conv import Grid, UpsampledConv, mean_of_map, variance_of_map
from encnet.model.backbone import Backbone, Stages
from encnet.model.context import ContextEncoding
from encnet.model.head import Head, HeadFeatures
from encnet.model.options import ModelOptions
from encnet.system.checks import require


class FullResolutionHead(Head):
    """The head of the tutorial form of EncNet: context first, then a classifier at full resolution::

        stage 4 -> 3x3 -> Context Encoding Module -> ×scale_factor -> 3x3, batch norm, ReLU -> 3x3 -> logits
                                   └─ encoded semantics -> linear -> presence

    The first 3x3 and the projection before the encoding are plain convolutions: bias, no normalisation, no ReLU.

    The map after the upsampling, ``channels // 2`` wide, would be the only large tensor. It exists only tile by tile
    (:mod:`encnet.kernels.tiled_classifier`), and training computes each tile again for the derivative, so all tensors
    that it keeps have low resolution. Batch norm needs its statistics before the first tile; they are sums of squares
    of a linear map, so they too are computed at low resolution (:func:`encnet.kernels.upsampled_conv.variance_of_map`).

    Args:
        in_channels: channels of the stem and of stages 1 to 4.
        channels: width before the upsampling.
        num_classes: number of classes.
        num_codes: codewords of the Encoding layer.
        scale_factor: factor of the upsampling; with stage 4's stride, logits have the size of the image, rounded up to
            a multiple of the stride.
        context: whether there is a Context Encoding Module.
        se: whether there is an SE branch, from encoded semantics to presence.
        dropout: probability of dropping a channel before the upsampling.
        align_corners: convention of the upsampling.
        conv_in_kernel: kernel size of the first convolution.

    Shapes:
        :class:`encnet.model.backbone.Stages` -> logits (B, num_classes, scale_factor·h, scale_factor·w), for stage 4 of
        h x w.
    """

    needs_autocast: bool = True

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
        self.conv_in: nn.Conv2d = nn.Conv2d(in_channels[-1], channels, conv_in_kernel, padding=conv_in_kernel // 2)
        self.context: ContextEncoding | None = (
            ContextEncoding(channels, num_codes, projection=nn.Conv2d(channels, channels, 1)) if context else None
        )
        self.presence: nn.Linear | None = nn.Linear(channels, num_classes) if context and se else None
        self.dropout: nn.Dropout2d = nn.Dropout2d(dropout)
        self.hidden: UpsampledConv = UpsampledConv(channels, hidden, scale_factor, align_corners)
        self.norm: nn.BatchNorm2d = nn.BatchNorm2d(hidden)
        self.classifier: nn.Conv2d = nn.Conv2d(hidden, num_classes, 3, padding=1)

    @classmethod
    def from_options(cls, options: ModelOptions, num_classes: int, backbone: Backbone, channels: Sequence[int]) -> Head:
        """Builds the head from the options of a network; see :data:`encnet.model.heads.HEADS`."""
        require(not options.lateral, "lateral", options.lateral, "false with the head 'fullres'")
        require(not options.detail_channels, "detail_channels", options.detail_channels, "none with the head 'fullres'")
        return cls(
            channels,
            options.head_channels,
            num_classes,
            options.num_codes,
            scale_factor=backbone.strides[1 if options.jpu else 3],
            context=options.context,
            se=options.se,
            dropout=options.dropout,
            align_corners=options.align_corners,
            conv_in_kernel=options.conv_in_kernel,
        )

    def prepare(self, stages: Stages) -> HeadFeatures:
        """Stages -> features before the context encoding, (B, channels, h, w)."""
        return HeadFeatures(self.conv_in(stages.stage4))

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        """Features (B, channels, h, w), scaled by γ -> logits at full resolution, (B, num_classes, H, W)."""
        features = self.dropout(features)
        taps = self.hidden.taps(features)
        scale, shift = self.normalisation(taps, self.hidden.grid(features))
        assert self.classifier.bias is not None
        weights = (scale, shift, self.classifier.weight, self.classifier.bias)
        return logits_by_tile(taps, *weights, tiles_of(self.hidden, features))

    def normalisation(self, taps: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
        """Returns batch norm of the hidden map as ``scale * map_without_bias + shift``, (hidden,) each."""
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
        """Returns mean and variance of the hidden map without its bias, (hidden,) each, over the batch.

        It also updates the running statistics.
        """
        norm, pixels = self.norm, len(taps) * len(grid.rows) * len(grid.columns)
        average, total = _average_over_processes(norm, pixels, taps)
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


def _average_over_processes(norm: nn.Module, pixels: int, like: Tensor) -> tuple[Callable[[Tensor], Tensor], int]:
    """Returns a function that averages a statistic of ``pixels`` over processes, and their total number of pixels.

    The function changes nothing unless batch norm is synchronised in a process group.
    """
    if not isinstance(norm, nn.SyncBatchNorm) or not torch.distributed.is_initialized():
        return lambda statistic: statistic, pixels
    from torch.distributed.nn.functional import all_reduce

    total = int(all_reduce(like.new_tensor(pixels, dtype=torch.float64), group=norm.process_group))
    return lambda statistic: all_reduce(statistic * pixels, group=norm.process_group) / total, total
