"""Renaming tensors: names of a code base -> ours."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

PARAMETERS = (
    "weight",
    "bias",
    "running_mean",
    "running_var",
    "num_batches_tracked",
    "codewords",
    "scale",
)
"""The last part of a tensor's name, after the module's."""


def resnet_stages(prefix: str) -> dict[str, str]:
    """The map of a ResNet whose names are torchvision's after ``prefix``: stem conv1 and bn1, then layer1 to layer4."""
    parts = ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4")
    return {f"{prefix}{part}.": f"backbone.network.{part}." for part in parts}


def rename(tensors: Mapping[str, Tensor], modules: Mapping[str, str]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Tensors under our names, and those that no module of the map has.

    Args:
        tensors: by the names of their code base.
        modules: its name of a module -> ours. A name that ends with a dot stands for all that begins with it.
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
