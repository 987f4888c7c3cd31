"""Recognises the ResNet in a state dict by names and shapes alone."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

_DEPTHS: dict[tuple[bool, tuple[int, int, int, int]], int] = {
    (False, (2, 2, 2, 2)): 18,
    (False, (3, 4, 6, 3)): 34,
    (True, (3, 4, 6, 3)): 50,
    (True, (3, 4, 23, 3)): 101,
    (True, (3, 8, 36, 3)): 152,
}
"""(whether a block has three convolutions, number of blocks per stage) -> number of layers."""

_DEEP_STEMS: dict[int, str] = {32: "c", 64: "s"}
"""Width of the first of the stem's three 3x3 convolutions -> suffix of timm's name."""


def resnet_name(tensors: Mapping[str, Tensor], prefix: str = "") -> str | None:
    """timm's name of a ResNet: resnet50 for the 7x7 stem, resnet50c for 32-32-64, resnet50s for 64-64-128.

    Args:
        tensors: tensors by torchvision's and timm's names: layer1.0.conv1.weight, ..., and for the stem conv1.weight or
            conv1.0.weight.
        prefix: prefix of the names.

    Returns:
        The name, or None for anything else: other depths or widths, grouped convolutions, shortcuts that average.
    """
    depth = resnet_depth(tensors, prefix)
    shortcut = tensors.get(f"{prefix}layer2.0.downsample.0.weight")  # in shortcuts that average, module 0 is the pool
    if depth is None or shortcut is None:
        return None
    plain, deep = tensors.get(f"{prefix}conv1.weight"), tensors.get(f"{prefix}conv1.0.weight")
    if plain is not None and deep is None and plain.shape[0] == 64 and plain.shape[2:] == (7, 7):
        return f"resnet{depth}"
    if deep is not None and plain is None and depth >= 50 and deep.shape[0] in _DEEP_STEMS:
        return f"resnet{depth}{_DEEP_STEMS[deep.shape[0]]}"
    return None


def resnet_depth(tensors: Mapping[str, Tensor], prefix: str = "") -> int | None:
    """The number of layers, from the number of blocks per stage; None for others, wide and grouped ResNets too."""
    second = tensors.get(f"{prefix}layer1.0.conv2.weight")
    if second is None or second.shape != (64, 64, 3, 3):  # wide and grouped ResNets differ here
        return None
    blocks = []
    for stage in (1, 2, 3, 4):
        start = f"{prefix}layer{stage}."
        blocks.append(len({name.removeprefix(start).split(".")[0] for name in tensors if name.startswith(start)}))
    return _DEPTHS.get((f"{prefix}layer1.0.conv3.weight" in tensors, (blocks[0], blocks[1], blocks[2], blocks[3])))
