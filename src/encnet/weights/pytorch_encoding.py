"""PyTorch-Encoding, the code base of the paper's authors. FastFCN without JPU uses the same names and conventions."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from encnet.weights.key_map import rename, resnet_stages
from encnet.weights.resnet import resnet_name
from encnet.weights.sources import (
    Answers,
    Conversion,
    ForeignFile,
    align_corners,
    head_settings,
    normalisation,
    resnet_setting,
)

NAME: str = "pytorch-encoding"

CODEWORDS: str = "head.encmodule.encoding.3.codewords"

MODULES: dict[str, str] = {
    **resnet_stages("pretrained."),
    "head.conv5.0": "head.conv_in.0",
    "head.conv5.1": "head.conv_in.1",
    "head.connect.0.0": "head.lateral.0.0",
    "head.connect.0.1": "head.lateral.0.1",
    "head.connect.1.0": "head.lateral.1.0",
    "head.connect.1.1": "head.lateral.1.1",
    "head.fusion.0": "head.fusion.0",
    "head.fusion.1": "head.fusion.1",
    "head.encmodule.encoding.0": "head.context.semantics.projection.0",
    "head.encmodule.encoding.1": "head.context.semantics.projection.1",
    "head.encmodule.encoding.3": "head.context.semantics.encoding",
    "head.encmodule.encoding.4": "head.context.semantics.norm",
    "head.encmodule.fc.0": "head.context.gamma",
    "head.encmodule.selayer": "head.presence",
    "head.conv6.1": "head.classifier",
    "auxlayer.conv5.0": "aux_head.0.0",
    "auxlayer.conv5.1": "aux_head.0.1",
    "auxlayer.conv5.4": "aux_head.2",
}
"""Module of PyTorch-Encoding -> our module. The backbone's classifier, ``pretrained.fc``, is unused and left out."""

VARIANTS: dict[str, str] = {
    "resnet18": "encnet_resnet18",
    "resnet50c": "encnet_resnet50",
    "resnet101c": "encnet_resnet101",
    "resnet50s": "encnet_resnet50s",
    "resnet101s": "encnet_resnet101s",
}
"""Backbone -> variant; networks with other backbones are built as "custom"."""


def recognise(tensors: Mapping[str, Tensor]) -> bool:
    return CODEWORDS in tensors and not any(name.startswith("jpu.") for name in tensors)


def convert(file: ForeignFile, answers: Answers) -> Conversion:
    kept = {name: tensor for name, tensor in file.tensors.items() if not name.startswith("pretrained.fc.")}
    tensors, unknown = rename(kept, MODULES)
    backbone = resnet_setting(file.path, resnet_name(tensors, "backbone.network."))
    settings = {
        **backbone,
        **head_settings(file.path, tensors),
        **align_corners(answers, convention=True),
        **normalisation(answers),
    }
    return Conversion(NAME, VARIANTS.get(backbone["backbone"].value, "custom"), settings, tensors, unknown)
