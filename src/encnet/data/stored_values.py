"""The values of the bands of an image file as they are stored: by Pillow where it reads them all, else by rasterio."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from encnet.data.image_facts import ImageFacts
from encnet.data.images import open_described
from encnet.data.pixels import UPRIGHT
from encnet.data.raster import listed, open_raster
from encnet.system.errors import InputError

PERCENTILES: tuple[float, float] = (0.5, 99.5)
"""The percentiles of a file's values that a message proposes as its range."""


class StoredValues(NamedTuple):
    """The values of the bands of a file, upright and not scaled."""

    values: np.ndarray  #: (H, W, C) in the type of the file
    valid: np.ndarray | None  #: bool (H, W), the pixels with data; None if all of them have data
    facts: ImageFacts


def stored_values(path: str | Path, bands: Sequence[int], facts: ImageFacts) -> StoredValues:
    """Reads bands of a file.

    Args:
        path: the file.
        bands: numbers of the bands, from 1; an alpha band counts as the last band.
        facts: what the header of the file says.

    Raises:
        InputError: the file does not have the bands, is damaged, or needs rasterio, which is not installed.
    """
    total = facts.bands + facts.alpha
    if max(bands) > total:
        raise InputError(f"bands is {listed(bands)}, but {path} has the bands 1 to {total}", "bands")
    if facts.dtype.startswith("complex"):
        raise InputError(f"{path} has {facts}, which are no colours; save their real part or their magnitude")
    if facts.mode:
        return _by_pillow(path, bands)
    try:
        # Files of other drivers, such as VRT, can refer to any file or address.
        with open_raster(Path(path), bands, driver="PNG" if _is_png(path) else "GTiff") as raster:
            values, valid = raster.values()
    except InputError as error:
        raise InputError(f"{path} has {facts}: {error}", error.argument) from error
    upright = UPRIGHT[facts.orientation]
    return StoredValues(upright(values), None if valid is None or valid.all() else upright(valid), facts)


def _by_pillow(path: str | Path, bands: Sequence[int]) -> StoredValues:
    image, facts = open_described(path)
    array = array_of(image)
    values = array[..., [band - 1 for band in bands]]
    valid: np.ndarray | None = None
    if facts.alpha and facts.bands + 1 not in bands:
        valid = array[..., -1] > 0
    if values.dtype.kind == "f" or facts.nodata is not None:
        valued = np.asarray(np.isfinite(values).all(axis=2))
        if facts.nodata is not None:
            valued &= (values != facts.nodata).all(axis=2)
        valid = valued if valid is None else valued & valid
    return StoredValues(values, None if valid is None or valid.all() else valid, facts)


def array_of(image: Image.Image) -> np.ndarray:
    """The values of a decoded image, (H, W, C), with alpha as the last band; palettes and CMYK as RGB."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in ("P", "CMYK", "YCbCr", "HSV"):
        image = image.convert("RGB")
    array = np.asarray(image)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return array[..., None] if array.ndim == 2 else array


def _is_png(path: str | Path) -> bool:
    with Path(path).open("rb") as file:
        return file.read(4) == b"\x89PNG"


def proposed_range(values: np.ndarray) -> tuple[float, float]:
    """The percentiles :data:`PERCENTILES` of values; integers for integers, and never an empty range."""
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, PERCENTILES) if finite.size else (0.0, 1.0)
    if values.dtype.kind in "ui":
        low, high = np.floor(low), np.ceil(high)
    return float(low), float(high) if f"{low:.6g}" != f"{high:.6g}" else float(low) + 1
