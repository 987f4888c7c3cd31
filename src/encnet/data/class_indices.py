"""How label maps store class indices: 8 bits for up to 255 classes, 16 bits for more, and which index is ignored.

========  =========== ============ =======================  ==============
classes   NumPy       PyTorch      file                     ignored pixels
========  =========== ============ =======================  ==============
1-255     uint8       uint8        palette PNG              255
256-65535 uint16      int32        grey PNG of 16 bits      65535
========  =========== ============ =======================  ==============

PyTorch gets int32, because it hardly computes with uint16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

NARROW_CLASSES: int = 255
"""The most classes that label maps of 8 bits hold."""

MAX_CLASSES: int = 65535
"""The most classes that label maps of 16 bits hold: one of the 65536 indices marks ignored pixels."""

IGNORE: int = 255
"""The index of ignored pixels in label maps of 8 bits. Ignored pixels count in no loss and no metric."""

WIDE_IGNORE: int = 65535
"""The index of ignored pixels in label maps of 16 bits."""


def is_wide(num_classes: int) -> bool:
    """Whether so many classes need label maps of 16 bits."""
    return num_classes > NARROW_CLASSES


def ignore_of(num_classes: int) -> int:
    """The index of ignored pixels in label maps of so many classes."""
    return WIDE_IGNORE if is_wide(num_classes) else IGNORE


def label_dtype(num_classes: int) -> np.dtype[Any]:
    """The NumPy type of label maps of so many classes: uint8 or uint16."""
    return np.dtype(np.uint16 if is_wide(num_classes) else np.uint8)


def ignore_in(labels: np.ndarray | Tensor) -> int:
    """The index of ignored pixels in a label map, by its type.

    Args:
        labels: of any shape: uint8; or uint16 as an array, or int32 as a tensor.

    Raises:
        TypeError: the label map has another type.
    """
    kind = str(labels.dtype).removeprefix("torch.")
    if kind not in ("uint8", "uint16", "int32"):
        raise TypeError(f"label maps are uint8, or 16 bits wide (arrays uint16, tensors int32), not {labels.dtype}")
    return IGNORE if kind == "uint8" else WIDE_IGNORE


def for_torch(labels: np.ndarray) -> np.ndarray:
    """A label map, uint8 or uint16, in the type that tensors of labels have: uint8, unchanged, or int32."""
    return labels.astype(np.int32) if labels.dtype == np.uint16 else labels


def for_numpy(labels: np.ndarray) -> np.ndarray:
    """The reverse of :func:`for_torch`."""
    return labels.astype(np.uint16) if labels.dtype == np.int32 else labels


def counts_up(values: Sequence[int]) -> bool:
    """Whether values in rising order count up from 0 or 1 without a gap."""
    return len(values) >= 2 and values[0] in (0, 1) and values[-1] - values[0] == len(values) - 1


def ignored_value(values: set[int]) -> int:
    """The value that is ignored by convention among the values of label maps whose classes nobody listed.

    It is 255 if up to 255 other values occur, and 65535 beside more: then 255 is a value like any other.
    """
    return ignore_of(len(values - {IGNORE}))
