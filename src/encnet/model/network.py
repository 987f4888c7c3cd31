"""The network: a backbone, an optional neck, a head, and the branches on stage 3."""

from __future__ import annotations

import os
from typing import Any, Self

import torch
from torch import Tensor, nn

from encnet.kernels.acceleration import accelerate
from encnet.model.backbone import Backbone, Stages
from encnet.model.blocks import resize
from encnet.model.build import Parts, build_parts
from encnet.model.encoding import EncodingSums
from encnet.model.head import Head, HeadFeatures
from encnet.model.heads.auxiliary import FCNHead, PresenceHead
from encnet.model.info import ModelInfo
from encnet.model.jpu import JPU
from encnet.model.options import ModelOptions
from encnet.model.output import LEAST_PRESENCE, EncNetOutput, Scene
from encnet.system.errors import InputError


class Network(nn.Module):
    """Context Encoding for Semantic Segmentation (Zhang et al., CVPR 2018)::

        images -> backbone -> [neck] -> head -> logits, presence
                     └─ stage 3 -> auxiliary head, SE branch: in training only

    ``encnet.EncNet`` is this network with methods to save and load it: :class:`encnet.checkpoint.encnet.EncNet`.

    Args:
        parts: the parts to connect. The neck turns the backbone's stages into other stages for the head; the branches
            on stage 3 read the backbone's own.
        align_corners: convention of the interpolation of logits to the size of the images.
        presence_loss: the loss that presence is trained with, which also says how to read it: "bce" (logits, the paper)
            or "mse" (the value itself estimates 0 or 1).
        info: the metadata of the checkpoint.

    Shapes:
        input (B, in_channels, H, W), normalised by ``info.mean`` and ``info.std`` -> :class:`EncNetOutput`.

    Raises:
        InputError: the images have another shape.
    """

    def __init__(self, parts: Parts, align_corners: bool, presence_loss: str, info: ModelInfo) -> None:
        super().__init__()
        self.backbone: Backbone = parts.backbone
        self.neck: JPU | None = parts.neck
        self.head: Head = parts.head
        self.aux_head: FCNHead | None = parts.aux_head
        self.stage3_head: PresenceHead | None = parts.stage3_head
        self.align_corners: bool = align_corners
        self.presence_loss: str = presence_loss
        self.info: ModelInfo = info

    @classmethod
    def from_options(
        cls,
        options: ModelOptions,
        num_classes: int,
        pretrained: str | os.PathLike[str] | None = None,
        variant: str = "custom",
    ) -> Self:
        """Builds a network from its options, in training mode, with layers that a CPU trains fast.

        Args:
            options: options of the network.
            num_classes: number of classes, 1 to 65535.
            pretrained: weights of the backbone: None (random), "timm" (downloaded), "package" (Lite0 and Lite2), or the
                path of a weights file.
            variant: name of the variant for the checkpoint.

        Raises:
            InputError: options, backbone, head and weights do not fit each other.
        """
        parts = build_parts(options, num_classes, pretrained)
        all_options: dict[str, Any] = {"num_classes": num_classes, **options.to_dict()}
        expected = parts.backbone.normalisation.for_channels(options.in_channels)
        mean, std = options.mean or expected.mean, options.std or expected.std
        info = ModelInfo(variant, all_options, list(mean), list(std))
        info.multiple_of = parts.backbone.multiple_of
        return accelerate(cls(parts, options.align_corners, options.presence_loss, info))

    @property
    def num_classes(self) -> int:
        """Number of classes: the channels of the logits."""
        return self.head.classifier.out_channels

    def forward(self, images: Tensor, auxiliary: bool | None = None, full_size: bool = True) -> EncNetOutput:
        """Runs the network.

        Args:
            images: (B, in_channels, H, W), normalised.
            auxiliary: whether to compute ``aux_logits`` and ``stage3_presence``, which only the loss reads; None
                computes them in training mode only.
            full_size: whether to interpolate the logits to the size of the images. False leaves them at the resolution
                of the head, which is all that :class:`encnet.EncNetLoss` needs; at stride 8 they are 64 times smaller.
        """
        size = images.shape[-2:]
        stages = self._stages(images)
        features, finer = self.head.prepare(stages if self.neck is None else self.neck(stages))
        presence = None
        if self.head.context is not None:
            context_pixels = None if self.training else self.info.context_pixels
            semantics, features = self.head.context(features, context_pixels)
            presence = None if self.head.presence is None else self.head.presence(semantics)
        logits = self.head.classify(features, finer)
        if not self.training:
            full = torch.promote_types(logits.dtype, torch.float32)
            logits = self.with_prior(logits.to(full), presence)
        aux_logits = stage3_presence = None
        if self.training if auxiliary is None else auxiliary:
            if self.aux_head is not None:
                aux_logits = self.aux_head(stages.stage3)
            if self.stage3_head is not None:
                stage3_presence = self.stage3_head(stages.stage3)
        if full_size:
            logits = resize(logits, size, self.align_corners)
            aux_logits = None if aux_logits is None else resize(aux_logits, size, self.align_corners)
        return EncNetOutput(logits, presence, aux_logits, stage3_presence)

    def context_pixels(self, height: int, width: int) -> int:
        """Returns N, the pixels of the feature map that the context sums run over, for an image of this size."""
        stage = 2 if self.neck is not None else self.head.context_stage
        stride = self.backbone.strides[stage - 1]
        return -(-height // stride) * -(-width // stride)

    def example(self) -> Tensor:
        """Returns a small input of zeros, (1, in_channels, H, W), of the type and device of the parameters."""
        weight = next(self.parameters())
        height, width = self.backbone.fixed_size or (32, 32)
        return torch.zeros(1, len(self.info.mean), height, width, dtype=weight.dtype, device=weight.device)

    def normalised(self, images: Tensor) -> Tensor:
        """Bytes (B, in_channels, H, W) -> the input of :meth:`forward`: float32, in the same memory layout."""
        scale, shift = (values.to(images.device)[:, None, None] for values in self.normalisation())
        return images.float().mul_(scale).add_(shift)

    def normalisation(self) -> tuple[Tensor, Tensor]:
        """Returns scale and shift, (in_channels,) float32 each: byte · scale + shift = (byte/255 - mean) / std."""
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in (self.info.mean, self.info.std))
        return (1 / (255 * std)).float(), (-mean / std).float()

    def prepare(self, images: Tensor) -> HeadFeatures:
        """The first half of a prediction: images, as for :meth:`forward` -> the features before the context encoding.

        ``prepare``, :meth:`sums`, :meth:`scene` and :meth:`classify` are :meth:`forward` in steps. They allow one
        context for all tiles of a large image, or the context of another image.
        """
        stages = self._stages(images)
        return self.head.prepare(stages if self.neck is None else self.neck(stages))

    def sums(self, features: Tensor) -> EncodingSums | None:
        """Returns the sums of the context encoding over features (B, C, h, w) from :meth:`prepare`, or a part of them.

        Without a context encoding it returns None.
        """
        return None if self.head.context is None else self.head.context.semantics.sums(features)

    def scene(self, sums: EncodingSums | None) -> Scene | None:
        """Returns factors and presence from the sums over a whole image; None without a context encoding."""
        context = self.head.context
        if context is None or sums is None:
            return None
        e = context.semantics.from_sums(sums, self.info.context_pixels)
        return Scene(context.factors(e), None if self.head.presence is None else self.head.presence(e))

    def classify(self, features: HeadFeatures, scene: Scene | None) -> Tensor:
        """The second half of a prediction: returns logits (B, classes, h, w) at the resolution of the head, float32."""
        scaled = features.features
        if self.head.context is not None and scene is not None:
            scaled = self.head.context.scaled(scaled, scene.gamma)
        logits = self.head.classify(scaled, features.finer).float()
        return self.with_prior(logits, None if scene is None else scene.presence)

    def with_prior(self, logits: Tensor, presence: Tensor | None) -> Tensor:
        """Adds to logits l, (B, classes, h, w), the prior that class c is in the image with probability p_c::

            l_c + strength · log(max(p_c, LEAST_PRESENCE))

        The strength is ``info.presence_prior``. If it is 0, or presence is None, the logits stay as they are.
        """
        if self.info.presence_prior == 0 or presence is None:
            return logits
        log_p = self.presence_probabilities(presence).clamp(min=LEAST_PRESENCE).log()
        return logits + (self.info.presence_prior * log_p).to(logits.dtype)[:, :, None, None]

    def presence_probabilities(self, presence: Tensor) -> Tensor:
        """Presence (B, classes), as the network returns it -> the probability, 0-1, that each class is in the image."""
        presence = presence.float()
        return presence.sigmoid() if self.presence_loss == "bce" else presence.clamp(0, 1)

    def _stages(self, images: Tensor) -> Stages:
        """Checks the shape of images (B, in_channels, H, W) and runs the backbone."""
        in_channels, size = len(self.info.mean), self.backbone.fixed_size
        if images.dim() != 4 or images.shape[1] != in_channels:
            shape = tuple(images.shape)
            raise InputError(f"images have the shape {shape}; expected (B, {in_channels}, H, W)", "images")
        if size is not None and tuple(images.shape[2:]) != size:
            height, width = images.shape[2:]
            raise InputError(
                f"images have {height} x {width} pixels (height x width), but {self.info.variant} accepts only "
                f"{size[0]} x {size[1]}; resize them, or predict with a sliding window of this size",
                "images",
            )
        return self.backbone(images)
