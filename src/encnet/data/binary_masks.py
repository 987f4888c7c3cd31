"""Binary masks: images that show by two values, or by transparency, which pixels belong to one class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from encnet.data.grey_depth import FULL_SCALE, bits_of, few
from encnet.data.images import open_label_map
from encnet.data.raw_labels import palette_colors, unpack_color
from encnet.system.errors import InputError

_GREY_MODES = frozenset({"L", "LA", "P", "PA", "I;16", "I;16B", "I"})
_WAY_OUT = "a mask is 0 outside of its class, and 1 or 255 inside: save it so, as PNG and without smoothed edges"
_OPAQUE = 255


def read_mask(path: Path) -> np.ndarray:
    """The pixels of a mask's class: bool (H, W), upright.

    The value is 0 outside of the class, and inside either 1 or white: 255, or the brightest level of greys with other
    bits. Palette images count by index. In an image with transparent pixels, the opaque pixels are those of the
    class; their values must say the same, or be 1 or white everywhere.

    Raises:
        InputError: the file is missing, damaged or a JPEG; it has another value, whose pixel the message names; or its
            values and its transparency do not agree.
    """
    image = open_label_map(path)
    inside = _by_value(image, path)
    opaque = _opaque(image, path)
    if opaque is None:
        return inside
    different = opaque != inside
    if different.any() and not inside.all():
        shown = "transparent, but 1 or white" if inside[_first(different)] else "opaque, but 0"
        raise InputError(
            f"the mask {path} shows different shapes by its values and by its transparency: {_pixel(different)} is"
            f" {shown}; save it without transparency"
        )
    return opaque


def _by_value(image: Image.Image, path: Path) -> np.ndarray:
    """The pixels that are not 0, bool (H, W)."""
    if image.mode == "1":
        return np.asarray(image)
    if image.mode in ("RGB", "RGBA"):
        colors = np.asarray(image)[..., :3]
        colored = (colors[..., 0] != colors[..., 1]) | (colors[..., 0] != colors[..., 2])
        if colored.any():
            color = tuple(colors[_first(colored)].tolist())
            raise InputError(f"the mask {path} has the colour {color} in {_pixel(colored)}; {_WAY_OUT}")
    elif image.mode not in _GREY_MODES:
        raise InputError(f"the mask {path} is an image of the mode {image.mode}; {_WAY_OUT}")
    values = np.asarray(image if len(image.getbands()) == 1 else image.getchannel(0))
    inside, high = values != 0, int(values.max(initial=0))
    if high not in _insides(values, bits_of(image)) or (high and not np.array_equal(inside, values == high)):
        _refuse(values, _insides(values, bits_of(image)), path)
    if image.mode == "P" and high:
        _require_rising(image, high, path)
    return inside


def _insides(values: np.ndarray, bits: int | None) -> set[int]:
    """The values that can be the largest of a mask: 0 in an empty one, and 1 or white."""
    if bits in (2, 4):  # Pillow scales these greys to 0-255, so that the stored level 1 is 85 or 17
        return {0, FULL_SCALE[bits], 255}
    return {0, 1, 255} if values.dtype == np.uint8 else {0, 1, 255, 65535}


def _refuse(values: np.ndarray, insides: set[int], path: Path) -> None:
    """Raises InputError for an array that is no mask; the message names the first wrong pixel."""
    used = [level for level in np.unique(values).tolist() if level != 0]
    wrong = [level for level in used if level not in insides]
    if wrong:
        raise InputError(f"the mask {path} has the value {wrong[0]} in {_pixel(values == wrong[0])}; {_WAY_OUT}")
    raise InputError(
        f"the mask {path} has the values {few(used)} besides 0, {used[1]} in {_pixel(values == used[1])}; {_WAY_OUT}"
    )


def _require_rising(image: Image.Image, inside: int, path: Path) -> None:
    """Raises InputError if index 0 of a palette is a brighter grey than the other: it is not clear what is inside."""
    colors = palette_colors(image)
    zero, other = unpack_color(int(colors[0])), unpack_color(int(colors[inside]))
    if len({*zero}) == len({*other}) == 1 and zero > other:
        raise InputError(
            f"the mask {path} has a palette in which 0 is {zero} and {inside} is {other}, so that it is not clear which"
            " pixels are inside; save it as a grey image, black outside and white inside"
        )


def _opaque(image: Image.Image, path: Path) -> np.ndarray | None:
    """The opaque pixels, bool (H, W); None if all are."""
    if image.mode in ("LA", "PA", "RGBA"):
        alpha = image.getchannel("A")
    elif "transparency" in image.info:
        alpha = image.convert("RGBA").getchannel("A")
    else:
        return None
    levels = np.flatnonzero(alpha.histogram())
    opacity = np.asarray(alpha)
    wrong = levels[(levels != 0) & (levels != _OPAQUE)]
    if wrong.size:
        raise InputError(
            f"the mask {path} is partly transparent, {wrong[0]} of 255, in {_pixel(opacity == wrong[0])}; {_WAY_OUT}"
        )
    return None if levels[0] == _OPAQUE else opacity == _OPAQUE


def _first(pixels: np.ndarray) -> tuple[int, int]:
    """(row, column) of the first pixel that is true."""
    row, column = np.unravel_index(int(np.argmax(pixels)), pixels.shape)
    return int(row), int(column)


def _pixel(pixels: np.ndarray) -> str:
    """Where the first pixel is that is true, in words."""
    row, column = _first(pixels)
    return f"column {column} of row {row}, counted from 0"
