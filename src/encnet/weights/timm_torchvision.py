"""ResNets of torchvision, timm and PyTorch-Encoding: initial weights of a backbone, not a whole EncNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from encnet.system.files import replacing
from encnet.weights.resnet import resnet_name

NAME: str = "timm or torchvision"


def recognise(tensors: Mapping[str, Tensor]) -> bool:
    return resnet_name(tensors) is not None


def backbone_weights(tensors: Mapping[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """timm's name of the ResNet, and its tensors without the classifier; torchvision and timm use the same names."""
    name = resnet_name(tensors)
    assert name is not None
    return name, {key: tensor for key, tensor in tensors.items() if not key.startswith("fc.")}


def write_backbone(path: Path, name: str, tensors: Mapping[str, Tensor]) -> None:
    """Writes weights for ``pretrained=path``, with the backbone's name as metadata."""
    with replacing(path) as temporary:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, temporary, {"backbone": name})
