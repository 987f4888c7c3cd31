"""Heads: features of the backbone's stages -> class scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.model.backbone import Stages
from encnet.model.blocks import conv_norm_relu
from encnet.model.context import ContextEncoding, SemanticEncoding


class HeadOutput(NamedTuple):
    """What a head returns, at the resolution of the finest features that it uses."""

    logits: Tensor  #: (B, classes, h, w)
    presence: Tensor | None  #: (B, classes), logits that each class exists in the image; None without SE branch


class HeadFeatures(NamedTuple):
    """What a head makes of the stages before the context encoding looks at it."""

    features: Tensor  #: (B, C, h, w), of which the context is encoded, and which γ scales
    finer: tuple[Tensor, ...] = ()  #: stage 1 and the stem, as far as the head refines with them


class EncHead(nn.Module):
    """The head of EncNet (paper, section 3.2 and figure 3)::

        stage 4 -> 3x3 -> [fuse stages 2 and 3] -> Context Encoding Module -> [refine] -> 1x1 -> logits
                                                           └─ encoded semantics -> linear -> presence

    Args:
        in_channels: channels of the stem and of stages 1 to 4.
        channels: width of the head.
        num_classes: number of classes.
        num_codes: codewords of the Encoding layer.
        lateral: whether stages 2 and 3 are fused before the encoding; the head then works at stage 2's resolution.
        detail_channels: widths of the refinements after the encoding, the first with stage 1, the second with the stem,
            so that the classifier works at stride 4 or 2, for thin objects.
        context: whether there is a Context Encoding Module; without it this is the FCN head to compare with.
        se: whether encoded semantics are turned into presence logits, for the SE-loss.
        dropout: probability with which a channel is dropped before the classifier.
        align_corners: how feature maps of different resolution are brought to one.
        conv_in_kernel: size of the first convolution, 1 after a JPU.

    Shapes:
        input: :class:`encnet.model.backbone.Stages`, and perhaps ``reference_pixels`` of
        :class:`encnet.model.context.SemanticEncoding` -> :class:`HeadOutput`.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        channels: int,
        num_classes: int,
        num_codes: int = 32,
        lateral: bool = False,
        detail_channels: Sequence[int] = (),
        context: bool = True,
        se: bool = True,
        dropout: float = 0.1,
        align_corners: bool = False,
        conv_in_kernel: int = 3,
    ) -> None:
        super().__init__()
        stem, stage1, stage2, stage3, stage4 = in_channels
        self.align_corners = align_corners
        self.conv_in = conv_norm_relu(stage4, channels, conv_in_kernel)
        self.lateral = (
            nn.ModuleList(conv_norm_relu(stage, channels, kernel_size=1) for stage in (stage2, stage3))
            if lateral
            else None
        )
        self.fusion = conv_norm_relu(3 * channels, channels, kernel_size=3) if lateral else None
        self.context = ContextEncoding(channels, num_codes) if context else None
        self.presence = nn.Linear(channels, num_classes) if context and se else None
        widths = (channels, *detail_channels)
        self.refinements = nn.ModuleList(
            Refinement(coarse, fine, width, align_corners)
            for coarse, fine, width in zip(widths, (stage1, stem), detail_channels, strict=False)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(widths[-1], num_classes, kernel_size=1)

    def forward(self, stages: Stages, reference_pixels: int | None = None) -> HeadOutput:
        features, finer = self.prepare(stages)
        presence = None
        if self.context is not None:
            semantics, features = self.context(features, reference_pixels)
            presence = self.presence(semantics) if self.presence is not None else None
        return HeadOutput(self.classify(features, finer), presence)

    def prepare(self, stages: Stages) -> HeadFeatures:
        """What comes before the context encoding."""
        features = self.conv_in(stages.stage4)
        if self.lateral is not None and self.fusion is not None:
            finer = (stages.stage2, stages.stage3)
            laterals = [conv(stage) for conv, stage in zip(self.lateral, finer, strict=True)]
            features = self.fusion(
                concatenate(features, *laterals, like=stages.stage2, align_corners=self.align_corners)
            )
        finer = [stage for stage in (stages.stage1, stages.stem) if stage is not None][: len(self.refinements)]
        return HeadFeatures(features, tuple(finer))

    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        """What comes after it: features, scaled by γ, and finer ones -> logits (B, num_classes, h, w)."""
        for refinement, stage in zip(self.refinements, finer, strict=True):
            features = refinement(features, stage)
        return self.classifier(self.dropout(features))


class Refinement(nn.Module):
    """Brings features to the resolution of a finer stage and looks at both: 1x1 each, concatenated, 3x3.

    Shapes:
        (features (B, coarse, h, w), finer stage (B, fine, H, W)) -> (B, width, H, W).
    """

    def __init__(self, coarse: int, fine: int, width: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.coarse = conv_norm_relu(coarse, width, kernel_size=1)
        self.fine = conv_norm_relu(fine, width, kernel_size=1)
        self.fusion = conv_norm_relu(2 * width, width, kernel_size=3)

    def forward(self, features: Tensor, finer: Tensor) -> Tensor:
        both = concatenate(self.coarse(features), self.fine(finer), like=finer, align_corners=self.align_corners)
        return self.fusion(both)


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


def concatenate(*features: Tensor, like: Tensor, align_corners: bool) -> Tensor:
    """Features of several resolutions, (B, C_i, h_i, w_i), as one (B, Σ C_i, h, w) at the resolution of ``like``."""
    return torch.cat([resize(x, like.shape[-2:], align_corners) for x in features], dim=1)


def resize(features: Tensor, size: Sequence[int], align_corners: bool) -> Tensor:
    """Bilinear interpolation of (B, C, h, w) to ``size`` (height, width); the same tensor where it has that size."""
    if features.shape[-2:] == tuple(size):
        return features
    return F.interpolate(features, size=tuple(size), mode="bilinear", align_corners=align_corners)
