"""EncNet: a dilated backbone, the EncHead, and what regularises stage 3."""

from __future__ import annotations

import os
from typing import NamedTuple

from torch import Tensor, nn

from encnet.errors import InputError
from encnet.model.backbone import DilatedBackbone
from encnet.model.checkpoint import write_checkpoint
from encnet.model.heads import EncHead, FCNHead, PresenceHead, resize
from encnet.model.info import ModelInfo


class EncNetOutput(NamedTuple):
    """What :class:`EncNet` returns, always."""

    logits: Tensor  #: (B, classes, H, W), at the size of the images
    presence: Tensor | None = None  #: (B, classes): which classes exist in the image, from stage 4
    aux_logits: Tensor | None = None  #: (B, classes, H, W), of the auxiliary FCN head on stage 3
    stage3_presence: Tensor | None = None  #: (B, classes), as ``presence``, from stage 3


class EncNet(nn.Module):
    """Context Encoding for Semantic Segmentation (Zhang et al., CVPR 2018).

    Build it with :func:`encnet.create_model`; this class only connects the parts.

    Args:
        backbone: images -> stem and stages 1 to 4.
        head: stages -> class scores and presence.
        aux_head: stage 3 -> class scores, used in training only.
        stage3_head: stage 3 -> presence, used in training only.
        align_corners: how the logits are brought to the size of the images.
        presence_loss: with which loss presence is trained, which also says how it is read: "bce" (logits, the paper) or
            "mse" (the value itself is the estimate of 0 or 1).
        info: what travels in the checkpoint.

    Shapes:
        input (B, in_channels, H, W), normalised by ``info.mean`` and ``info.std`` -> :class:`EncNetOutput`.

    Raises:
        InputError: the images have another shape.
    """

    def __init__(
        self,
        backbone: DilatedBackbone,
        head: EncHead,
        aux_head: FCNHead | None = None,
        stage3_head: PresenceHead | None = None,
        *,
        align_corners: bool = False,
        presence_loss: str = "bce",
        info: ModelInfo,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.aux_head = aux_head
        self.stage3_head = stage3_head
        self.align_corners = align_corners
        self.presence_loss = presence_loss
        self.info = info

    @property
    def num_classes(self) -> int:
        """Number of classes: the channels of the logits."""
        return self.head.classifier.out_channels

    def forward(self, images: Tensor, auxiliary: bool | None = None) -> EncNetOutput:
        """Runs the network.

        Args:
            images: (B, in_channels, H, W), normalised.
            auxiliary: whether to compute what only the loss reads, ``aux_logits`` and ``stage3_presence``;
                None does in training mode and leaves them None in eval mode.
        """
        in_channels = len(self.info.mean)
        if images.dim() != 4 or images.shape[1] != in_channels:
            raise InputError(f"EncNet: images of shape {tuple(images.shape)}; expected (B, {in_channels}, H, W)")
        size = images.shape[-2:]
        stages = self.backbone(images)
        logits, presence = self.head(stages)
        aux_logits = stage3_presence = None
        if self.training if auxiliary is None else auxiliary:
            if self.aux_head is not None:
                aux_logits = resize(self.aux_head(stages.stage3), size, self.align_corners)
            if self.stage3_head is not None:
                stage3_presence = self.stage3_head(stages.stage3)
        return EncNetOutput(resize(logits, size, self.align_corners), presence, aux_logits, stage3_presence)

    def presence_probabilities(self, presence: Tensor) -> Tensor:
        """(B, classes) as the network returns it -> the probability, 0-1, that each class exists in the image."""
        presence = presence.float()
        return presence.sigmoid() if self.presence_loss == "bce" else presence.clamp(0, 1)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes weights and :attr:`info` to one safetensors file, which ``encnet.load`` reads.

        Raises:
            InputError: the file cannot be written.
        """
        write_checkpoint(path, self.state_dict(), self.info)
