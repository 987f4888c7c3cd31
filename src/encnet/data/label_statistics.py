"""What one label map holds, before anybody decides what it means: its kind, and the pixels of each value or colour."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from encnet.data.grey_depth import bits_of
from encnet.data.images import open_label_map
from encnet.data.raw_labels import VALUE_MODES, is_grey, palette_colors, read_colors, read_values, require_range
from encnet.system.errors import InputError

VERSION: str = "2"
"""Version of cached statistics."""

MAX_LEVELS: int = 4096
"""Most levels that are kept for one file; a map with more of them is no label map."""


@dataclass(frozen=True)
class LabelStatistics:
    """The content of a label map.

    Attributes:
        kind: "grey", "palette" or "color"; a colour image whose channels are equal is grey.
        bits: bits of a stored grey level; None for palettes and colours.
        levels: stored grey levels, palette indices or colours packed as 0xRRGGBB, in rising order; the first
            ``MAX_LEVELS``.
        pixels: number of pixels of each level.
        colors: packed colour of each palette index in ``levels``; empty for other kinds.
        distinct: number of different levels.
        problem: why the file cannot be read; None if it can.
    """

    kind: Literal["grey", "palette", "color"]
    bits: int | None = None
    levels: tuple[int, ...] = ()
    pixels: tuple[int, ...] = ()
    colors: tuple[int, ...] = ()
    distinct: int = 0
    problem: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON types, for :meth:`from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Any) -> LabelStatistics:
        """The reverse of :meth:`to_json`."""
        for name in ("levels", "pixels", "colors"):
            document = {**document, name: tuple(document[name])}
        return cls(**document)


def inspect_label_map(path: Path) -> LabelStatistics:
    """Reads a label map; a damaged file, or a value out of range, gives a ``problem``."""
    try:
        image = open_label_map(path)
        require_range(image, path)
    except InputError as error:
        return LabelStatistics("grey", problem=str(error))
    if image.mode == "P":
        levels, pixels = _histogram(image)
        colors = palette_colors(image)[levels]
        return _statistics("palette", None, levels, pixels, colors)
    if image.mode in VALUE_MODES:
        levels, pixels = _histogram(image)
        return _statistics("grey", bits_of(image), levels, pixels)
    if image.mode not in ("RGB", "RGBA"):
        return LabelStatistics("grey", problem=f"the label map {path} has mode {image.mode}; save it as a PNG")
    if is_grey(image):
        levels, pixels = _histogram(image.getchannel(0))
        return _statistics("grey", 8, levels, pixels)
    levels, pixels = np.unique(read_colors(image), return_counts=True)
    return _statistics("color", None, levels, pixels)


def _histogram(image: Image.Image) -> tuple[np.ndarray, np.ndarray]:
    """The levels in an image of values, and the number of pixels of each."""
    if image.mode in ("L", "P") and bits_of(image) in (8, None):
        counts = np.array(image.histogram())
        levels = np.flatnonzero(counts)
        return levels, counts[levels]
    return np.unique(read_values(image), return_counts=True)


def _statistics(
    kind: Literal["grey", "palette", "color"],
    bits: int | None,
    levels: np.ndarray,
    pixels: np.ndarray,
    colors: np.ndarray | None = None,
) -> LabelStatistics:
    kept = slice(MAX_LEVELS)
    return LabelStatistics(
        kind,
        bits,
        tuple(levels[kept].tolist()),
        tuple(pixels[kept].tolist()),
        () if colors is None else tuple(colors[kept].tolist()),
        len(levels),
    )
