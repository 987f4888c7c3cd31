"""The interface of engines, and what every engine takes and returns. Nothing here needs PyTorch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from encnet.inference.engines.description import Description
from encnet.system.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

Precision = Literal["fp32", "bf16", "fp16"]
"""Number formats to compute in; not every engine supports all of them."""

EngineName = Literal["auto", "pytorch", "compile", "onnxruntime", "openvino"]
"""Names of engines; "auto" selects the engine by the type of the model's file."""


class Scores(NamedTuple):
    """Output of an engine. PyTorch engines return tensors on their device, the others return arrays."""

    logits: np.ndarray | Tensor  #: (B, classes, h, w) float32, at the resolution of the network's head
    presence: np.ndarray | Tensor | None  #: (B, classes) float32: probability, 0-1, that each class is in the image


class Engine(Protocol):
    """A network that takes raw images, whichever library runs it."""

    name: str
    """Name of the library, for reports."""
    precision: str
    """Number format of the computation, for reports: "fp32", "bf16", "fp16" or "int8"."""
    device: str
    """Where it runs: "cpu", "cuda:0", ..."""
    description: Description
    """Description of the network."""

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network. The engine does the casting, the memory layout and the normalisation.

        Args:
            images: uint8 (B, H, W, C), RGB or the bands of the model, already resized for the network.
        """
        ...


def require_file(path: str | os.PathLike[str]) -> Path:
    """Returns the path of an existing file.

    Raises:
        InputError: there is no such file.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}; correct the path")
    return Path(path)


def require_size(path: Path, sides: Sequence[object], images: np.ndarray) -> None:
    """Checks that images have the size that an exported file requires.

    Args:
        path: path of the file, for the message.
        sides: height and width that the file requires; a side that is not an integer is free.
        images: (B, H, W, C).

    Raises:
        InputError: the size differs.
    """
    height, width = images.shape[1:3]
    if any(isinstance(side, int) and side != actual for side, actual in zip(sides, (height, width), strict=True)):
        raise InputError(
            f"{path} is for images of {sides[0]} x {sides[1]} pixels (height x width), not {height} x {width};"
            " export it without a size"
        )
