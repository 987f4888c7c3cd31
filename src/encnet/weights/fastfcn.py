"""FastFCN's EncNet: PyTorch-Encoding's names, and a JPU on an undilated backbone that takes stages coarse to fine."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from encnet.system.errors import InputError
from encnet.weights import pytorch_encoding
from encnet.weights.key_map import rename
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

NAME: str = "fastfcn"

_CONVS: tuple[str, ...] = ("jpu.conv3", "jpu.conv4", "jpu.conv5")
"""The convolutions of stages 2, 3 and 4."""

_DILATED: tuple[str, ...] = ("jpu.dilation1", "jpu.dilation2", "jpu.dilation3", "jpu.dilation4")

MODULES: dict[str, str] = {
    **pytorch_encoding.MODULES,
    **{f"{theirs}.{part}": f"neck.convs.{i}.{part}" for i, theirs in enumerate(_CONVS) for part in (0, 1)},
    **{
        f"{theirs}.{part}": f"neck.dilations.{i}.{index}"
        for i, theirs in enumerate(_DILATED)
        for index, part in enumerate(("0.conv1", "0.bn", "0.pointwise", "1"))
    },
}

VARIANTS: dict[str, str] = {"resnet50s": "encnet_jpu_resnet50", "resnet101s": "encnet_jpu_resnet101"}


def recognise(tensors: Mapping[str, Tensor]) -> bool:
    """Whether the names are FastFCN's with a JPU; without one they are PyTorch-Encoding's, whose module reads them."""
    return pytorch_encoding.CODEWORDS in tensors and any(name.startswith("jpu.") for name in tensors)


def convert(file: ForeignFile, answers: Answers) -> Conversion:
    """The network in our terms; its backbone has stride 32 and no dilation, as in all published models with a JPU."""
    if any(name.startswith("jpu.jum_") for name in file.tensors):
        raise InputError(
            f"{file.path} has FastFCN's JPU_X, a pyramid that encnet does not have; convert a network that was trained "
            "with its plain JPU"
        )
    kept = {name: tensor for name, tensor in file.tensors.items() if not name.startswith("pretrained.fc.")}
    tensors, unknown = rename(kept, MODULES)
    backbone = resnet_setting(file.path, resnet_name(kept, "pretrained."))
    settings = {
        **backbone,
        "output_stride": Setting(32, "convention"),
        "jpu": Setting(True, "keys"),
        **head_settings(file.path, tensors),
        **align_corners(answers, convention=True),
        **normalisation(answers),
    }
    variant = VARIANTS.get(backbone["backbone"].value, "custom")
    return Conversion(NAME, variant, settings, _fine_to_coarse(tensors), unknown)


def _fine_to_coarse(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Reverses the thirds of the joint features, which FastFCN concatenates as stages 4, 3, 2 and we as 2, 3, 4.

    They are the channels of each depthwise convolution and its batch norm, and the inputs of the pointwise one.
    """
    reordered = dict(tensors)
    for i in range(len(_DILATED)):
        joint = f"neck.dilations.{i}."
        for name, tensor in tensors.items():
            if name.startswith((f"{joint}0.", f"{joint}1.")) and tensor.dim() > 0:
                reordered[name] = _thirds_reversed(tensor, 0)
            elif name == f"{joint}2.weight":
                reordered[name] = _thirds_reversed(tensor, 1)
    return reordered


def _thirds_reversed(tensor: Tensor, dim: int) -> Tensor:
    return torch.cat(tensor.chunk(3, dim)[::-1], dim)
