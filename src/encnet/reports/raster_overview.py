"""Overviews of rasters, with the windows of each split outlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from encnet.data.dataset import DatasetIndex
from encnet.data.geo.window import Window
from encnet.data.palette import Color
from encnet.data.pixels import picture, scaled
from encnet.data.source import ImageSource
from encnet.data.stored_values import proposed_range

MOST_RASTERS: int = 6
"""Upper bound on the rasters that are drawn."""
SPLIT_COLORS: tuple[Color, ...] = ((0, 114, 178), (230, 159, 0), (204, 121, 167), (0, 158, 115))
"""Colours of splits, which people who cannot distinguish all colours tell apart (Okabe and Ito)."""

_LINE = 3  # pixels


class Overview(NamedTuple):
    """A raster, drawn."""

    raster: Path
    """The file."""
    image: Image.Image
    """The raster, with an outline around each window, in the colour of its split; what no split uses is dark."""


def windows_of(index: DatasetIndex) -> dict[Path, list[tuple[str, Window]]]:
    """Raster -> (split, window) of its samples."""
    rasters: dict[Path, list[tuple[str, Window]]] = {}
    for split, samples in index.splits.items():
        for sample in samples:
            if isinstance(sample.image, Window):
                rasters.setdefault(sample.image.raster, []).append((split, sample.image))
    return rasters


def split_colors(index: DatasetIndex) -> dict[str, Color]:
    """Split -> its colour in overviews."""
    return dict(zip(index.splits, SPLIT_COLORS * len(index.splits), strict=False))


def overviews(index: DatasetIndex) -> list[Overview]:
    """The first :data:`MOST_RASTERS` rasters of a data set, drawn; none if it has none.

    Raises:
        InputError: a raster cannot be read.
    """
    colors = split_colors(index)
    rasters = list(windows_of(index).items())[:MOST_RASTERS]
    return [Overview(raster, _drawn(windows, colors, index.source)) for raster, windows in rasters]


def _drawn(windows: Sequence[tuple[str, Window]], colors: Mapping[str, Color], source: ImageSource) -> Image.Image:
    first = windows[0][1]
    values, valid, _ = first.overview(source.bands)
    there = values if valid is None else values[valid]
    value_range = source.value_range or (None if values.dtype == np.uint8 else (proposed_range(there),))
    image = picture(scaled(values, value_range, (0,) * values.shape[2], valid))
    scale = image.height / first.raster_size()[0]
    used = Image.new("L", image.size, 0)
    boxes: list[tuple[tuple[int, int, int, int], str]] = []
    for split, window in windows:
        (top, bottom), (left, right) = window.rectangle.slices
        box = (round(left * scale), round(top * scale), round(right * scale), round(bottom * scale))
        used.paste(255, box)
        boxes.append((box, split))
    shown = Image.composite(image, image.point([value // 3 for value in range(256)] * 3), used)
    draw = ImageDraw.Draw(shown)
    for (left, top, right, bottom), split in boxes:
        draw.rectangle((left, top, right - 1, bottom - 1), outline=colors[split], width=_LINE)
    return shown
