"""MMSegmentation's EncNet, with or without its form of the JPU; OneDL's fork has the same files."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from encnet.system.errors import InputError
from encnet.weights.key_map import rename, resnet_stages
from encnet.weights.mmseg_config import (
    require_one_convention,
    stored_align_corners,
    stored_classes,
    stored_config,
    stored_crop,
    stored_normalisation,
    stride_settings,
)
from encnet.weights.pytorch_encoding import VARIANTS
from encnet.weights.resnet import resnet_name
from encnet.weights.sources import (
    Answers,
    Conversion,
    ForeignFile,
    Setting,
    align_corners,
    head_settings,
    normalisation,
    resnet_setting,
)

NAME: str = "mmsegmentation"

_STEM: dict[str, str] = {"0": "conv1.0", "1": "conv1.1", "3": "conv1.3", "4": "conv1.4", "6": "conv1.6", "7": "bn1"}
"""Index in MMSegmentation's stem, one sequence of three 3x3 convolutions and norms -> timm's name."""


def _conv_module(theirs: str, ours: str) -> dict[str, str]:
    return {f"{theirs}.conv": f"{ours}.0", f"{theirs}.bn": f"{ours}.1"}


MODULES: dict[str, str] = {
    **resnet_stages("backbone."),
    **{f"backbone.stem.{theirs}": f"backbone.network.{ours}" for theirs, ours in _STEM.items()},
    **_conv_module("decode_head.bottleneck", "head.conv_in"),
    **_conv_module("decode_head.lateral_convs.0", "head.lateral.0"),
    **_conv_module("decode_head.lateral_convs.1", "head.lateral.1"),
    **_conv_module("decode_head.fusion", "head.fusion"),
    **_conv_module("decode_head.enc_module.encoding_project", "head.context.semantics.projection"),
    "decode_head.enc_module.encoding.0": "head.context.semantics.encoding",
    "decode_head.enc_module.encoding.1": "head.context.semantics.norm",
    "decode_head.enc_module.fc.0": "head.context.gamma",
    "decode_head.se_layer": "head.presence",
    "decode_head.conv_seg": "head.classifier",
    **_conv_module("auxiliary_head.convs.0", "aux_head.0"),
    "auxiliary_head.conv_seg": "aux_head.2",
    **{
        name: module
        for i in range(3)
        for name, module in _conv_module(f"neck.conv_layers.{i}.0", f"neck.convs.{i}").items()
    },
    **{
        f"neck.dilation_layers.{i}.0.{part}": f"neck.dilations.{i}.{index}"
        for i in range(4)
        for index, part in enumerate(
            ("depthwise_conv.conv", "depthwise_conv.bn", "pointwise_conv.conv", "pointwise_conv.bn")
        )
    },
}

_JPU_VARIANTS: dict[str, str] = {"encnet_resnet50": "encnet_jpu_resnet50", "encnet_resnet101": "encnet_jpu_resnet101"}


def recognise(tensors: Mapping[str, Tensor]) -> bool:
    return "decode_head.enc_module.encoding.0.codewords" in tensors


def convert(file: ForeignFile, answers: Answers) -> Conversion:
    config = stored_config(file.meta)
    tensors, unknown = rename(file.tensors, MODULES)
    backbone = resnet_setting(file.path, resnet_name(tensors, "backbone.network."))
    corners = align_corners(answers, stored_align_corners(file.meta, config))
    if not corners:
        raise InputError(
            f"{file.path} does not say how it interpolates, and MMSegmentation's configs differ; give align_corners: "
            "the value in decode_head of the config, false in most, true in those with 769x769 crops",
            "align_corners",
        )
    require_one_convention(file, config, corners["align_corners"].value)
    statistics = stored_normalisation(config)
    jpu = any(name.startswith("neck.") for name in tensors)
    settings = {
        **backbone,
        **stride_settings(file, config, jpu),
        **({"jpu": Setting(True, "keys")} if jpu else {}),
        **head_settings(file.path, tensors),
        **corners,
        **normalisation(answers, (statistics.mean, statistics.std) if statistics else None),
    }
    variant = VARIANTS.get(backbone["backbone"].value, "custom")
    if jpu:
        variant = _JPU_VARIANTS.get(variant, "custom")
    if statistics and statistics.bgr:
        tensors = _rgb_first(tensors)
    return Conversion(NAME, variant, settings, tensors, unknown, *stored_classes(file.meta), stored_crop(config))


def _rgb_first(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a BGR network, with the input channels of the first convolution reversed to RGB."""
    stems = ("backbone.network.conv1.0.weight", "backbone.network.conv1.weight")
    first = next(name for name in stems if name in tensors)
    return {**tensors, first: tensors[first].flip(1)}
