"""Raw label maps as arrays of numbers: grey values, palette indices or packed colours."""

from __future__ import annotations

from collections.abc import Container, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from encnet.data.grey_depth import FULL_SCALE, bits_of
from encnet.data.palette import Color
from encnet.system.errors import InputError

VALUE_MODES: frozenset[str] = frozenset({"1", "L", "LA", "P", "I;16", "I;16B", "I"})
"""Pillow modes whose pixels are values. An RGB or RGBA image whose three channels are equal holds grey values too."""

COLOR_MODES: frozenset[str] = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
"""Pillow modes whose pixels have a colour; that of the grey level v is (v, v, v)."""

LARGEST_VALUE: int = 2**16 - 1
"""The largest value of a label map."""

BYTE_MODES: frozenset[str] = frozenset({"L", "P"})
"""Pillow modes with one byte per pixel: decoding the 256 levels decodes the image."""


_STRIP_PIXELS = 2**18
"""Pixels of a label map that are decoded at once: few enough that intermediate results stay in a processor's cache."""


def is_grey(image: Image.Image) -> bool:
    """Whether the three channels of an RGB or RGBA image are equal in every pixel."""
    red, green, blue = (np.asarray(image.getchannel(channel)) for channel in "RGB")
    return bool(np.array_equal(red, green) and np.array_equal(red, blue))


def read_values(image: Image.Image) -> np.ndarray:
    """(H, W) int32: stored grey levels or palette indices of an image in one of ``VALUE_MODES``, or of a grey RGB one.

    Greys of 1, 2 and 4 bits give the stored levels, 0-1, 0-3 and 0-15, whatever brightness a viewer shows them with.
    """
    values = np.asarray(image)
    values = (values[..., 0] if values.ndim == 3 else values).astype(np.int32)
    bits = bits_of(image)
    return values // FULL_SCALE[bits] if bits in (2, 4) else values


def read_colors(image: Image.Image) -> np.ndarray:
    """(H, W) int32: colours, packed as 0xRRGGBB, of an image in one of ``COLOR_MODES``.

    Transparency has no effect.
    """
    if image.mode == "P":
        return palette_colors(image)[np.asarray(image)]
    # The little-endian bytes of 0x00RRGGBB are blue, green, red and zero, so that no arithmetic is needed.
    colored = image if image.mode == "RGB" else image.convert("RGB")
    pixels = np.frombuffer(colored.tobytes("raw", "BGRX"), dtype="<i4")
    return pixels.reshape(image.height, image.width).astype(np.int32, copy=False)


def palette_colors(image: Image.Image) -> np.ndarray:
    """(256,) int32: the colour of each palette index or grey level, packed as 0xRRGGBB; 0 beyond the palette's end."""
    if image.mode == "L":
        return np.arange(256, dtype=np.int32) * 0x010101
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


def require_values(image: Image.Image, path: str | Path) -> None:
    """Raises InputError if an image of the file ``path`` does not hold values, or one that is not in 0-65535."""
    if image.mode not in VALUE_MODES and not (image.mode in ("RGB", "RGBA") and is_grey(image)):
        raise InputError(
            f"the label map {path} is a {image.mode} image, but the classes are declared by value;"
            " save it as a grey or palette PNG, or declare the classes by colour (`labels: color`)"
        )
    require_range(image, path)


def require_range(image: Image.Image, path: str | Path) -> None:
    """Raises InputError if an image of the file ``path`` holds a value that is not in 0-65535, as nodata often is."""
    if image.mode != "I":  # other modes hold no such value
        return
    extremes = image.getextrema()
    wrong = [value for value in extremes if isinstance(value, int | float) and not 0 <= value <= LARGEST_VALUE]
    if wrong:
        raise InputError(
            f"the label map {path} holds the value {wrong[0]:.0f}, but values are whole numbers from 0 to"
            f" {LARGEST_VALUE}; give these pixels a value that no class has, such as 255, and list it under `ignore` in"
            " dataset.yaml"
        )


def require_colors(image: Image.Image, declared: Container[object], path: str | Path) -> None:
    """Raises InputError if an image of the file ``path`` does not hold colours.

    A grey image does if each of its greys is in ``declared``: its class indices are no colours.
    """
    grey = image.mode not in ("P", "RGB", "RGBA")
    if grey and (image.mode not in COLOR_MODES or any((level,) * 3 not in declared for level in _greys(image))):
        raise InputError(
            f"the label map {path} is a grey image (mode {image.mode}), but the classes are declared by colour;"
            " save it as an RGB or palette PNG, or declare the classes by value (`labels: value`)"
        )


def _greys(image: Image.Image) -> list[int]:
    """The brightness, 0-255, of the greys in a grey image of at most 8 bits."""
    histogram = image.getchannel(0).histogram() if image.mode == "LA" else image.histogram()
    return [level for level, pixels in enumerate(histogram) if pixels]


def strips(height: int, width: int) -> Iterator[slice]:
    """The rows of a label map, in strips of about ``_STRIP_PIXELS`` pixels."""
    step = max(1, _STRIP_PIXELS // max(1, width))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))
