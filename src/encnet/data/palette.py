"""Colours that tell classes apart."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from encnet.data.class_indices import MAX_CLASSES
from encnet.system.rules import is_integer

Color = tuple[int, int, int]
"""Red, green and blue in 0-255."""

_LEVELS = 8
"""Levels of red, green and blue in the grid of well distinguishable colours."""

DISTINGUISHABLE: int = _LEVELS**3 - 2
"""Number of colours of the grid without black and white."""


def distinct_palette(n: int) -> tuple[Color, ...]:
    """``n`` (at most 65535) different colours; a longer palette continues a shorter one.

    Each of the first 510 is the point of an 8 x 8 x 8 grid in the RGB cube that is farthest, in CIELAB, from all
    previous colours and from black and white, which pictures use for ignored pixels and for text. The others are
    different from all previous ones and spread over the cube, but no eye tells so many colours apart.
    """
    return _farthest_colors()[:n] if n <= DISTINGUISHABLE else _all_colors()[:n]


@lru_cache(maxsize=1)
def _all_colors() -> tuple[Color, ...]:
    """The grid's colours, and then others: multiples of an odd number reach each colour once, far apart in turn."""
    first = _farthest_colors()
    packed = (np.arange(1, MAX_CLASSES + _LEVELS**3, dtype=np.int64) * 0x9E3779) % 2**24
    spread = zip((packed >> 16).tolist(), (packed >> 8 & 255).tolist(), (packed & 255).tolist(), strict=True)
    taken = {*first, (0, 0, 0), (255, 255, 255)}
    others = [color for color in spread if color not in taken]
    return (*first, *others)[:MAX_CLASSES]


@lru_cache(maxsize=1)
def _farthest_colors() -> tuple[Color, ...]:
    levels = np.linspace(0, 255, _LEVELS).round()
    grid = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 3)
    lab = _lab(grid)
    distance = np.minimum(
        np.linalg.norm(lab - lab[0], axis=1),  # black
        np.linalg.norm(lab - lab[-1], axis=1),  # white
    )
    chosen: list[Color] = []
    for _ in range(DISTINGUISHABLE):
        farthest = int(distance.argmax())
        red, green, blue = (int(level) for level in grid[farthest])
        chosen.append((red, green, blue))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[farthest], axis=1))
    return tuple(chosen)


def _lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB in 0-255, (N, 3) -> CIELAB under D65, (N, 3), as defined in IEC 61966-2-1 and CIE 15."""
    scaled = rgb / 255
    linear = np.where(scaled <= 0.04045, scaled / 12.92, ((scaled + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T / to_xyz.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def is_color(value: Any) -> bool:
    """Whether a value is a colour: three integers in 0-255; true and false are none."""
    if not isinstance(value, list | tuple) or len(value) != 3:
        return False
    return all(is_integer(level) and 0 <= level <= 255 for level in value)
