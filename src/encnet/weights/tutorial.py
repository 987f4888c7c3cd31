"""The tutorial form: the EncNet that tutorials copy, a ResNet-50 with a classifier at full resolution."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from encnet.weights.key_map import rename, resnet_stages
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

NAME: str = "tutorial"

MODULES: dict[str, str] = {
    **resnet_stages("backbone."),
    "decoder.bottleneck": "head.conv_in",
    "decoder.enc_module.encoding_project": "head.context.semantics.projection",
    "decoder.enc_module.encoding.0": "head.context.semantics.encoding",
    "decoder.enc_module.encoding.1": "head.context.semantics.norm",
    "decoder.enc_module.fc.0": "head.context.gamma",
    "decoder.cls_seg.0": "head.hidden",
    "decoder.cls_seg.1": "head.norm",
    "decoder.cls_seg.3": "head.classifier",
    "decoder.se_layer": "head.presence",
}
"""Module of the tutorial form -> our module. The backbone's classifier, ``backbone.fc``, is unused and left out."""


def recognise(tensors: Mapping[str, Tensor]) -> bool:
    return "decoder.enc_module.encoding.0.codewords" in tensors


def convert(file: ForeignFile, answers: Answers) -> Conversion:
    kept = {name: tensor for name, tensor in file.tensors.items() if not name.startswith("backbone.fc.")}
    tensors, unknown = rename(kept, MODULES)
    settings = {
        **resnet_setting(file.path, resnet_name(tensors, "backbone.network.")),
        **head_settings(file.path, tensors),
        **align_corners(answers, convention=False),
        "presence_loss": Setting("mse", "convention"),
        **normalisation(answers),
    }
    return Conversion(NAME, "encnet_resnet50_fullres", settings, tensors, unknown)
