"""Predicts a raster of any size, window by window with one context, into a label map with the same georeference."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from encnet.data.pixels import ValueRange, as_pixels, picture
from encnet.data.raster import RasterReader, listed, open_raster, require_rasterio
from encnet.data.source import ImageSource
from encnet.inference.media.raster_files import LabelRaster
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import TILE
from encnet.inference.protocols.tile_grid import filled_reader
from encnet.inference.protocols.tiles import BlendedTiles, on_host
from encnet.inference.segmentation import Segmentation, class_indices
from encnet.metrics.disagreement import disagreement
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import encoded, replacing_together
from encnet.system.outputs import check_outputs

OVERVIEW: int = 2048
"""Longest side of an overlay in pixels; the overlay is an overview of the raster."""


def predict_raster(
    predictor: Predictor,
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    stem: str | None = None,
    *,
    bands: tuple[int, ...] | None = None,
    value_range: ValueRange | tuple[float, float] | None = None,
    overlay: bool = True,
    opacity: float = 0.5,
    overwrite: bool = False,
    clear: Sequence[str] = (),
    progress: Callable[[int, int], object] | None = None,
) -> list[Path]:
    """Predicts a raster of any size in tiles: in PyTorch with one shared context, in other engines each with its own.

    The network sees the raster at its own resolution, even if photographs are resized for the network. Pixels without
    data are not labelled and do not count as context; the network sees the mean colour in their place.

    Writes:

    - ``<stem>_labels.tif``: the label map with the raster's georeference; see
      :class:`encnet.inference.media.raster_files.LabelRaster`;
    - ``<stem>.json``: presence of each class, shares of the pixels with data, numbers of pixels and the area of one,
      bands, coordinate system, whether tiles share one context, and the predictor's threshold if it has one;
    - ``<stem>_overlay.png``: an overview, at most :data:`OVERVIEW` pixels long.

    Args:
        predictor: a predictor with the protocol plain; or tiled, to choose the size of the tiles.
        path: the raster, in any format that rasterio reads.
        folder: folder for the results; it is created if needed.
        stem: stem of the names of the results; None takes that of the raster.
        bands: numbers, from 1, of the bands that the network sees; None takes those that it was trained on. For a model
            of RGB photographs these are the bands that the file declares as red, green and blue, or else the first
            three.
        value_range: the values that become 0 and 255, one pair or one per band; None takes those of the training. 8-bit
            bands need none.
        overlay: whether to write the overlay.
        opacity: opacity of the overlay's colours, 0-1.
        overwrite: whether to replace files that encnet did not write, or that were changed since.
        clear: names of classes that the overlay leaves without colour.
        progress: called with the number of tiles done and their total, counted over all passes.

    Returns:
        The files written.

    Raises:
        InputError: rasterio is not installed, the raster cannot be read with these arguments, no pixel has data, the
            results cannot be written or would replace the raster or a file that encnet did not write, or the predictor
            has another protocol.
    """
    protocol = predictor.protocol
    if not protocol.single_pass and protocol.mode != "tiled":
        raise InputError(f"a raster takes the protocol plain or tiled, not {protocol.describe()}", "protocol")
    require(0 <= opacity <= 1, "opacity", opacity, "from 0 to 1")
    class_indices(clear, predictor.names)
    path = Path(path)
    written = result_files(folder, stem or path.stem, overlay)
    check_outputs(written, [path], overwrite, "folder")
    preprocessing = predictor.preprocessing.reading(ImageSource(bands, value_range))  # pyright: ignore[reportArgumentType]
    source = preprocessing.source
    with ExitStack() as stack:
        raster = stack.enter_context(open_raster(path, source.bands, source.value_range, preprocessing.fill))
        tile = protocol.crop if protocol.mode == "tiled" and protocol.crop is not None else TILE
        filling = predictor.preprocessing.filling(raster.size, raster.size)
        tiles = _tiles(predictor, filling.size, tile)
        temporaries = stack.enter_context(replacing_together(written))
        presence, pixels = _write_labels(temporaries[0], tiles, raster, predictor, progress)
        if not pixels.any():
            raise InputError(
                f"{path} has no pixel with data in bands {listed(raster.bands)}; give other bands", "bands"
            )
        if overlay:
            _overview(raster, temporaries[0], predictor, presence).overlay(opacity, clear).save(temporaries[2])
        report = _report(raster, predictor.names, presence, pixels)
        report["shared_context"] = tiles.passes == 2
        if predictor.threshold is not None:
            report["threshold"] = predictor.threshold
        temporaries[1].write_bytes(encoded(json.dumps(report, indent=2, ensure_ascii=False) + "\n"))
    return written


def result_files(folder: str | os.PathLike[str], stem: str, overlay: bool = True) -> list[Path]:
    """The files that :func:`predict_raster` writes: label map, JSON, and overlay if any."""
    endings = ("_labels.tif", ".json", *(["_overlay.png"] if overlay else []))
    return [Path(folder, f"{stem}{ending}") for ending in endings]


def _tiles(predictor: Predictor, size: tuple[int, int], tile: tuple[int, int]) -> BlendedTiles:
    """Tiles with one context where the network can be run in parts, and with their own in other engines."""
    margin = predictor.protocol.margin
    if predictor.engine.name in ("pytorch", "compile"):
        from encnet.inference.protocols.shared_context import SharedContextTiles

        return SharedContextTiles(predictor.require_pytorch("a shared context takes"), size, tile, margin)
    from encnet.inference.protocols.own_context import OwnContextTiles

    return OwnContextTiles(predictor.engine, size, tile, margin)


def _write_labels(
    path: Path,
    tiles: BlendedTiles,
    raster: RasterReader,
    predictor: Predictor,
    progress: Callable[[int, int], object] | None,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Labels the tiles and writes the label map; returns presence (classes,) and the number of pixels (classes,)."""
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, tiles.passes * tiles.count)

    presence, bands = tiles.run(filled_reader(raster, raster.size), advance=advance)
    pixels, row = np.zeros(len(predictor.names), np.int64), 0
    with LabelRaster(path, raster, predictor.names, predictor.palette) as target:
        for whole in tiles.strips(bands, tiles.size):
            strip = whole[: raster.size[0] - row, : raster.size[1]]
            if len(strip) == 0:  # only rows of the filling
                continue
            valid = raster.valid(((row, row + len(strip)), (0, raster.size[1])))
            row += len(strip)
            pixels += np.bincount(strip.ravel() if valid is None else strip[valid], minlength=len(pixels))
            target.write(strip if valid is None else np.where(valid, strip, target.nodata))
    return None if presence is None else on_host(presence[0]), pixels


