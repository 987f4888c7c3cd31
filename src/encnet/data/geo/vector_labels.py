"""Label maps of windows, drawn from shapes on the grid of their raster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.data.geo.coordinates import corners, moved_to, resized
from encnet.data.geo.vectors import AttributeValue, Shapes, VectorFile, read_shapes
from encnet.data.geo.window import Window
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.raster import open_raster
from encnet.system.errors import InputError

_COARSE = 1024  # pixels a side


class Drawing(NamedTuple):
    """How shapes become raw labels."""

    classes: tuple[tuple[AttributeValue, int], ...]  #: (value of the attribute, raw label), each value once
    outside: int  #: raw label of pixels in no shape
    missing: int  #: raw label of pixels without a label
    undeclared: int | None = None  #: raw label of shapes with another value; None makes them an error

    def raw(self, values: Sequence[AttributeValue], vectors: VectorFile) -> list[int]:
        """The raw labels of shapes with these values of the attribute.

        Raises:
            InputError: values are not declared.
        """
        table = dict(self.classes)
        labels = [table.get(value, self.undeclared) for value in values]
        unknown = Counter(value for value, label in zip(values, labels, strict=True) if label is None)
        if unknown:
            listed = ", ".join(f"{'none' if v is None else repr(v)} ({n} shapes)" for v, n in unknown.most_common(5))
            raise InputError(
                f"{vectors.path}: the attribute '{vectors.attribute}' has values that are no class: {listed}"
                f"{', ...' if len(unknown) > 5 else ''}; declare each in dataset.yaml, as `value:` of a class, or write"
                " `undeclared: ignore` or the name of a class there"
            )
        return [label for label in labels if label is not None]


@dataclass(frozen=True)
class VectorLabels(WindowLabels):
    """The label map of a window, drawn from shapes.

    A pixel is of the shape that its centre lies in, as in GDAL; of several shapes, of the smallest one, and of equally
    large ones, of the last one in the file. Lines and points are one pixel wide.

    Attributes:
        window: the window.
        vectors: the file of the shapes.
        crs: the coordinate system of the raster.
        drawing: how shapes become raw labels.
    """

    window: Window
    vectors: VectorFile
    crs: str
    drawing: Drawing

    def __str__(self) -> str:
        return f"{self.vectors.path} on {self.window}"

    @property
    def files(self) -> tuple[Path, ...]:
        return (*self.vectors.files, *self.window.files)

    def at(self, window: Window) -> VectorLabels:
        return replace(self, window=window)

    @property
    def missing(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.drawing.missing

    def values(self) -> np.ndarray:
        """The raw label map, (height, width) int32.

        Raises:
            InputError: a file is missing or damaged, or a shape has an undeclared value.
        """
        features = import_module("rasterio.features")
        with open_raster(self.window.raster, (1,)) as reader:
            rectangle = self.window.rectangle
            transform = moved_to(reader.dataset.transform, rectangle.top, rectangle.left)
        shapes = read_shapes(self.vectors, self.crs)
        size = (rectangle.height, rectangle.width)
        labels = np.full(size, self.drawing.outside, np.int32)
        places = shapes.in_order(outline_of(transform, size))
        raw = self.drawing.raw([shapes.values[place] for place in places], self.vectors)
        if places:
            drawn = zip(shapes.geometries[places], raw, strict=True)
            features.rasterize(drawn, out=labels, transform=transform)
        return labels


def outline_of(transform: Any, size: tuple[int, int]) -> Any:
    """The outline, a shapely polygon in coordinates, of a grid of (height, width) pixels."""
    return import_module("shapely").Polygon(corners(transform, 0, 0, *size))


def contested(shapes: Shapes, raw: Sequence[int], transform: Any, size: tuple[int, int]) -> float:
    """The share of the ground of shapes on a raster that lies in shapes of several labels, 0-1.

    Measured at up to ``_COARSE`` pixels a side.

    Args:
        shapes: the shapes.
        raw: the raw label of each.
        transform: the transform of the raster.
        size: its height and width.
    """
    features = import_module("rasterio.features")
    rows, columns = (min(side, _COARSE) for side in size)
    coarse = resized(transform, size[0] / rows, size[1] / columns)
    labels: dict[int, list[Any]] = {}
    for place in shapes.in_order(outline_of(transform, size)):
        labels.setdefault(raw[place], []).append(shapes.geometries[place])
    covered = np.zeros((rows, columns), np.int32)
    for geometries in labels.values():
        covered += features.rasterize(geometries, out_shape=covered.shape, transform=coarse, dtype=np.uint8)
    return float((covered > 1).sum() / max(1, (covered > 0).sum()))
