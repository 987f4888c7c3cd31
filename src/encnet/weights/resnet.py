"""Which ResNet a state dict holds, from names and shapes alone."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_DEPTHS = {
    (False, (2, 2, 2, 2)): 18,
    (False, (3, 4, 6, 3)): 34,
    (True, (3, 4, 6, 3)): 50,
    (True, (3, 4, 23, 3)): 101,
    (True, (3, 8, 36, 3)): 152,
}
"""Whether blocks have three convolutions, and blocks of each stage -> number of layers."""

_DEEP_STEMS = {32: "c", 64: "s"}
"""Width of the first of three 3x3 convolutions -> letter that timm appends."""


def resnet_name(tensors: Mapping[str, Tensor], prefix: str = "") -> str | None:
    """timm's name of a ResNet: resnet50 with the 7x7 stem, resnet50c with 32-32-64, resnet50s with 64-64-128.

    Args:
        tensors: with torchvision's and timm's names: layer1.0.conv1.weight, ..., stem conv1.weight or conv1.0.weight.
        prefix: of the names.

    Returns:
        None for anything else: other depths or widths, grouped convolutions, shortcuts that average.
    """
    depth = resnet_depth(tensors, prefix)
    shortcut = tensors.get(f"{prefix}layer2.0.downsample.0.weight")  # where it averages first, this is a pool
    if depth is None or shortcut is None:
        return None
    plain, deep = tensors.get(f"{prefix}conv1.weight"), tensors.get(f"{prefix}conv1.0.weight")
    if plain is not None and deep is None and plain.shape[0] == 64 and plain.shape[2:] == (7, 7):
        return f"resnet{depth}"
    if deep is not None and plain is None and depth >= 50 and deep.shape[0] in _DEEP_STEMS:
        return f"resnet{depth}{_DEEP_STEMS[deep.shape[0]]}"
    return None


def resnet_depth(tensors: Mapping[str, Tensor], prefix: str = "") -> int | None:
    """Number of layers, from the blocks of each stage; None where these are of no ResNet, wide or grouped ones too."""
    second = tensors.get(f"{prefix}layer1.0.conv2.weight")
    if second is None or second.shape != (64, 64, 3, 3):  # wide and grouped ones differ here
        return None
    blocks = []
    for stage in (1, 2, 3, 4):
        start = f"{prefix}layer{stage}."
        blocks.append(len({name.removeprefix(start).split(".")[0] for name in tensors if name.startswith(start)}))
    return _DEPTHS.get((f"{prefix}layer1.0.conv3.weight" in tensors, (blocks[0], blocks[1], blocks[2], blocks[3])))
