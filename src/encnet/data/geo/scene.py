"""A raster whose windows are samples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from encnet.data.dataset import Sample
from encnet.data.geo.window import Rectangle, Window
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.raster import open_raster


class Scene(NamedTuple):
    """A raster, and what labels its windows."""

    raster: Path  #: the file
    rectangle: Rectangle  #: all its pixels
    ground: tuple[object, ...] | None  #: equal for rasters whose pixels show the same ground; None if nothing says it
    labelled: Callable[[Window], WindowLabels] | None  #: the labels of a window; None if there are none

    @classmethod
    def of(cls, raster: Path, labelled: Callable[[Window], WindowLabels] | None = None) -> Scene:
        """The scene of a raster.

        Raises:
            InputError: the file is missing or no raster.
        """
        with open_raster(raster, (1,)) as reader:
            dataset = reader.dataset
            ground = (dataset.crs.to_string(), *dataset.transform[:6], *reader.size) if dataset.crs else None
            return cls(raster, Rectangle(0, 0, *reader.size), ground, labelled)

    def sample(self, window: Window) -> Sample:
        """A window and its labels."""
        return Sample(window, None if self.labelled is None else self.labelled(window))
