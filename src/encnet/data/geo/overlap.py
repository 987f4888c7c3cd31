"""Windows of different splits that show the same ground."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.data.dataset import DatasetIndex
from encnet.data.geo.coordinates import corners
from encnet.data.geo.vectors import require_geo
from encnet.data.geo.window import Window
from encnet.data.raster import open_raster

LEAST: float = 0.01
"""Share of a window that another one covers at least, to count; rasters beside each other share a row of pixels."""


class Overlap(NamedTuple):
    """Two splits that show the same ground."""

    split: str
    """The later split."""
    other_split: str
    """The earlier split."""
    windows: tuple[Window, ...]
    """Windows of ``split`` that windows of ``other_split`` cover, in part at least."""
    other: Window
    """A window of ``other_split`` that covers the first of them."""

    def __str__(self) -> str:
        number = len(self.windows)
        return (
            f"{number} {'window' if number == 1 else 'windows'} of {self.split} {'shows' if number == 1 else 'show'}"
            f" the same ground as windows of {self.other_split} ({self.windows[0]} and {self.other}); a score on the"
            " ground of the training says little about other ground: give rasters of other places, or split it by area"
            " (`rasters: {images: ..., labels: ..., val: 0.2}`)"
        )


def overlapping_splits(index: DatasetIndex) -> Iterator[Overlap]:
    """Splits whose windows show the same ground, by the georeference of their rasters.

    Windows are compared by their corners in longitude and latitude; those of a raster without a coordinate system only
    with windows of the same raster. Splits that contain others on purpose are left out.
    """
    windows = {
        split: [sample.image for sample in samples if isinstance(sample.image, Window)]
        for split, samples in index.splits.items()
        if split not in index.combined
    }
    outlines = {split: _outlines(each) for split, each in windows.items() if each}
    for (other_split, others), (split, own) in combinations(outlines.items(), 2):
        shapely = require_geo("shapely")
        tree = shapely.STRtree(np.array([each.outline for each in others], object))
        found: dict[Window, Window] = {}
        for window, outline, raster in own:
            for place in tree.query(outline, predicate="intersects").tolist():
                other, ground, other_raster = others[place]
                if raster == other_raster and shapely.area(
                    shapely.intersection(outline, ground)
                ) >= LEAST * shapely.area(outline):
                    found.setdefault(window, other)
        if found:
            first = next(iter(found))
            yield Overlap(split, other_split, tuple(found), found[first])


class _Placed(NamedTuple):
    """A window and where it lies."""

    window: Window
    outline: Any  #: a shapely polygon in longitude and latitude, or in pixels
    raster: Path | None  #: the raster whose pixels those are; None for longitude and latitude


def _outlines(windows: list[Window]) -> list[_Placed]:
    shapely, warp = require_geo("shapely"), import_module("rasterio.warp")
    found: list[_Placed] = []
    for raster in dict.fromkeys(window.raster for window in windows):
        with open_raster(raster, (1,)) as reader:
            crs, transform = reader.dataset.crs, reader.dataset.transform
        for window in (window for window in windows if window.raster == raster):
            (top, bottom), (left, right) = window.rectangle.slices
            xs, ys = corners(transform, top, left, bottom, right).T
            if crs is not None:
                xs, ys = warp.transform(crs, "EPSG:4326", xs, ys)
            outline = shapely.Polygon(zip(xs, ys, strict=True))
            found.append(_Placed(window, outline, raster if crs is None else None))
    return found
