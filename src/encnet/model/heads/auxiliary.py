"""The auxiliary FCN head and the SE branch on stage 3, which regularise training. Prediction leaves both out."""

from __future__ import annotations

from torch import nn

from encnet.model.blocks import conv_norm_relu
from encnet.model.context import SemanticEncoding


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

    It is a Context Encoding Module without γ: the branch only regularises stage 3, nothing reads scaled features from
    it, so γ would never be trained.
    """

    def __init__(self, in_channels: int, channels: int, num_classes: int, num_codes: int = 32) -> None:
        super().__init__(SemanticEncoding(in_channels, channels, num_codes), nn.Linear(channels, num_classes))
