"""Bit depths of grey label maps: one mask can be stored with 1, 2, 4, 8 or 16 bits per pixel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from encnet.data.images import GREY_BITS
from encnet.system.errors import InputError

FULL_SCALE: dict[int, int] = {1: 255, 2: 85, 4: 17, 16: 257}
"""Bits of a grey level -> the factor between the stored level and the level of the same brightness in 8 bits.

With 16 bits, the stored level is the larger one."""


def bits_of(image: Image.Image) -> int | None:
    """The bits of a grey level in the file of an image from :func:`encnet.data.images.open_image`.

    None for palettes and colours.
    """
    return image.info.get(GREY_BITS)


def stored_levels(image: Image.Image) -> np.ndarray:
    """The stored levels that occur in a grey image, in rising order."""
    bits = bits_of(image)
    if image.mode in ("1", "L"):
        levels = np.flatnonzero(image.histogram())
        return levels // FULL_SCALE[bits] if bits in (1, 2, 4) else levels
    values = np.asarray(image)
    return np.unique(values[..., 0] if values.ndim == 3 else values)


def full_scale(values: np.ndarray, bits: int | None) -> np.ndarray | None:
    """Stored levels as 8-bit levels of the same brightness; None if there are none, or if they are the same.

    White is 1 with one bit, 15 with four and 65535 with sixteen, and always 255 here.
    """
    if bits in (1, 2, 4):
        return values * FULL_SCALE[bits]
    if bits == 16 and values.size and not (values % FULL_SCALE[16]).any():
        return values // FULL_SCALE[16]
    return None


def is_scaled(image: Image.Image, targets: Mapping[Any, int], ignore: int, path: str | Path) -> bool:
    """Whether the grey levels of a file mean the 8-bit levels of the same brightness.

    ImageMagick, for example, stores a mask of 0 and 255 with one bit, as 0 and 1. Other tools store the classes 0 and 1
    so. The declared classes tell which one it is.

    Args:
        image: the label map, from :func:`encnet.data.images.open_label_map`.
        targets: declared value -> class index or ``ignore``.
        ignore: the class index of ignored values.
        path: the file, for the message.

    Raises:
        InputError: both readings are declared.
    """
    bits = bits_of(image)
    if bits not in FULL_SCALE:
        return False
    stored = stored_levels(image)
    scaled = full_scale(stored, bits)
    if scaled is None or not stored.any() or not _are_classes(scaled, targets, ignore):
        return False
    if _are_classes(stored, targets, ignore):
        raise InputError(
            f"the label map {path} has grey levels of {bits} bits, which can mean {few(stored)} or {few(scaled)}, and"
            " both are declared; save it with 8 bits per pixel"
        )
    return True


def _are_classes(levels: np.ndarray, targets: Mapping[Any, int], ignore: int) -> bool:
    """Whether all levels are declared, and one besides 0 is a class."""
    found = [targets.get(int(level)) for level in levels]
    classes = [level for level, target in zip(levels, found, strict=True) if target not in (None, ignore)]
    return None not in found and any(classes)


def few(levels: Any) -> str:
    """The first levels, with commas between them."""
    return ", ".join(str(level) for level in levels[:5]) + (", ..." if len(levels) > 5 else "")
