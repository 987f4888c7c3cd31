"""The label map of a window of a raster."""

from __future__ import annotations

from abc import abstractmethod
from typing import TypeVar

from encnet.data.derived_labels import DerivedLabels
from encnet.data.geo.window import Window

T = TypeVar("T", bound="WindowLabels")


class WindowLabels(DerivedLabels):
    """The label map of a window of a raster: (height, width) of the window's rectangle."""

    window: Window  #: the window

    @abstractmethod
    def at(self: T, window: Window) -> T:
        """The labels of another window of the same raster."""
