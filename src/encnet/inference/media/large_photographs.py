"""Photographs of more pixels than Pillow reads: rasterio reads them window by window."""

from __future__ import annotations

import warnings
from pathlib import Path

from encnet.data.raster import require_rasterio
from encnet.system.errors import InputError

_BANDS: dict[tuple[str, ...], tuple[int, int, int]] = {
    ("red", "green", "blue"): (1, 2, 3),
    ("red", "green", "blue", "alpha"): (1, 2, 3),
    ("gray",): (1, 1, 1),
    ("gray", "alpha"): (1, 1, 1),
}
"""Meaning of a photograph's bands -> the bands that the network sees as red, green and blue."""


def photograph_bands(path: Path) -> tuple[int, int, int] | None:
    """The bands of a file that rasterio reads as Pillow would read the photograph: 8-bit, grey or colour, upright.

    Returns:
        The bands for red, green and blue; None if rasterio is not installed or the file is something else.
    """
    try:
        rasterio = require_rasterio()
    except InputError:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            with rasterio.open(path) as dataset:
                if set(dataset.dtypes) != {"uint8"} or dataset.tags().get("EXIF_Orientation", "1") != "1":
                    return None
                return _BANDS.get(tuple(color.name for color in dataset.colorinterp))
        except rasterio.errors.RasterioIOError:
            return None
