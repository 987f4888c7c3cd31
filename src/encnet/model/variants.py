"""The variants: each is a function that fills the builder's options with numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from encnet.errors import InputError
from encnet.model.build import build_encnet
from encnet.model.encnet import EncNet


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


def encnet_resnet50_fullres(num_classes: int, **options: Any) -> EncNet:
    """The seed's own network: ResNet-50 with its plain 7x7 stem, and a classifier at full resolution.

    No auxiliary head; presence is trained with the mean squared error. The seed has 33 classes.
    """
    return _build(
        "encnet_resnet50_fullres",
        num_classes,
        options,
        backbone="resnet50",
        recompute_stages=2,
        full_resolution=True,
        aux=False,
        dropout=0.0,
        presence_loss="mse",
    )


def encnet_jpu_resnet50(num_classes: int, **options: Any) -> EncNet:
    """ResNet-50 at stride 32 and a JPU, in FastFCN's form: stem of 64-64-128, 1x1 after the JPU, align_corners.

    MMSegmentation's form: ``backbone="resnet50c", backbone_dilations=(2, 4), conv_in_kernel=3, align_corners=False``.
    """
    return _build("encnet_jpu_resnet50", num_classes, options, **_FASTFCN, backbone="resnet50s")


def encnet_jpu_resnet101(num_classes: int, **options: Any) -> EncNet:
    """ResNet-101 at stride 32 and a JPU, in FastFCN's form; MMSegmentation's as in :func:`encnet_jpu_resnet50`."""
    return _build("encnet_jpu_resnet101", num_classes, options, **_FASTFCN, backbone="resnet101s")


_FASTFCN: dict[str, Any] = {"output_stride": 32, "jpu": True, "conv_in_kernel": 1, "align_corners": True}


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
        encnet_resnet50_fullres,
        encnet_jpu_resnet50,
        encnet_jpu_resnet101,
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
        options: arguments of :func:`encnet.build_encnet` that replace the variant's numbers.

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
