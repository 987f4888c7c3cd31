"""Reads bands of rasters and TIFFs, window by window, with rasterio."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.data.pixels import ValueRange, scaled
from encnet.system.checks import require
from encnet.system.errors import InputError


class Region(NamedTuple):
    """A rectangular region of an image."""

    pixels: np.ndarray  #: uint8 (h, w, C): RGB, or the bands of the model
    valid: np.ndarray | None = None  #: bool (h, w), the pixels that hold data; None if all of them do


class RasterReader:
    """Reads bands of a raster as bytes; created by :func:`open_raster`.

    Attributes:
        path: path of the raster.
        dataset: the open dataset of rasterio.
        size: height and width in pixels.
        bands: numbers, from 1, of the bands that are read.
    """

    def __init__(
        self,
        path: Path,
        dataset: Any,
        bands: Sequence[int] | None,
        value_range: ValueRange | None,
        fill: Sequence[int],
    ) -> None:
        self.path: Path = path
        self.dataset: Any = dataset
        self.size: tuple[int, int] = (dataset.height, dataset.width)
        self.bands: tuple[int, ...] = tuple(bands or _usual_bands(dataset, path))
        if not all(1 <= band <= dataset.count for band in self.bands):
            raise InputError(f"bands is {listed(self.bands)}, but {path} has the bands 1 to {dataset.count}", "bands")
        self.dtypes: set[np.dtype] = {np.dtype(dataset.dtypes[band - 1]) for band in self.bands}
        if any(dtype.kind not in "uif" for dtype in self.dtypes):
            raise InputError(f"bands {listed(self.bands)} of {path} are complex numbers; give real bands", "bands")
        self._range, self._fill = value_range, fill
        self._masks = [band for band in self.bands if not self._masked_by_a_band_that_is_read(band)]
        flags = [flag for band in self._masks for flag in dataset.mask_flag_enums[band - 1]]
        self._floats = any(dtype.kind == "f" for dtype in self.dtypes)
        self._complete = all(flag.name == "all_valid" for flag in flags)

    def __call__(self, rows: slice, columns: slice) -> Region:
        """The pixels of a window; pixels without data have the fill colour."""
        return self.read(((rows.start, rows.stop), (columns.start, columns.stop)))

    def read(self, window: Any = None, **options: Any) -> Region:
        """Reads a window as bytes.

        Args:
            window: ((top, bottom), (left, right)); None is the whole raster.
            options: further arguments of rasterio's ``read``.

        Raises:
            InputError: the bands are not bytes, and there is no range of values to scale them by.
        """
        if self._range is None and self.dtypes != {np.dtype(np.uint8)}:
            raise InputError(
                f"bands {listed(self.bands)} of {self.path} are {' and '.join(sorted(map(str, self.dtypes)))}, not"
                " bytes; give the values of black and white as value_range, 0,3000 for example",
                "value_range",
            )
        values, valid = self.values(window, **options)
        return Region(np.asarray(scaled(values, self._range, self._fill, valid)), valid)

    def values(self, window: Any = None, **options: Any) -> tuple[np.ndarray, np.ndarray | None]:
        """The values of a window as stored, (h, w, C), and the mask of :meth:`valid`; arguments as for :meth:`read`."""
        values = self._read("read", self.bands, window, options).transpose(1, 2, 0)
        return values, self.valid(window, values, **options)

    def valid(self, window: Any = None, values: np.ndarray | None = None, **options: Any) -> np.ndarray | None:
        """Mask (h, w) of the pixels of a window that have data in all bands; None if all of them have.

        Args:
            window: as for :meth:`read`.
            values: the values of the bands in the window, (h, w, C), if they have been read already.
            options: as for :meth:`read`.
        """
        masks: list[Any] = []
        if not self._complete:
            masks.append(np.all(self._read("read_masks", self._masks, window, options) > 0, axis=0))
        if self._floats:
            if values is None:
                values = self._read("read", self.bands, window, options).transpose(1, 2, 0)
            masks.append(np.isfinite(np.asarray(values)).all(axis=2))
        return np.logical_and.reduce(masks) if masks else None

    def _masked_by_a_band_that_is_read(self, band: int) -> bool:
        """Whether the mask of a band is an alpha band that is read as a band of the image, as some cameras store
        infrared.
        """
        flags = {flag.name for flag in self.dataset.mask_flag_enums[band - 1]}
        return "alpha" in flags and any(self.dataset.colorinterp[read - 1].name == "alpha" for read in self.bands)

    def _read(self, method: str, bands: Sequence[int], window: Any, options: dict[str, Any]) -> np.ndarray:
        rasterio = require_rasterio()
        shape = options.get("out_shape")  # (height, width): rasterio wants the number of bands too
        options = options if shape is None else {**options, "out_shape": (len(bands), *shape[-2:])}
        try:
            return getattr(self.dataset, method)(list(bands), window=window, **options)
        except rasterio.errors.RasterioIOError as error:
            raise InputError(f"{self.path} is damaged: {error}; repair or replace it") from error


@contextmanager
def open_raster(
    path: Path,
    bands: Sequence[int] | None = None,
    value_range: ValueRange | None = None,
    fill: Sequence[int] = (0, 0, 0),
    driver: str | None = None,
) -> Iterator[RasterReader]:
    """Opens a raster for the duration of a ``with`` block.

    Args:
        path: path of the raster.
        bands: numbers, from 1, of the bands to read; None takes the bands that the file declares as red, green and
            blue, or else the first three.
        value_range: values that become 0 and 255, one pair or one per band; None takes bytes unchanged.
        fill: bytes of pixels without data, one per band.
        driver: name of the only GDAL driver that may read the file; None allows all of them.

    Raises:
        InputError: rasterio is not installed, the file is missing or not a raster, or the bands do not exist.
    """
    rasterio = require_rasterio()
    for low, high in value_range or ():
        require(low < high, "value_range", listed((low, high)), "two numbers, the lower one first")
    # Such rasters are allowed. Not with catch_warnings, which other threads that read images would disturb.
    warnings.filterwarnings("ignore", category=rasterio.errors.NotGeoreferencedWarning)
    try:
        dataset = rasterio.open(path, driver=driver)
    except rasterio.errors.RasterioIOError as error:
        raise InputError(f"cannot read {path} as a raster: {error}; replace or remove the file") from error
    with dataset:
        if dataset.count == 0:
            raise InputError(f"{path} has no bands of its own; give one of its subdatasets")
        yield RasterReader(path, dataset, bands, value_range, fill)


def files_of_raster(path: Path) -> tuple[Path, ...]:
    """A raster, and the files that it is made of if it is a virtual one (VRT)."""
    if path.suffix.lower() != ".vrt" or not path.is_file():
        return (path,)
    return _files_of_virtual_raster(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _files_of_virtual_raster(path: Path, changed: int) -> tuple[Path, ...]:
    with open_raster(path, (1,)) as reader:
        sources = [Path(name) for name in reader.dataset.files]
    return (path, *(source for source in sources if source.is_file() and not source.samefile(path)))


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
