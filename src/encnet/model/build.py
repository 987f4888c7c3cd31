"""The builder: flat options -> an EncNet."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from encnet.errors import InputError
from encnet.model.backbone import DilatedBackbone
from encnet.model.encnet import EncNet
from encnet.model.fullres import FullResolutionHead
from encnet.model.heads import EncHead, FCNHead, PresenceHead
from encnet.model.info import ModelInfo
from encnet.model.jpu import JPU
from encnet.model.pretrained import load_backbone

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def build_encnet(
    num_classes: int,
    *,
    backbone: str,
    backbone_options: Mapping[str, Any] | None = None,
    output_stride: int = 8,
    backbone_dilations: Sequence[int] | None = None,
    recompute_stages: int = 0,
    whole_stage_dilation: bool = False,
    jpu: bool = False,
    head_channels: int = 512,
    num_codes: int = 32,
    conv_in_kernel: int = 3,
    full_resolution: bool = False,
    lateral: bool = False,
    detail_channels: Sequence[int] = (),
    context: bool = True,
    se: bool = True,
    stage3_se: bool = False,
    aux: bool = True,
    aux_channels: int = 256,
    dropout: float = 0.1,
    align_corners: bool = False,
    presence_loss: str = "bce",
    in_channels: int = 3,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
    pretrained: str | os.PathLike[str] | None = None,
    variant: str = "custom",
) -> EncNet:
    """Builds an EncNet from flat options; the variants are this function with numbers filled in.

    Args:
        num_classes: number of classes, 1 to 255.
        backbone: a timm model that offers ``features_only`` with ``output_stride``.
        backbone_options: further arguments of timm's constructor.
        output_stride: 8, 16 or 32: input pixels per feature of stage 4.
        backbone_dilations: dilations of stages 3 and 4 of a ResNet, in place of those that follow from output_stride.
        whole_stage_dilation: dilate the first block of a ResNet's stages 3 and 4 as the others, as PaddleSeg does.
        recompute_stages: how many stages of a ResNet, EfficientNet or MobileNet V3, from the first, training computes
            twice to keep less in memory.
        jpu: have Joint Pyramid Upsampling between backbone and head, which brings stage 4 to stage 2's resolution.
        head_channels: width of the head, and of the JPU's convolutions.
        num_codes: codewords of each Encoding layer.
        conv_in_kernel: 1 or 3: size of the head's first convolution.
        full_resolution: have the seed's head, whose classifier of two 3x3 works at full resolution and is half as wide.
        lateral: fuse stages 2 and 3 before the encoding.
        detail_channels: widths of up to two refinements before the classifier, with stage 1 at stride 4 and with the
            stem at stride 2.
        context: have a Context Encoding Module; False is the FCN baseline.
        se: have the SE branch on stage 4, which predicts the presence of each class.
        stage3_se: have a second Encoding layer with an SE branch of its own on stage 3.
        aux: have the auxiliary FCN head on stage 3.
        aux_channels: its width.
        dropout: probability with which a channel is dropped before a classifier.
        align_corners: convention of every bilinear interpolation.
        presence_loss: "bce" (presence holds logits, the paper) or "mse" (presence holds estimates of 0 or 1).
        in_channels: channels of the images; with other than 3, ``mean`` and ``std`` must be given for each.
        mean: mean of each input channel, of values in 0-1.
        std: standard deviation of each input channel.
        pretrained: first weights of the backbone: None, "timm" (downloaded), "package" (efficientnet_lite0),
            or the path of a weights file.
        variant: name that the checkpoint carries.

    Raises:
        InputError: an option is out of its range.
    """
    detail_channels = list(detail_channels)  # as JSON has it
    backbone_dilations = None if backbone_dilations is None else list(backbone_dilations)
    options = {name: value for name, value in locals().items() if name not in ("pretrained", "variant", "mean", "std")}
    _require(1 <= num_classes <= 255, "num_classes", num_classes, "from 1 to 255")
    _require(num_codes >= 1, "num_codes", num_codes, "at least 1")
    _require(head_channels >= 1, "head_channels", head_channels, "at least 1")
    _require(aux_channels >= 1, "aux_channels", aux_channels, "at least 1")
    widths_fit = len(detail_channels) <= 2 and min(detail_channels, default=1) >= 1
    _require(widths_fit, "detail_channels", detail_channels, "at most two positive widths")
    _require(0 <= recompute_stages <= 4, "recompute_stages", recompute_stages, "from 0 to 4")
    _require(conv_in_kernel in (1, 3), "conv_in_kernel", conv_in_kernel, "1 or 3")
    no_detail = not full_resolution or not (lateral or detail_channels)
    _require(no_detail, "full_resolution", full_resolution, "false where lateral or detail_channels are set")
    _require(in_channels >= 1, "in_channels", in_channels, "at least 1")
    _require(0 <= dropout < 1, "dropout", dropout, "at least 0 and less than 1")
    _require(presence_loss in ("bce", "mse"), "presence_loss", presence_loss, "'bce' or 'mse'")
    _require(len(mean) == in_channels, "mean", tuple(mean), f"one value for each of the {in_channels} input channels")
    _require(len(std) == in_channels, "std", tuple(std), f"one value for each of the {in_channels} input channels")
    _require(min(std) > 0, "std", tuple(std), "positive")
    network = DilatedBackbone(
        backbone,
        output_stride,
        in_channels,
        backbone_options,
        backbone_dilations,
        whole_stage_dilation,
        recompute_stages,
    )
    if pretrained is not None:
        load_backbone(network, backbone, pretrained)
    stem_fits = len(detail_channels) < 2 or network.channels[0] > 0
    _require(stem_fits, "detail_channels", detail_channels, f"one width: {backbone} has no features at stride 2")
    neck = JPU(network.channels, head_channels, align_corners) if jpu else None
    channels = network.channels if neck is None else neck.channels
    shared: dict[str, Any] = {
        "context": context,
        "se": se,
        "dropout": dropout,
        "align_corners": align_corners,
        "conv_in_kernel": conv_in_kernel,
    }
    if full_resolution:
        stride = network.strides[1 if jpu else 3]
        head = FullResolutionHead(channels, head_channels, num_classes, num_codes, stride, **shared)
    else:
        details = {"lateral": lateral, "detail_channels": detail_channels}
        head = EncHead(channels, head_channels, num_classes, num_codes, **details, **shared)
    stage3 = network.channels[3]
    return EncNet(
        network,
        head,
        FCNHead(stage3, aux_channels, num_classes, dropout) if aux else None,
        PresenceHead(stage3, head_channels, num_classes, num_codes) if stage3_se else None,
        neck=neck,
        align_corners=align_corners,
        presence_loss=presence_loss,
        info=ModelInfo(variant=variant, options=options, mean=list(mean), std=list(std)),
    )


def _require(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise InputError(f"{name} is {value}; it must be {allowed}")
