"""Reads and writes georeferenced rasters window by window with rasterio."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from encnet.data.palette import Color
from encnet.inference.protocols.tile_grid import Region
from encnet.system.checks import require
from encnet.system.errors import InputError

_BLOCK = 512  # side in pixels of the blocks in which a label map is stored


class RasterReader:
    """Reads three bands of a raster as RGB bytes; created by :func:`open_raster`.

    Attributes:
        path: path of the raster.
        dataset: the open dataset of rasterio.
        size: height and width in pixels.
        bands: numbers, from 1, of the bands that the network sees as red, green and blue.
    """

    def __init__(
        self,
        path: Path,
        dataset: Any,
        bands: tuple[int, int, int] | None,
        value_range: tuple[float, float] | None,
        fill: Sequence[int],
    ) -> None:
        self.path: Path = path
        self.dataset: Any = dataset
        self.size: tuple[int, int] = (dataset.height, dataset.width)
        self.bands: tuple[int, int, int] = bands or _usual_bands(dataset, path)
        if not all(1 <= band <= dataset.count for band in self.bands):
            raise InputError(f"bands is {listed(self.bands)}, but {path} has the bands 1 to {dataset.count}", "bands")
        dtypes = {np.dtype(dataset.dtypes[band - 1]) for band in self.bands}
        if any(dtype.kind not in "uif" for dtype in dtypes):
            raise InputError(f"bands {listed(self.bands)} of {path} are complex numbers; give real bands", "bands")
        if value_range is None and dtypes != {np.dtype(np.uint8)}:
            raise InputError(
                f"bands {listed(self.bands)} of {path} are {' and '.join(sorted(map(str, dtypes)))}, not bytes; give"
                " the values of black and white as value_range, 0,3000 for example",
                "value_range",
            )
        if value_range is not None:
            require(
                value_range[0] < value_range[1], "value_range", listed(value_range), "two numbers, the lower one first"
            )
        self._range = value_range
        self._fill = np.array(fill, np.uint8)
        flags = [flag for band in self.bands for flag in dataset.mask_flag_enums[band - 1]]
        self._complete = all(flag.name == "all_valid" for flag in flags) and all(dtype.kind != "f" for dtype in dtypes)

    def __call__(self, rows: slice, columns: slice) -> Region:
        """The pixels of a window; pixels without data have the fill colour."""
        return self.read(((rows.start, rows.stop), (columns.start, columns.stop)))

    def read(self, window: Any = None, **options: Any) -> Region:
        """Reads a window.

        Args:
            window: ((top, bottom), (left, right)); None is the whole raster.
            options: further arguments of rasterio's ``read``.
        """
        values = self._read("read", window, options)
        valid = self.valid(window, values, **options)
        if self._range is not None:
            low, high = self._range
            with np.errstate(invalid="ignore"):
                values = np.clip((values.astype(np.float32) - low) * (255 / (high - low)), 0, 255).round()
        if valid is not None:
            values[:, ~valid] = self._fill[:, None]
        return Region(np.ascontiguousarray(values.astype(np.uint8).transpose(1, 2, 0)), valid)

    def valid(self, window: Any = None, values: np.ndarray | None = None, **options: Any) -> np.ndarray | None:
        """Mask (h, w) of the pixels of a window that have data in all three bands; None if all of them have.

        Args:
            window: as for :meth:`read`.
            values: the values of the bands in the window, if they have been read already.
            options: as for :meth:`read`.
        """
        if self._complete:
            return None
        valid: np.ndarray = np.all(self._read("read_masks", window, options) > 0, axis=0)
        if any(np.dtype(self.dataset.dtypes[band - 1]).kind == "f" for band in self.bands):
            finite = np.isfinite(self._read("read", window, options) if values is None else values)
            valid &= np.all(finite, axis=0)
        return valid

    def _read(self, method: str, window: Any, options: dict[str, Any]) -> np.ndarray:
        rasterio = require_rasterio()
        try:
            return getattr(self.dataset, method)(list(self.bands), window=window, **options)
        except rasterio.errors.RasterioIOError as error:
            raise InputError(f"{self.path} is damaged: {error}; repair or replace it") from error


class LabelRaster:
    """Writes the label map of a raster: one band with the same georeference, class colours and class names.

    The file is a GeoTIFF in compressed blocks. Use the object as a context manager.

    Args:
        path: path of the file.
        source: the raster that was predicted.
        names: names of the classes; stored as tags of the band, ``class_0`` and so on, and as the JSON tag ``classes``
            of the file.
        palette: RGB colour of each class.

    Attributes:
        nodata: value of the pixels without a class.
    """

    def __init__(self, path: Path, source: RasterReader, names: Sequence[str], palette: Sequence[Color]) -> None:
        self.nodata: int = 255 if len(names) <= 255 else 65535
        self._path, self._source, self._names, self._palette = path, source.dataset, names, palette
        self._row, self._waiting = 0, np.empty((0, source.size[1]), np.uint8 if self.nodata == 255 else np.uint16)

    def __enter__(self) -> LabelRaster:
        rasterio, source = require_rasterio(), self._source
        profile: dict[str, Any] = {
            "driver": "GTiff",
            "height": source.height,
            "width": source.width,
            "count": 1,
            "dtype": self._waiting.dtype.name,
            "nodata": self.nodata,
            "compress": "deflate",
            "bigtiff": "if_safer",
        }
        if min(source.height, source.width) > _BLOCK:
            profile |= {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK}
        points, crs = source.gcps
        profile |= {"gcps": points, "crs": crs} if points else {"crs": source.crs, "transform": source.transform}
        if source.rpcs is not None:
            profile["rpcs"] = source.rpcs
        self._target = rasterio.open(self._path, "w", **profile)
        if self.nodata == 255:
            self._target.write_colormap(1, {value: (*color, 255) for value, color in enumerate(self._palette)})
        kept = {name: value for name, value in source.tags().items() if name == "AREA_OR_POINT"}
        self._target.update_tags(classes=json.dumps(list(self._names), ensure_ascii=False), **kept)
        self._target.update_tags(1, **{f"class_{value}": name for value, name in enumerate(self._names)})
        self._target.set_band_description(1, "class")
        return self

    def write(self, strip: np.ndarray) -> None:
        """Appends rows, (rows, width). Whole blocks are written; the rest waits for further rows."""
        self._waiting = np.concatenate([self._waiting, strip.astype(self._waiting.dtype, copy=False)])
        self._flush(len(self._waiting) // _BLOCK * _BLOCK)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        try:
            if kind is None:
                self._flush(len(self._waiting))
        finally:
            self._target.close()

    def _flush(self, rows: int) -> None:
        if rows > 0:
            window = ((self._row, self._row + rows), (0, self._waiting.shape[1]))
            self._target.write(self._waiting[:rows], 1, window=window)
            self._row, self._waiting = self._row + rows, self._waiting[rows:].copy()


@contextmanager
def open_raster(
    path: Path,
    bands: tuple[int, int, int] | None = None,
    value_range: tuple[float, float] | None = None,
    fill: Sequence[int] = (0, 0, 0),
) -> Iterator[RasterReader]:
    """Opens a raster for the duration of a ``with`` block.

    Args:
        path: path of the raster.
        bands: numbers, from 1, of the bands that the network sees as red, green and blue; None takes the bands that
            the file declares as such, or else the first three.
        value_range: values of black and white, scaled linearly to 0-255; None takes bytes unchanged.
        fill: RGB bytes of pixels without data.

    Raises:
        InputError: rasterio is not installed, the file is missing or not a raster, the bands do not exist, or they are
            not bytes and there is no ``value_range``.
    """
    rasterio = require_rasterio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # such rasters are allowed
        try:
            dataset = rasterio.open(path)
        except rasterio.errors.RasterioIOError as error:
            raise InputError(f"cannot read {path} as a raster: {error}; replace or remove the file") from error
        with dataset:
            if dataset.count == 0:
                raise InputError(f"{path} has no bands of its own; give one of its subdatasets")
            yield RasterReader(path, dataset, bands, value_range, fill)


def require_rasterio() -> Any:
    """The module ``rasterio``.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module("rasterio")
    except ModuleNotFoundError as error:
        raise InputError("rasters need rasterio, which is not installed; `pip install 'encnet[geo]'`") from error


def _usual_bands(dataset: Any, path: Path) -> tuple[int, int, int]:
    """The bands that the file declares as red, green and blue, or else the first three."""
    colors = [interpretation.name for interpretation in dataset.colorinterp]
    if all(color in colors for color in ("red", "green", "blue")):
        red, green, blue = (colors.index(color) + 1 for color in ("red", "green", "blue"))
        return red, green, blue
    if dataset.count < 3:
        raise InputError(
            f"{path} has {dataset.count} band{'s' * (dataset.count > 1)}, but the network needs red, green and blue;"
            " give three bands, 1,1,1 for example",
            "bands",
        )
    return 1, 2, 3


def listed(values: Sequence[object]) -> str:
    """The values with commas between them, as on the command line."""
    return ",".join(map(str, values))
