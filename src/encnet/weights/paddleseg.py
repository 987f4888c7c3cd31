"""PaddleSeg's ENCNet with its ResNet_vd, whose shortcuts average first and whose dilation covers whole stages."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from encnet.weights.key_map import rename
from encnet.weights.resnet import resnet_depth
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

NAME: str = "paddleseg"

_STATISTICS: dict[str, str] = {"_mean": "running_mean", "_variance": "running_var"}

_STEM: dict[str, tuple[str, str]] = {
    "backbone.conv1_1": ("conv1.0", "conv1.1"),
    "backbone.conv1_2": ("conv1.3", "conv1.4"),
    "backbone.conv1_3": ("conv1.6", "bn1"),
}

_CONV_NORMS: dict[str, str] = {
    "bottleneck": "head.conv_in",
    "lateral_convs.0": "head.lateral.0",
    "lateral_convs.1": "head.lateral.1",
    "fusion": "head.fusion",
    "enc_module.encoding_project": "head.context.semantics.projection",
    "fcn_head.conv_bn_relu": "aux_head.0",
}
"""Convolution with bias and batch norm there -> the same sequence here, whose convolution has no bias."""

_LINEAR: dict[str, str] = {"enc_module.fc.0": "head.context.gamma", "se_layer": "head.presence"}
"""Linear layers, whose weights PaddleSeg stores as (inputs, outputs)."""

_DEEPEST = 36
"""Number of blocks of the longest stage, in ResNet-152."""


def _pair(theirs: str, conv: str, norm: str) -> dict[str, str]:
    return {f"{theirs}._conv": conv, f"{theirs}._batch_norm": norm}


def _block(stage: int, block: int) -> dict[str, str]:
    theirs, ours = f"backbone.bb_{stage}_{block}", f"backbone.network.layer{stage + 1}.{block}"
    modules = _pair(f"{theirs}.short", f"{ours}.downsample.1", f"{ours}.downsample.2")
    for index in range(3):
        modules |= _pair(f"{theirs}.conv{index}", f"{ours}.conv{index + 1}", f"{ours}.bn{index + 1}")
    return modules


MODULES: dict[str, str] = {
    name: module
    for part in (
        *(_pair(theirs, *(f"backbone.network.{name}" for name in ours)) for theirs, ours in _STEM.items()),
        *(_block(stage, block) for stage in range(4) for block in range(_DEEPEST)),
        *(_pair(theirs, f"{ours}.0", f"{ours}.1") for theirs, ours in _CONV_NORMS.items()),
        _LINEAR,
        {
            "enc_module.encoding.0": "head.context.semantics.encoding",
            "enc_module.encoding.1": "head.context.semantics.norm",
            "head": "head.classifier",
            "fcn_head.conv": "aux_head.2",
        },
    )
    for name, module in part.items()
}


def recognise(tensors: Mapping[str, Tensor]) -> bool:
    return "enc_module.encoding.0.codewords" in tensors and "bottleneck._conv.weight" in tensors


def convert(file: ForeignFile, answers: Answers) -> Conversion:
    """The network in our terms; align_corners and normalisation are conventions, as PaddleSeg's files hold neither."""
    renamed, unknown = rename({_torch_name(name): tensor for name, tensor in file.tensors.items()}, MODULES)
    tensors = _folded(_transposed(renamed))
    settings = {
        **resnet_setting(file.path, _backbone(tensors)),
        "output_stride": Setting(8, "convention"),
        "whole_stage_dilation": Setting(True, "convention"),
        **head_settings(file.path, tensors),
        **align_corners(answers, convention=False),
        **normalisation(answers, convention=((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
    }
    unplaced = {name: tensor for name, tensor in file.tensors.items() if _torch_name(name) in unknown}
    return Conversion(NAME, "custom", settings, tensors, unplaced)


def _torch_name(name: str) -> str:
    """The name with PyTorch's names for the statistics of batch norms; other names stay as they are."""
    module, dot, parameter = name.rpartition(".")
    return module + dot + _STATISTICS.get(parameter, parameter)


def _transposed(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    linear = {f"{module}.weight" for module in _LINEAR.values()}
    return {name: tensor.T if name in linear else tensor for name, tensor in tensors.items()}


def _folded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with the biases before batch norms moved into the means: x + b - mean = x - (mean - b)."""
    folded = dict(tensors)
    for module in _CONV_NORMS.values():
        bias, mean = f"{module}.0.bias", f"{module}.1.running_mean"
        if bias in folded and mean in folded and folded[bias].shape == folded[mean].shape:
            folded[mean] = folded[mean] - folded.pop(bias)
    return folded


def _backbone(tensors: Mapping[str, Tensor]) -> str | None:
    """timm's name of the ResNet_vd; None for another network."""
    depth = resnet_depth(tensors, "backbone.network.")
    stem = tensors.get("backbone.network.conv1.0.weight")
    return f"resnet{depth}d" if depth is not None and stem is not None and stem.shape[0] == 32 else None
