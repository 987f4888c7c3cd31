"""Raw label maps as arrays of numbers: grey values, palette indices or packed colours."""

from __future__ import annotations

import numpy as np
from PIL import Image

from encnet.data.palette import Color

VALUE_MODES: frozenset[str] = frozenset({"1", "L", "LA", "P", "I;16"})
"""Pillow modes whose pixels are values; the other modes of a PNG are RGB and RGBA."""

COLOR_MODES: frozenset[str] = frozenset({"P", "RGB", "RGBA"})
"""Pillow modes whose pixels are colours."""

BYTE_MODES: frozenset[str] = frozenset({"L", "P"})
"""Pillow modes with one byte per pixel: decoding the 256 levels decodes the image."""


def read_values(image: Image.Image) -> np.ndarray:
    """(H, W) int32: grey values or palette indices of an image in one of ``VALUE_MODES``.

    A 1-bit map gives 0 and 1. Greys of 2 and 4 bits are scaled to 0-255, as the PNG standard specifies.
    """
    values = np.asarray(image)
    return (values[..., 0] if values.ndim == 3 else values).astype(np.int32)


def read_colors(image: Image.Image) -> np.ndarray:
    """(H, W) int32: colours, packed as 0xRRGGBB, of an image in one of ``COLOR_MODES``."""
    if image.mode == "P":
        return palette_colors(image)[np.asarray(image)]
    # The little-endian bytes of 0x00RRGGBB are blue, green, red and zero, so that no arithmetic is needed.
    colored = image if image.mode == "RGB" else image.convert("RGB")
    pixels = np.frombuffer(colored.tobytes("raw", "BGRX"), dtype="<i4")
    return pixels.reshape(image.height, image.width).astype(np.int32, copy=False)


def palette_colors(image: Image.Image) -> np.ndarray:
    """(256,) int32: the colour of each palette index, packed as 0xRRGGBB; 0 beyond the end of the palette."""
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
