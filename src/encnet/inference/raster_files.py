"""Reading and writing georeferenced rasters window by window, by rasterio."""

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
from encnet.errors import InputError
from encnet.inference.grid import Window

_BLOCK = 512  # pixels: side of the blocks in which a label map is stored


class RasterReader:
    """Three bands of a raster as RGB bytes; :func:`open_raster` makes it.

    Attributes:
        dataset: rasterio's.
        size: height and width in pixels.
        bands: numbers of the bands that are red, green and blue to the network, from 1.
    """

    def __init__(
        self,
        path: Path,
        dataset: Any,
        bands: tuple[int, int, int] | None,
        value_range: tuple[float, float] | None,
        fill: Sequence[int],
    ) -> None:
        self.path, self.dataset = path, dataset
        self.size: tuple[int, int] = (dataset.height, dataset.width)
        self.bands = bands or _usual_bands(dataset, path)
        if not all(1 <= band <= dataset.count for band in self.bands):
            raise InputError(f"{path} has bands 1 to {dataset.count}, but --bands are {_listed(self.bands)}")
        kinds = {np.dtype(dataset.dtypes[band - 1]) for band in self.bands}
        if any(kind.kind not in "uif" for kind in kinds):
            raise InputError(f"{path} holds complex numbers; give bands of real ones")
        if value_range is None and kinds != {np.dtype(np.uint8)}:
            raise InputError(
                f"bands {_listed(self.bands)} of {path} are {' and '.join(sorted(map(str, kinds)))}, not bytes; say"
                " which values are black and white, for example --value_range 0,3000"
            )
        if value_range is not None and not value_range[0] < value_range[1]:
            raise InputError(f"--value_range is {_listed(value_range)}; the first value must be below the second")
        self._range = value_range
        self._fill = np.array(fill, np.uint8)
        flags = [dataset.mask_flag_enums[band - 1] for band in self.bands]
        self._complete = all(flag.name == "all_valid" for each in flags for flag in each) and all(
            kind.kind != "f" for kind in kinds
        )

    def __call__(self, rows: slice, columns: slice) -> Window:
        """What is there, for a :class:`encnet.inference.mosaic.Mosaic`; pixels without data have the fill's colour."""
        return self.read(((rows.start, rows.stop), (columns.start, columns.stop)))

    def read(self, window: Any = None, **options: Any) -> Window:
        """A window, ((top, bottom), (left, right)), or all, with rasterio's options of reading."""
        values = self._read("read", window, options)
        valid = self.valid(window, values, **options)
        if self._range is not None:
            low, high = self._range
            with np.errstate(invalid="ignore"):
                values = np.clip((values.astype(np.float32) - low) * (255 / (high - low)), 0, 255).round()
        if valid is not None:
            values[:, ~valid] = self._fill[:, None]
        return Window(np.ascontiguousarray(values.astype(np.uint8).transpose(1, 2, 0)), valid)

    def valid(self, window: Any = None, values: np.ndarray | None = None, **options: Any) -> np.ndarray | None:
        """Which pixels of a window have data in all three bands; None where all do.

        Args:
            window: as for :meth:`read`.
            values: of the bands in the window, if they are at hand.
            options: as for :meth:`read`.
        """
        if self._complete:
            return None
        valid: np.ndarray = np.all(self._read("read_masks", window, options) > 0, axis=0)
        if any(np.dtype(self.dataset.dtypes[band - 1]).kind == "f" for band in self.bands):
            numbers = np.isfinite(self._read("read", window, options) if values is None else values)
            valid &= np.all(numbers, axis=0)
        return valid

    def _read(self, method: str, window: Any, options: dict[str, Any]) -> np.ndarray:
        rasterio = require_rasterio()
        try:
            return getattr(self.dataset, method)(list(self.bands), window=window, **options)
        except rasterio.errors.RasterioIOError as error:
            raise InputError(f"{self.path} is damaged: {error}; repair or replace it") from error


class LabelRaster:
    """Writes a label map beside its source: one band, georeferenced as that is, with colours and names of the classes.

    The file is a GeoTIFF in compressed blocks; what is no class is its nodata value. A context manager.

    Args:
        path: of the file.
        source: the raster that was segmented.
        names: of the classes; they are tags of the band, ``class_0`` and so on, and all together ``classes``, JSON.
        palette: their RGB colours.

    Attributes:
        nodata: the value of pixels that are of no class.
    """

    def __init__(self, path: Path, source: RasterReader, names: Sequence[str], palette: Sequence[Color]) -> None:
        self.nodata = 255 if len(names) <= 255 else 65535
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
        """Adds rows, (rows, width), below those before; whole blocks are written, the rest waits for the next rows."""
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
    """Opens a raster, and closes it.

    Args:
        path: of the raster.
        bands: numbers, from 1, of those that are red, green and blue to the network; None takes those that the file
            calls so, or else the first three.
        value_range: values that are black and white, those between in proportion; None is for bytes, as they are.
        fill: RGB bytes of pixels without data.

    Raises:
        InputError: rasterio is not installed, the file is missing or no raster, it has no such bands, or their values
            are not bytes and nobody says what they mean.
    """
    rasterio = require_rasterio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)  # it is segmented all the same
        try:
            dataset = rasterio.open(path)
        except rasterio.errors.RasterioIOError as error:
            raise InputError(f"cannot read {path} as a raster: {error}; replace or remove the file") from error
        with dataset:
            if dataset.count == 0:
                raise InputError(f"{path} holds no bands of its own; give one of its subdatasets")
            yield RasterReader(path, dataset, bands, value_range, fill)


def require_rasterio() -> Any:
    """rasterio.

    Raises:
        InputError: it is not installed.
    """
    try:
        return import_module("rasterio")
    except ModuleNotFoundError as error:
        raise InputError("rasters take rasterio, which is not installed; `pip install 'encnet[geo]'`") from error


def _usual_bands(dataset: Any, path: Path) -> tuple[int, int, int]:
    """The bands that the file calls red, green and blue, or the first three."""
    colors = [each.name for each in dataset.colorinterp]
    if all(color in colors for color in ("red", "green", "blue")):
        red, green, blue = (colors.index(color) + 1 for color in ("red", "green", "blue"))
        return red, green, blue
    if dataset.count < 3:
        raise InputError(
            f"{path} has {dataset.count} band{'s' * (dataset.count > 1)}, and the network takes red, green and blue;"
            " say which bands are these, for example --bands 1,1,1"
        )
    return 1, 2, 3


def _listed(values: Sequence[object]) -> str:
    return ",".join(map(str, values))