def _overview(raster: RasterReader, labels: Path, predictor: Predictor, presence: np.ndarray | None) -> Segmentation:
    """Raster and labels at the size of the overview."""
    rasterio = require_rasterio()
    scale = min(1, OVERVIEW / max(raster.size))
    height, width = (max(1, round(side * scale)) for side in raster.size)
    pixels = picture(as_pixels(raster.read(out_shape=(height, width)).pixels))
    with rasterio.open(labels) as dataset:
        overview = dataset.read(1, out_shape=(height, width))
    return Segmentation(overview, presence, predictor.names, predictor.palette, pixels, raster.path)


def _report(
    raster: RasterReader, names: Sequence[str], presence: np.ndarray | None, pixels: np.ndarray
) -> dict[str, Any]:
    """The prediction of the whole raster as JSON types, with the keys of :meth:`Segmentation.to_dict` and more."""
    shares = pixels / pixels.sum()
    height, width = raster.size
    crs = raster.dataset.crs or raster.dataset.gcps[1]
    return {
        "file": str(raster.path),
        "width": width,
        "height": height,
        "presence": None if presence is None else _falling(names, presence),
        "shares": _falling(names, shares, pixels > 0),
        "disagreement": None if presence is None else round(disagreement(shares, presence).score, 6),
        "pixels": {name: int(number) for name, number in zip(names, pixels, strict=True) if number},
        "pixels_with_data": int(pixels.sum()),
        "square_metres_per_pixel": _pixel_area(raster),
        "bands": list(raster.bands),
        "crs": None if crs is None else crs.to_string(),
    }


def _pixel_area(raster: RasterReader) -> float | None:
    """The area of a pixel in square metres, in the projection of the raster; None if its coordinates are angles."""
    crs, transform = raster.dataset.crs, raster.dataset.transform
    if crs is None or not crs.is_projected:
        return None
    metres = crs.linear_units_factor[1]
    return abs(transform.determinant) * metres**2


def _falling(names: Sequence[str], values: np.ndarray, selected: np.ndarray | None = None) -> dict[str, float]:
    """The selected classes and their values, highest first."""
    order = (int(i) for i in np.argsort(-values, kind="stable") if selected is None or selected[i])
    return {names[i]: round(float(values[i]), 6) for i in order}
