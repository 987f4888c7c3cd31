"""The builders: each variant is a function that holds numbers."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from encnet.errors import InputError
from encnet.model.backbone import DilatedBackbone
from encnet.model.encnet import EncNet
from encnet.model.heads import EncHead, FCNHead, PresenceHead
from encnet.model.info import ModelInfo
from encnet.model.pretrained import load_backbone

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


def build_encnet(
    num_classes: int,
    *,
    backbone: str,
    backbone_options: Mapping[str, Any] | None = None,
    output_stride: int = 8,
    head_channels: int = 512,
    num_codes: int = 32,
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
        head_channels: width of the head.
        num_codes: codewords of each Encoding layer.
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
    options = {name: value for name, value in locals().items() if name not in ("pretrained", "variant", "mean", "std")}
    _require(1 <= num_classes <= 255, "num_classes", num_classes, "from 1 to 255")
    _require(num_codes >= 1, "num_codes", num_codes, "at least 1")
    _require(head_channels >= 1, "head_channels", head_channels, "at least 1")
    _require(aux_channels >= 1, "aux_channels", aux_channels, "at least 1")
    widths_fit = len(detail_channels) <= 2 and min(detail_channels, default=1) >= 1
    _require(widths_fit, "detail_channels", detail_channels, "at most two positive widths")
    _require(in_channels >= 1, "in_channels", in_channels, "at least 1")
    _require(0 <= dropout < 1, "dropout", dropout, "at least 0 and less than 1")
    _require(presence_loss in ("bce", "mse"), "presence_loss", presence_loss, "'bce' or 'mse'")
    _require(len(mean) == in_channels, "mean", tuple(mean), f"one value for each of the {in_channels} input channels")
    _require(len(std) == in_channels, "std", tuple(std), f"one value for each of the {in_channels} input channels")
    _require(min(std) > 0, "std", tuple(std), "positive")
    network = DilatedBackbone(backbone, output_stride, in_channels, backbone_options)
    if pretrained is not None:
        load_backbone(network, backbone, pretrained)
    stem_fits = len(detail_channels) < 2 or network.channels[0] > 0
    _require(stem_fits, "detail_channels", detail_channels, f"one width: {backbone} has no features at stride 2")
    stage3 = network.channels[3]
    return EncNet(
        network,
        EncHead(
            network.channels,
            head_channels,
            num_classes,
            num_codes,
            lateral=lateral,
            detail_channels=detail_channels,
            context=context,
            se=se,
            dropout=dropout,
            align_corners=align_corners,
        ),
        FCNHead(stage3, aux_channels, num_classes, dropout) if aux else None,
        PresenceHead(stage3, head_channels, num_classes, num_codes) if stage3_se else None,
        align_corners=align_corners,
        presence_loss=presence_loss,
        info=ModelInfo(variant=variant, options=options, mean=list(mean), std=list(std)),
    )


def encnet_resnet18(num_classes: int, **options: Any) -> EncNet:
    """ResNet-18, a small one for experiments; head of 256 channels."""
    return _build("encnet_resnet18", num_classes, options, backbone="resnet18", head_channels=256, aux_channels=64)


def encnet_resnet50(num_classes: int, **options: Any) -> EncNet:
    """ResNet-50 with the V1c stem (32-32-64) that the later tool boxes use."""
    return _build("encnet_resnet50", num_classes, options, backbone="resnet50c")


def encnet_resnet101(num_classes: int, **options: Any) -> EncNet:
    """ResNet-101 with the V1c stem (32-32-64)."""
    return _build("encnet_resnet101", num_classes, options, backbone="resnet101c")


def encnet_resnet50s(num_classes: int, **options: Any) -> EncNet:
    """ResNet-50 with the authors' stem (64-64-128)."""
    return _build("encnet_resnet50s", num_classes, options, backbone="resnet50s")


def encnet_resnet101s(num_classes: int, **options: Any) -> EncNet:
    """ResNet-101 with the authors' stem (64-64-128)."""
    return _build("encnet_resnet101s", num_classes, options, backbone="resnet101s")


def encnet_lite0(num_classes: int, **options: Any) -> EncNet:
    """EfficientNet-Lite0 for CPUs, at stride 16 with lateral fusion at 8 and the classifier at 2.

    Its ImageNet weights come as a Python package (``pretrained="package"``), which expects (x - 127) / 128.
    """
    return _build(
        "encnet_lite0",
        num_classes,
        options,
        # TensorFlow's padding and batch-norm epsilon, with which the package's weights were trained: on photographs its
        # classifier is surer of itself so (mean entropy 3.7 against 4.7 nats in timm's efficientnet_lite0).
        backbone="tf_efficientnet_lite0",
        output_stride=16,
        head_channels=128,
        aux_channels=64,
        lateral=True,
        detail_channels=(48, 24),
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    )


def encnet_tiny(num_classes: int, **options: Any) -> EncNet:
    """Four residual blocks: trains on a CPU in minutes; each feature sees about 110 pixels to each side."""
    return _build(
        "encnet_tiny",
        num_classes,
        options,
        backbone="resnet10t",
        backbone_options={"channels": [24, 48, 64, 96], "stem_width": 16},
        head_channels=96,
        aux_channels=32,
    )


VARIANTS: dict[str, Callable[..., EncNet]] = {
    builder.__name__: builder
    for builder in (
        encnet_tiny,
        encnet_lite0,
        encnet_resnet18,
        encnet_resnet50,
        encnet_resnet101,
        encnet_resnet50s,
        encnet_resnet101s,
    )
}


def list_models() -> list[str]:
    """Names of the variants that :func:`create_model` builds."""
    return sorted(VARIANTS)


def create_model(variant: str, num_classes: int, **options: Any) -> EncNet:
    """Builds a variant, in training mode, without downloading anything unless ``pretrained="timm"``.

    Args:
        variant: one of :func:`list_models`.
        num_classes: number of classes.
        options: arguments of :func:`build_encnet` that replace the variant's numbers.

    Raises:
        InputError: there is no such variant or option, or an option is out of its range.
    """
    if variant not in VARIANTS:
        raise InputError(f"there is no variant {variant!r}; choose one of {', '.join(list_models())}")
    return VARIANTS[variant](num_classes, **options)


def _build(variant: str, num_classes: int, options: Mapping[str, Any], **numbers: Any) -> EncNet:
    unknown = set(options) - set(inspect.signature(build_encnet).parameters)
    if unknown:
        raise InputError(f"{variant} has no option {sorted(unknown)[0]!r}; `help(encnet.build_encnet)` lists them")
    return build_encnet(num_classes, **{**numbers, **options, "variant": variant})


def _require(condition: bool, name: str, value: object, allowed: str) -> None:
    if not condition:
        raise InputError(f"{name} is {value}; it must be {allowed}")
