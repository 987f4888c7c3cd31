"""A window of a raster, which is read as if it were a photograph of its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.data.image_facts import ImageFacts
from encnet.data.raster import files_of_raster, open_raster
from encnet.data.stored_values import StoredValues

OVERVIEW: int = 1024
"""Long side of the overview of a raster, in pixels."""


class Rectangle(NamedTuple):
    """A rectangle of pixels."""

    top: int  #: index of the first row
    left: int  #: index of the first column
    height: int  #: number of rows
    width: int  #: number of columns

    @property
    def slices(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((top, bottom), (left, right)), as rasterio takes windows."""
        return (self.top, self.top + self.height), (self.left, self.left + self.width)

    def __str__(self) -> str:
        (top, bottom), (left, right) = self.slices
        return f"rows {top} to {bottom}, columns {left} to {right}"


@dataclass(frozen=True)
class Window:
    """A rectangle of a raster, read as if it were a photograph of its own.

    Attributes:
        raster: the file, in any format that rasterio reads.
        rectangle: the pixels of the window.
        area: the pixels among which training moves the window at random; by default it stays where it is.
    """

    raster: Path
    rectangle: Rectangle
    area: Rectangle = field(default=Rectangle(0, 0, 0, 0), compare=False)

    def __str__(self) -> str:
        return f"{self.raster}, {self.rectangle}"

    @property
    def name(self) -> str:
        """The name of the raster, and the place of the window in it."""
        return f"{self.raster.name}, {self.rectangle}"

    @property
    def stem(self) -> str:
        """A name for files about the window."""
        return f"{self.raster.stem}_{self.rectangle.top}_{self.rectangle.left}"

    @property
    def files(self) -> tuple[Path, ...]:
        """The raster, and the files that a virtual raster is made of."""
        return files_of_raster(self.raster)

    def is_file(self) -> bool:
        """Whether the raster exists."""
        return self.raster.is_file()

    def facts(self) -> ImageFacts:
        """Size, bands and numbers of the window, as for a photograph of its own.

        Raises:
            InputError: the file is not a raster.
        """
        with open_raster(self.raster, (1,)) as reader:
            return self._facts(reader.dataset)

    def values(self, bands: Sequence[int]) -> StoredValues:
        """The values of bands, (height, width, C), and which pixels have data.

        Args:
            bands: numbers of the bands, from 1.

        Raises:
            InputError: the raster is missing or damaged, or does not have the bands.
        """
        with open_raster(self.raster, bands) as reader:
            values, valid = reader.values(self.rectangle.slices)
            return StoredValues(values, None if valid is None or valid.all() else valid, self._facts(reader.dataset))

    def raster_size(self) -> tuple[int, int]:
        """Height and width of the whole raster.

        Raises:
            InputError: the raster is missing or damaged.
        """
        with open_raster(self.raster, (1,)) as reader:
            return reader.size

    def overview(self, bands: Sequence[int] | None, side: int = OVERVIEW) -> StoredValues:
        """The values of bands of the whole raster at a small size, (h, w, C), and which pixels have data.

        Args:
            bands: numbers of the bands, from 1; None is the first three, or the only one.
            side: length of its long side in pixels, at most.

        Raises:
            InputError: as for :meth:`values`.
        """
        with open_raster(self.raster, bands or (1,)) as reader:
            if bands is None and reader.dataset.count > 2:
                return self.overview((1, 2, 3), side)
            scale = min(1.0, side / max(reader.size))
            values, valid = reader.values(out_shape=tuple(max(1, round(length * scale)) for length in reader.size))
            return StoredValues(values, valid, self._facts(reader.dataset))

    def valid(self, bands: Sequence[int] | None) -> np.ndarray | None:
        """Mask (height, width) of the pixels that have data in all bands; None if all of them have.

        Args:
            bands: numbers of the bands, from 1; None is the first three, or the only one.

        Raises:
            InputError: as for :meth:`values`.
        """
        with open_raster(self.raster, bands or (1,)) as reader:
            if bands is None and reader.dataset.count > 2:
                return self.valid((1, 2, 3))
            return reader.valid(self.rectangle.slices)

    def moved(self) -> Window:
        """The window, moved at random by up to half its size, within its area.

        The movement is drawn from PyTorch's generator, as the transforms of training are.
        """
        import torch  # here, since prediction with an exported model does without

        place = []
        for start, side, low, length in zip(
            self.rectangle[:2], self.rectangle[2:], self.area[:2], self.area[2:], strict=True
        ):
            first, last = max(low, start - side // 2), min(low + length - side, start + side // 2)
            place.append(int(torch.randint(first, last + 1, ())) if first < last else start)
        return replace(self, rectangle=Rectangle(place[0], place[1], *self.rectangle[2:]))

    def _facts(self, dataset: Any) -> ImageFacts:
        alpha = dataset.count > 1 and dataset.colorinterp[-1].name == "alpha"
        dtypes = dataset.dtypes[: dataset.count - alpha]
        nodata = None if dataset.nodata is None or math.isnan(dataset.nodata) else dataset.nodata
        size = (self.rectangle.width, self.rectangle.height)
        return ImageFacts(size, len(dtypes), str(np.result_type(*dtypes)), alpha=alpha, nodata=nodata)
