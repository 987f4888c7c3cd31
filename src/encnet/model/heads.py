"""Heads: features of the backbone's stages -> class scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.model.blocks import conv_norm_relu
from encnet.model.context import ContextEncoding, SemanticEncoding


class HeadOutput(NamedTuple):
    """What :class:`EncHead` returns, at the resolution of its finest input."""

    logits: Tensor  #: (B, classes, h, w)
    presence: Tensor | None  #: (B, classes), logits that each class exists in the image; None without SE branch


class EncHead(nn.Module):
    """The head of EncNet (paper, section 3.2 and figure 3)::

        stage 4 -> 3x3 -> [fuse stages 2 and 3] -> Context Encoding Module -> [fuse stage 1] -> 1x1 -> logits
                                                           └─ encoded semantics -> linear -> presence

    Args:
        in_channels: channels of stages 1 to 4.
        channels: width of the head.
        num_classes: number of classes.
        num_codes: codewords of the Encoding layer.
        lateral: whether stages 2 and 3 are fused before the encoding; the head then works at stage 2's resolution.
        detail_channels: width to which stage 1 is projected and then fused after the encoding, so that the classifier
            works at stride 4, for thin objects; 0 leaves it out.
        context: whether there is a Context Encoding Module; without it this is the FCN head to compare with.
        se: whether encoded semantics are turned into presence logits, for the SE-loss.
        dropout: probability with which a channel is dropped before the classifier.
        align_corners: how feature maps of different resolution are brought to one.

    Shapes:
        input: stages 1 to 4, each (B, in_channels[i], h_i, w_i) -> :class:`HeadOutput`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        num_classes: int,
        num_codes: int = 32,
        lateral: bool = False,
        detail_channels: int = 0,
        context: bool = True,
        se: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        stage1, stage2, stage3, stage4 = in_channels
        self.align_corners = align_corners
        self.conv_in = conv_norm_relu(stage4, channels, kernel_size=3)
        self.lateral = (
            nn.ModuleList(conv_norm_relu(stage, channels, kernel_size=1) for stage in (stage2, stage3))
            if lateral
            else None
        )
        self.fusion = conv_norm_relu(3 * channels, channels, kernel_size=3) if lateral else None
        self.context = ContextEncoding(channels, num_codes) if context else None
        self.presence = nn.Linear(channels, num_classes) if context and se else None
        self.detail = conv_norm_relu(stage1, detail_channels, kernel_size=1) if detail_channels else None
        self.refine = conv_norm_relu(channels + detail_channels, channels, kernel_size=3) if detail_channels else None
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(channels, num_classes, kernel_size=1)

    def forward(self, stages: Sequence[Tensor]) -> HeadOutput:
        stage1, stage2, stage3, stage4 = stages
        features = self.conv_in(stage4)
        if self.lateral is not None and self.fusion is not None:
            laterals = [conv(stage) for conv, stage in zip(self.lateral, (stage2, stage3), strict=True)]
            features = self.fusion(self._concatenate(stage2, features, *laterals))
        presence = None
        if self.context is not None:
            semantics, features = self.context(features)
            presence = self.presence(semantics) if self.presence is not None else None
        if self.detail is not None and self.refine is not None:
            features = self.refine(self._concatenate(stage1, features, self.detail(stage1)))
        return HeadOutput(self.classifier(self.dropout(features)), presence)

    def _concatenate(self, finest: Tensor, *features: Tensor) -> Tensor:
        return torch.cat([resize(x, finest.shape[-2:], self.align_corners) for x in features], dim=1)


class FCNHead(nn.Sequential):
    """The auxiliary head on stage 3: 3x3, dropout, 1x1; (B, in_channels, h, w) -> logits (B, classes, h, w)."""

    def __init__(self, in_channels: int, channels: int, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__(
            conv_norm_relu(in_channels, channels, kernel_size=3),
            nn.Dropout2d(dropout),
            nn.Conv2d(channels, num_classes, kernel_size=1),
        )


class PresenceHead(nn.Sequential):
    """The SE branch on stage 3 (paper, section 3.2): features -> encoded semantics -> presence logits (B, classes).

    It is a second Context Encoding Module of which only the encoding is kept: the branch regularises stage 3, nothing
    reads its scaled features, so there is no γ that would never be trained.
    """

    def __init__(self, in_channels: int, channels: int, num_classes: int, num_codes: int = 32) -> None:
        super().__init__(SemanticEncoding(in_channels, channels, num_codes), nn.Linear(channels, num_classes))


def resize(features: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Bilinear interpolation of (B, C, h, w) to ``size`` (height, width); the same tensor where it has that size."""
    if features.shape[-2:] == tuple(size):
        return features
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=align_corners)
