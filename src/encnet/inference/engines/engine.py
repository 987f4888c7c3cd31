"""What runs a network: the interface, and what every engine takes and returns. Nothing here needs PyTorch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

import numpy as np

from encnet.errors import InputError
from encnet.inference.engines.description import Description

if TYPE_CHECKING:
    from torch import Tensor

Precision = Literal["fp32", "bf16", "fp16"]
"""Number formats that an engine can be asked to compute in; not every engine has all."""

EngineName = Literal["auto", "pytorch", "compile", "onnxruntime", "openvino"]
"""Engines by name; "auto" is the one that the model's file is for."""


class Scores(NamedTuple):
    """What an engine says about images; PyTorch's engines return tensors on their device, the others arrays."""

    logits: np.ndarray | Tensor  #: (B, classes, h, w) float32, at the resolution of the network's head
    presence: np.ndarray | Tensor | None  #: (B, classes) float32: the probability, 0-1, that a class is in the image


class Engine(Protocol):
    """A network that takes images as they are, whatever library computes it."""

    name: str
    """Of the library, for reports."""
    precision: str
    """The number format of the computation, for reports: "fp32", "bf16", "fp16" or "int8"."""
    device: str
    """Where it runs: "cpu", "cuda:0", ..."""
    description: Description
    """What the network is."""

    def __call__(self, images: np.ndarray) -> Scores:
        """Runs the network; casting, memory layout and normalisation are the engine's.

        Args:
            images: uint8 (B, H, W, 3), RGB, of the size at which the network is to see them.
        """
        ...


def available_cores() -> int:
    """How many threads engines that ask for a number get: the cores this process may use, or ``OMP_NUM_THREADS``."""
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)  # not on every system
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def require_file(path: str | os.PathLike[str]) -> Path:
    """The path of a file.

    Raises:
        InputError: there is no such file.
    """
    if not Path(path).is_file():
        raise InputError(f"there is no file {path}; correct the path")
    return Path(path)


def require_size(path: Path, sides: Sequence[object], images: np.ndarray) -> None:
    """Raises InputError where a file is for images of one height and width, and these are of another.

    Args:
        path: of the file, for the message.
        sides: height and width that the file asks for; what is no integer may be any.
        images: (B, H, W, 3).
    """
    if any(isinstance(side, int) and side != own for side, own in zip(sides, images.shape[1:3], strict=True)):
        height, width = images.shape[1:3]
        raise InputError(
            f"{path} is for images of {sides[0]} x {sides[1]} pixels (height x width), not {height} x {width};"
            " export it without a size"
        )
