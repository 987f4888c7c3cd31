"""Joint Pyramid Upsampling: features at stride 8 from a backbone that is not dilated."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from encnet.model.backbone import Stages
from encnet.model.blocks import concatenate, conv_norm_relu

DILATIONS: tuple[int, ...] = (1, 2, 4, 8)


class JPU(nn.Module):
    """Joint Pyramid Upsampling (Wu et al., *FastFCN*, 2019, section 3.3)::

        stage 2 -> 3x3 ─┐                   ┌─ 3x3, dilation 1 ─┐
        stage 3 -> 3x3 ─┼─ at stage 2's  ───┼─ 3x3, dilation 2 ─┼─ concatenated -> the new stage 4
        stage 4 -> 3x3 ─┘  resolution       ├─ 3x3, dilation 4 ─┤
                                            └─ 3x3, dilation 8 ─┘

    The dilated convolutions are separable: depthwise, batch norm, pointwise, batch norm, ReLU. Stages are concatenated
    from fine to coarse, as in MMSegmentation; the original order is the reverse.

    Args:
        in_channels: channels of the stem and of stages 1 to 4.
        channels: width of each convolution.
        align_corners: convention of the upsampling of stages 3 and 4 to the resolution of stage 2.

    Attributes:
        channels: channels of the stem and of stages 1 to 4 after the JPU: the last is 4·channels.

    Shapes:
        input :class:`encnet.model.backbone.Stages` -> the same, with stage 4 replaced by (B, 4·channels, h, w) at the
        resolution of stage 2.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, align_corners: bool = False) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.convs: nn.ModuleList = nn.ModuleList(
            conv_norm_relu(stage, channels, kernel_size=3) for stage in in_channels[2:]
        )
        width = len(self.convs) * channels
        self.dilations: nn.ModuleList = nn.ModuleList(_separable(width, channels, dilation) for dilation in DILATIONS)
        self.channels: tuple[int, ...] = (*in_channels[:4], len(DILATIONS) * channels)

    def forward(self, stages: Stages) -> Stages:
        pyramid = (stages.stage2, stages.stage3, stages.stage4)
        features = [conv(stage) for conv, stage in zip(self.convs, pyramid, strict=True)]
        joint = concatenate(*features, like=stages.stage2, align_corners=self.align_corners)
        return stages._replace(stage4=torch.cat([dilated(joint) for dilated in self.dilations], dim=1))


def _separable(in_channels: int, out_channels: int, dilation: int) -> nn.Sequential:
    """Returns a separable 3x3 convolution: (B, in_channels, H, W) -> (B, out_channels, H, W)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, in_channels, 3, padding=dilation, dilation=dilation, groups=in_channels, bias=False),
        nn.BatchNorm2d(in_channels),
        nn.Conv2d(in_channels, out_channels, 1, bias=False),
        nn.BatchNorm2d(out_channels),
        nn.ReLU(inplace=True),
    )
