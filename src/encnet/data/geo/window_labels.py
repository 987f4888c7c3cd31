"""The label map of a window of a raster."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from encnet.data.derived_labels import DerivedLabels
from encnet.data.geo.window import Window

T = TypeVar("T", bound="WindowLabels")


class WindowLabels(DerivedLabels):
    """The label map of a window of a raster: (height, width) of the window's rectangle."""

    window: Window  #: the window
    missing: int  #: raw label of pixels without a label

    def with_data(self, bands: Sequence[int] | None) -> np.ndarray:
        """The raw label map, in which pixels without data in the raster have no label.

        Args:
            bands: the bands of the raster, from 1, that must have data; None is the first three.

        Raises:
            InputError: a file is missing or damaged.
        """
        values = self.values()
        valid = self.window.valid(bands)
        return values if valid is None else np.where(valid, values, np.int32(self.missing))

    @abstractmethod
    def at(self: T, window: Window) -> T:
        """The labels of another window of the same raster."""
