"""The head of the paper: 3x3, Context Encoding Module, 1x1 classifier; optional lateral fusion and refinements."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from encnet.model.backbone import Backbone, Stages
from encnet.model.blocks import concatenate, conv_norm_relu
from encnet.model.context import ContextEncoding
from encnet.model.head import Head, HeadFeatures
from encnet.model.options import ModelOptions
from encnet.system.checks import require


class EncHead(Head):
    """The head of EncNet (paper, section 3.2 and figure 3)::

        stage 4 -> 3x3 -> [fuse stages 2 and 3] -> Context Encoding Module -> [refine] -> 1x1 -> logits
                                                           └─ encoded semantics -> linear -> presence

    Args:
        in_channels: channels of the stem and of stages 1 to 4.
        channels: width of the head.
        num_classes: number of classes.
        num_codes: codewords of the Encoding layer.
        lateral: whether stages 2 and 3 are fused before the encoding; the head then works at stage 2's resolution.
        detail_channels: widths of up to two refinements after the encoding. The first reads stage 1 and the second the
            stem, so the classifier works at stride 4 or 2, for thin objects.
        context: whether there is a Context Encoding Module; without it this is the FCN baseline.
        se: whether there is an SE branch, from encoded semantics to presence logits.
        dropout: probability of dropping a channel before the classifier.
        align_corners: convention of bilinear interpolation.
        conv_in_kernel: kernel size of the first convolution, 1 after a JPU.

    Shapes:
        :class:`encnet.model.backbone.Stages` -> logits (B, num_classes, h, w) at the resolution of the finest stage in
        use.
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
        self.align_corners: bool = align_corners
        self.conv_in: nn.Sequential = conv_norm_relu(stage4, channels, conv_in_kernel)
        self.lateral: nn.ModuleList | None = (
            nn.ModuleList(conv_norm_relu(stage, channels, kernel_size=1) for stage in (stage2, stage3))
            if lateral
            else None
        )
        self.fusion: nn.Sequential | None = conv_norm_relu(3 * channels, channels, kernel_size=3) if lateral else None
        self.context_stage = 2 if lateral else 4
        self.context: ContextEncoding | None = ContextEncoding(channels, num_codes) if context else None
        self.presence: nn.Linear | None = nn.Linear(channels, num_classes) if context and se else None
        widths = (channels, *detail_channels)
        self.refinements: nn.ModuleList = nn.ModuleList(
            Refinement(coarse, fine, width, align_corners)
            for coarse, fine, width in zip(widths, (stage1, stem), detail_channels, strict=False)
        )
        self.dropout: nn.Dropout2d = nn.Dropout2d(dropout)
        self.classifier: nn.Conv2d = nn.Conv2d(widths[-1], num_classes, kernel_size=1)

    @classmethod
    def from_options(cls, options: ModelOptions, num_classes: int, backbone: Backbone, channels: Sequence[int]) -> Head:
        """Builds the head from the options of a network; see :data:`encnet.model.heads.HEADS`."""
        details = options.detail_channels or []
        stem_fits = len(details) < 2 or channels[0] > 0
        one_width = f"one width, because {options.backbone} has no features at stride 2"
        require(stem_fits, "detail_channels", details, one_width)
        return cls(
            channels,
            options.head_channels,
            num_classes,
            options.num_codes,
            lateral=options.lateral,
            detail_channels=details,
            context=options.context,
            se=options.se,
            dropout=options.dropout,
            align_corners=options.align_corners,
            conv_in_kernel=options.conv_in_kernel,
        )

    def prepare(self, stages: Stages) -> HeadFeatures:
        """Stages -> features before the context encoding, and stage 1 and the stem for the refinements."""
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
        """Features, scaled by γ, and finer features -> logits (B, num_classes, h, w)."""
        for refinement, stage in zip(self.refinements, finer, strict=True):
            features = refinement(features, stage)
        return self.classifier(self.dropout(features))


class Refinement(nn.Module):
    """Fuses features with a finer stage at its resolution: a 1x1 convolution each, concatenation, 3x3.

    Shapes:
        (features (B, coarse, h, w), finer stage (B, fine, H, W)) -> (B, width, H, W).
    """

    def __init__(self, coarse: int, fine: int, width: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.coarse: nn.Sequential = conv_norm_relu(coarse, width, kernel_size=1)
        self.fine: nn.Sequential = conv_norm_relu(fine, width, kernel_size=1)
        self.fusion: nn.Sequential = conv_norm_relu(2 * width, width, kernel_size=3)

    def forward(self, features: Tensor, finer: Tensor) -> Tensor:
        both = concatenate(self.coarse(features), self.fine(finer), like=finer, align_corners=self.align_corners)
        return self.fusion(both)
