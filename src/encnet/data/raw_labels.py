"""Label maps as their files have them: grey values, palette indices and colours, as numbers."""

from __future__ import annotations

import numpy as np
from PIL import Image

from encnet.data.palette import Color

VALUE_MODES = frozenset({"1", "L", "LA", "P", "I;16"})
"""Pillow's modes of images whose pixels are values; RGB and RGBA are the others that a PNG can have."""

COLOR_MODES = frozenset({"P", "RGB", "RGBA"})
"""Pillow's modes of images whose pixels have colours."""

BYTE_MODES = frozenset({"L", "P"})
"""Pillow's modes of images that have one byte a pixel: a class for each of its 256 levels decodes all of them."""


def read_values(image: Image.Image) -> np.ndarray:
    """(H, W) int32: grey values or palette indices of an image in one of ``VALUE_MODES``.

    A 1-bit map gives 0 and 1. Greys of 2 and 4 bits are scaled to 0-255, as the PNG standard has it.
    """
    values = np.asarray(image)
    return (values[..., 0] if values.ndim == 3 else values).astype(np.int32)


def read_colors(image: Image.Image) -> np.ndarray:
    """(H, W) int32: colours, packed as 0xRRGGBB, of an image in one of ``COLOR_MODES``."""
    if image.mode == "P":
        return palette_colors(image)[np.asarray(image)]
    # Blue, green, red and a zero are the bytes of 0x00RRGGBB from the lowest: no arithmetic is left.
    colored = image if image.mode == "RGB" else image.convert("RGB")
    pixels = np.frombuffer(colored.tobytes("raw", "BGRX"), dtype="<i4")
    return pixels.reshape(image.height, image.width).astype(np.int32, copy=False)


def palette_colors(image: Image.Image) -> np.ndarray:
    """(256,) int32: the colour of each palette index, packed as 0xRRGGBB; 0 where the palette is shorter."""
    colors = np.zeros((256, 3), dtype=np.int32)
    palette = image.getpalette("RGB") or []
    colors[: len(palette) // 3] = np.reshape(palette, (-1, 3))
    return colors @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)


def pack_color(color: Color) -> int:
    """(r, g, b) -> 0xRRGGBB."""
    red, green, blue = color
    return red << 16 | green << 8 | blue


def unpack_color(packed: int) -> Color:
    """0xRRGGBB -> (r, g, b)."""
    return packed >> 16 & 255, packed >> 8 & 255, packed & 255
