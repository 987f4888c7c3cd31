"""Renames tensors from the names of a code base to ours."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

PARAMETERS: tuple[str, ...] = (
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "codewords",
    "scale",
)
"""Last parts of tensor names, after the name of the module."""


def resnet_stages(prefix: str) -> dict[str, str]:
    """The map of a ResNet with torchvision's names after ``prefix``: stem conv1 and bn1, then layer1 to layer4."""
    parts = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
    return {f"{prefix}{part}.": f"backbone.network.{part}." for part in parts}


def rename(tensors: Mapping[str, Tensor], modules: Mapping[str, str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Returns the tensors under our names, and those whose module is not in the map.

    Args:
        tensors: tensors by the names of their code base.
        modules: foreign module name -> our module name. A name that ends with a dot stands for all names that begin
            with it.
    """
    renamed: dict[str, Tensor] = {}
    unknown: dict[str, Tensor] = {}
    prefixes = [name for name in modules if name.endswith(".")]
    for name, tensor in tensors.items():
        module, _, parameter = name.rpartition(".")
        prefix = next((prefix for prefix in prefixes if name.startswith(prefix)), None)
        if module in modules and parameter in PARAMETERS:
            renamed[f"{modules[module]}.{parameter}"] = tensor
        elif prefix is not None:
            renamed[modules[prefix] + name.removeprefix(prefix)] = tensor
        else:
            unknown[name] = tensor
    return renamed, unknown
