"""Writes the label maps of rasters with their georeference, in strips, with rasterio."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from encnet.data.class_indices import ignore_of, is_wide, label_dtype
from encnet.data.palette import Color
from encnet.data.raster import RasterReader, require_rasterio

_BLOCK = 512  # side in pixels of the blocks in which a label map is stored


class LabelRaster:
    """Writes the label map of a raster: one band with the same georeference, class colours and class names.

    The file is a GeoTIFF in compressed blocks; for more than 255 classes it has 16 bits and no colours. Use the object
    as a context manager.

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
        self.nodata: int = ignore_of(len(names))
        self._path, self._source, self._names, self._palette = path, source.dataset, names, palette
        self._row, self._waiting = 0, np.empty((0, source.size[1]), label_dtype(len(names)))

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
        if not is_wide(len(self._names)):
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
        if kind is None:  # GDAL writes blocks and the directory as late as here, and does not raise its errors
            with require_rasterio().open(self._path) as written:
                for _, window in written.block_windows(1):
                    written.read(1, window=window)

    def _flush(self, rows: int) -> None:
        if rows > 0:
            window = ((self._row, self._row + rows), (0, self._waiting.shape[1]))
            self._target.write(self._waiting[:rows], 1, window=window)
            self._row, self._waiting = self._row + rows, self._waiting[rows:].copy()
