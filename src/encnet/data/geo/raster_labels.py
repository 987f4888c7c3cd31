"""Label maps of windows, read from a label raster."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import numpy as np

from encnet.data.geo.coordinates import coordinates
from encnet.data.geo.window import Window
from encnet.data.geo.window_labels import WindowLabels
from encnet.data.raster import files_of_raster, open_raster
from encnet.data.raw_labels import unpack_color
from encnet.system.errors import InputError

Grid = Literal["same", "placed", "unplaced"]
"""Where the pixels of a label raster lie: on those of its raster; anywhere, by its georeference; or nobody knows."""


@dataclass(frozen=True)
class RasterLabels(WindowLabels):
    """The label map of a window, read from a label raster.

    A label raster on another grid gives each pixel of the window the label at its centre.

    Attributes:
        window: the window.
        path: the label raster: one band of values, or three bands of colours.
        colored: whether classes are declared by colour.
        missing: raw label, or packed colour, of pixels that the label raster does not cover or that have no data there.
        nodata: whether pixels without data have no label; otherwise their value is a label like the others.
        grid: where the pixels of the label raster lie.
        reserved: whether a pixel of the label raster that holds ``missing`` is an error, since nobody declared it.
    """

    window: Window
    path: Path
    colored: bool
    missing: int
    nodata: bool = True
    grid: Grid = "same"
    reserved: bool = False

    def __str__(self) -> str:
        return f"{self.path}, {self.window.rectangle}"

    @property
    def files(self) -> tuple[Path, ...]:
        return (*files_of_raster(self.path), *self.window.files)

    def at(self, window: Window) -> RasterLabels:
        return replace(self, window=window)

    def values(self) -> np.ndarray:
        """The raw label map, (height, width) int32: values, or colours packed as 0xRRGGBB.

        Raises:
            InputError: a file is missing or damaged, or holds no values or colours.
        """
        with ExitStack() as stack:
            reader = stack.enter_context(open_raster(self.path, (1, 2, 3) if self.colored else (1,)))
            dataset = reader.dataset
            bands = [1, 2, 3] if self.colored else [1]
            if self.grid == "placed":
                dataset = stack.enter_context(_on_grid_of(self.window.raster, dataset, self.nodata))
            try:
                values = dataset.read(bands, window=self.window.rectangle.slices)
                there = (dataset.read_masks(bands, window=self.window.rectangle.slices) > 0).any(axis=0)
            except Exception as error:  # errors of rasterio and of GDAL
                raise InputError(f"{self.path} is damaged: {error}; repair or replace it") from error
        if self.grid != "placed" and not self.nodata:  # on another grid, the mask is of what is not covered
            there = np.ones_like(there)
        raw = self._packed(values) if self.colored else self._whole(values[0], there)
        if self.reserved and (there & (raw == self.missing)).any():
            held = unpack_color(self.missing) if self.colored else self.missing
            raise InputError(
                f"{self.path} holds the label {held}, which stands for pixels without a label; list it under `ignore`"
                " in dataset.yaml, or give those pixels another label"
            )
        return np.where(there, raw, np.int32(self.missing))

    def _packed(self, values: np.ndarray) -> np.ndarray:
        if values.dtype != np.uint8:
            raise InputError(f"{self.path} holds {values.dtype}, but colours are bytes; declare the classes by value")
        red, green, blue = values.astype(np.int32)
        return red << 16 | green << 8 | blue

    def _whole(self, values: np.ndarray, there: np.ndarray) -> np.ndarray:
        """Values as integers in 0-65535."""
        with np.errstate(invalid="ignore"):
            wrong = there & ~((values >= 0) & (values <= 65535) & (np.mod(values, 1) == 0))
        if wrong.any():
            raise InputError(
                f"{self.path} holds {values[wrong][0]:g} in the window of {self.window.rectangle}; labels are whole"
                " numbers from 0 to 65535: write other pixels as nodata"
            )
        return np.where(there, values, 0).astype(np.int32)


def grid_of(labels: Path, raster: Path) -> Grid:
    """Where the pixels of a label raster lie.

    Raises:
        InputError: a file cannot be read; the labels were compressed with losses; or only one of the two files is
            georeferenced and their sizes differ.
    """
    with open_raster(labels, (1,)) as of_labels, open_raster(raster, (1,)) as of_raster:
        own, other = of_labels.dataset, of_raster.dataset
        if _is_lossy(own):
            raise InputError(
                f"the label raster {labels} is compressed with losses, which has changed labels at the edges of areas;"
                " write the labels again without losses, as with `-co COMPRESS=DEFLATE` of GDAL"
            )
        if own.crs is None or other.crs is None:
            if of_labels.size != of_raster.size:
                without = labels if own.crs is None else raster
                raise InputError(
                    f"{labels} has {own.width} x {own.height} pixels and {raster} has {other.width} x {other.height},"
                    f" and {without} says no coordinate system to place it by; write it with its coordinate system"
                )
            return "unplaced"
        same = own.crs == other.crs and of_labels.size == of_raster.size
        # A hundredth of a pixel over the whole raster moves no label.
        tolerance = 0.01 * abs(other.transform.determinant) ** 0.5
        places = [(0, 0), (other.width, 0), (0, other.height)]
        placed, wanted = (coordinates(transform, places) for transform in (own.transform, other.transform))
        return "same" if same and np.abs(placed - wanted).max() <= tolerance else "placed"


def _is_lossy(dataset: Any) -> bool:
    """Whether the values of an open raster were compressed with losses, as its driver says of its structure."""
    tags = dataset.tags(ns="IMAGE_STRUCTURE")
    jpeg = tags.get("COMPRESSION", "").endswith("JPEG") or "JPEG_QUALITY" in tags
    # LERC's bound of errors: half a label is none.
    return jpeg or tags.get("COMPRESSION_REVERSIBILITY") == "LOSSY" or float(tags.get("MAX_Z_ERROR", 0)) > 0.5


def _on_grid_of(raster: Path, dataset: Any, nodata: bool) -> Any:
    """A label raster on the grid of a raster; what it does not cover is masked, and pixels without data by choice."""
    vrt = import_module("rasterio.vrt")
    with open_raster(raster, (1,)) as reader:
        target = reader.dataset
        grid = {"crs": target.crs, "transform": target.transform, "width": target.width, "height": target.height}
    resampling = import_module("rasterio.enums").Resampling.nearest
    if nodata and dataset.nodata is not None:
        return vrt.WarpedVRT(dataset, **grid, resampling=resampling)
    alpha = all(color.name != "alpha" for color in dataset.colorinterp)
    return vrt.WarpedVRT(dataset, **grid, resampling=resampling, src_nodata=None, nodata=None, add_alpha=alpha)
