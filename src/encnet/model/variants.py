"""The variants: one function each, which returns the options of a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from encnet.model.options import ModelOptions
from encnet.system.errors import InputError


def encnet_tiny(**changes: Any) -> ModelOptions:
    """Four residual blocks: trains on a CPU in minutes; each feature sees about 110 pixels on each side."""
    numbers = {
        "backbone": "resnet10t",
        "backbone_options": {"channels": [24, 48, 64, 96], "stem_width": 16},
        "head_channels": 96,
        "aux_channels": 32,
    }
    return ModelOptions.of({**numbers, **changes}, "encnet_tiny")


def encnet_lite0(**changes: Any) -> ModelOptions:
    """EfficientNet-Lite0 for CPUs: stride 16, lateral fusion at stride 8, classifier at stride 2.

    Its ImageNet weights are in a Python package (``pretrained="package"``).
    """
    numbers = {
        # TensorFlow's padding and batch-norm epsilon, with which the package's weights were trained: on photographs the
        # entropy of its classifier is then 3.7 nats on average, against 4.7 in timm's efficientnet_lite0.
        "backbone": "tf_efficientnet_lite0",
        "output_stride": 16,
        "head_channels": 128,
        "aux_channels": 64,
        "lateral": True,
        "detail_channels": [48, 24],
    }
    return ModelOptions.of({**numbers, **changes}, "encnet_lite0")


def encnet_lite2(**changes: Any) -> ModelOptions:
    """EfficientNet-Lite2 with the head of :func:`encnet_lite0`: a deeper network for CPUs, a quarter slower.

    Its ImageNet weights are in a Python package too.
    """
    return encnet_lite0(**{"backbone": "tf_efficientnet_lite2", **changes})


def encnet_resnet18(**changes: Any) -> ModelOptions:
    """ResNet-18, for small experiments; head of 256 channels."""
    numbers = {"backbone": "resnet18", "head_channels": 256, "aux_channels": 64}
    return ModelOptions.of({**numbers, **changes}, "encnet_resnet18")


def encnet_resnet50(**changes: Any) -> ModelOptions:
    """ResNet-50 with the V1c stem (32-32-64) of later tool boxes."""
    return ModelOptions.of({"backbone": "resnet50c", **changes}, "encnet_resnet50")


def encnet_resnet101(**changes: Any) -> ModelOptions:
    """ResNet-101 with the V1c stem (32-32-64)."""
    return ModelOptions.of({"backbone": "resnet101c", **changes}, "encnet_resnet101")


def encnet_resnet50s(**changes: Any) -> ModelOptions:
    """ResNet-50 with the authors' stem (64-64-128)."""
    return ModelOptions.of({"backbone": "resnet50s", **changes}, "encnet_resnet50s")


def encnet_resnet101s(**changes: Any) -> ModelOptions:
    """ResNet-101 with the authors' stem (64-64-128)."""
    return ModelOptions.of({"backbone": "resnet101s", **changes}, "encnet_resnet101s")


def encnet_resnet50_fullres(**changes: Any) -> ModelOptions:
    """The tutorial form: ResNet-50 with its plain 7x7 stem, and a classifier at full resolution.

    No auxiliary head; presence is trained with the mean squared error. The tutorial has 33 classes.
    """
    numbers = {
        "backbone": "resnet50",
        "recompute_stages": 2,
        "head": "fullres",
        "aux": False,
        "dropout": 0.0,
        "presence_loss": "mse",
    }
    return ModelOptions.of({**numbers, **changes}, "encnet_resnet50_fullres")


def encnet_jpu_resnet50(**changes: Any) -> ModelOptions:
    """ResNet-50 at stride 32 and a JPU, in FastFCN's form: stem of 64-64-128, 1x1 after the JPU, align_corners.

    MMSegmentation's form: ``backbone="resnet50c", backbone_dilations=(2, 4), conv_in_kernel=3, align_corners=False``.
    """
    return ModelOptions.of({**_FASTFCN, "backbone": "resnet50s", **changes}, "encnet_jpu_resnet50")


def encnet_jpu_resnet101(**changes: Any) -> ModelOptions:
    """ResNet-101 at stride 32 and a JPU, in FastFCN's form; MMSegmentation's as in :func:`encnet_jpu_resnet50`."""
    return ModelOptions.of({**_FASTFCN, "backbone": "resnet101s", **changes}, "encnet_jpu_resnet101")


def custom(**changes: Any) -> ModelOptions:
    """No variant: the default options, a ResNet-50 with the head of the paper."""
    return ModelOptions.of(changes, "custom")


_FASTFCN: dict[str, Any] = {"output_stride": 32, "jpu": True, "conv_in_kernel": 1, "align_corners": True}

VARIANTS: dict[str, Callable[..., ModelOptions]] = {
    variant.__name__: variant
    for variant in (
        encnet_tiny,
        encnet_lite0,
        encnet_lite2,
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
    """Returns the names of the variants that ``encnet.create_model`` builds."""
    return sorted(VARIANTS)


def variant_options(variant: str, **changes: Any) -> ModelOptions:
    """Returns the options of a variant.

    Args:
        variant: one of :func:`list_models`, or "custom" for the default options.
        changes: options that replace those of the variant.

    Raises:
        InputError: the variant or an option does not exist, or an option is out of range.
    """
    if variant == "custom":
        return custom(**changes)
    if variant not in VARIANTS:
        raise InputError(f"there is no variant {variant!r}; choose one of {', '.join(list_models())}", "variant")
    return VARIANTS[variant](**changes)
