"""A raster of any size -> its label map with the same georeference, by window, with one context."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from encnet.disagreement import disagreement
from encnet.errors import InputError
from encnet.files import replacing, write_text
from encnet.inference.alignment import filled_reader, fitting_size
from encnet.inference.predictor import Predictor
from encnet.inference.protocol import TILE
from encnet.inference.raster_files import LabelRaster, RasterReader, open_raster, require_rasterio
from encnet.inference.segmentation import Segmentation

if TYPE_CHECKING:
    from encnet.inference.mosaic import Mosaic

OVERVIEW = 2048
"""Longest side of an overlay, in pixels: it is an overview of the raster."""


def predict_raster(
    predictor: Predictor,
    path: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    stem: str | None = None,
    *,
    bands: tuple[int, int, int] | None = None,
    value_range: tuple[float, float] | None = None,
    overlay: bool = True,
    opacity: float = 0.5,
    progress: Callable[[int, int], object] | None = None,
) -> list[Path]:
    """Predicts a raster of any size in tiles with one context, :class:`encnet.inference.mosaic.Mosaic`.

    The network sees it at the raster's own resolution, also where photographs are resized for it. Pixels without data
    are not predicted, and no context: in all three bands they have the mean colour for the network.

    It writes

    - ``<stem>_labels.tif``, :class:`encnet.inference.raster_files.LabelRaster`: georeferenced as the raster is;
    - ``<stem>.json``: presence of each class, shares of the pixels with data, bands, coordinate system;
    - ``<stem>_overlay.png``: an overview, up to :data:`OVERVIEW` pixels long.

    Args:
        predictor: in PyTorch, with the protocol plain, or tiled for the size of the tiles.
        path: of the raster, whatever rasterio reads.
        folder: is made if need be.
        stem: of the files' names; by default that of the raster.
        bands: as for :func:`encnet.inference.raster_files.open_raster`.
        value_range: as for :func:`encnet.inference.raster_files.open_raster`.
        overlay: whether to write the overlay.
        opacity: of the overlay's colours, 0-1.
        progress: is told how many tiles are done in both passes, and of how many.

    Returns:
        The files written.

    Raises:
        InputError: rasterio is not installed, the raster cannot be read as asked for, it has no pixel with data, the
            files cannot be written, or the predictor is of another engine or protocol.
    """
    engine = predictor.require_pytorch("a raster takes", "give --raster false, if it is small and a photograph")
    from encnet.inference.mosaic import Mosaic

    protocol = predictor.protocol
    if not protocol.single_pass and protocol.mode != "tiled":
        raise InputError(f"a raster takes the protocol plain or tiled, not {protocol.name}")
    if not 0 <= opacity <= 1:
        raise InputError(f"the opacity is {opacity}; it must be from 0 to 1")
    path, folder = Path(path), Path(folder)
    stem = stem or path.stem
    target = folder / f"{stem}_labels.tif"
    if path.resolve() == target.resolve():
        raise InputError(f"the label map would take the place of {path} itself; give another folder as --out")
    mean = [round(255 * value) for value in predictor.description.info.mean]
    written = [target, folder / f"{stem}.json"]
    with ExitStack() as stack:
        raster = stack.enter_context(open_raster(path, bands, value_range, mean))
        tile = protocol.crop if protocol.mode == "tiled" and protocol.crop is not None else TILE
        fitting = raster.size
        if protocol.fill:
            fitting = fitting_size(raster.size, predictor.description.info, predictor.description.align_corners)
        mosaic = Mosaic(engine, fitting, tile, protocol.margin)
        temporary = stack.enter_context(replacing(target))
        presence, pixels = _write_labels(temporary, mosaic, raster, predictor, progress)
        if not pixels.any():
            raise InputError(f"{path} has no pixel with data in bands {raster.bands}; give other bands")
        if overlay:
            written.append(folder / f"{stem}_overlay.png")
            with replacing(written[-1]) as picture:
                _overview(raster, temporary, predictor, presence).overlay(opacity).save(picture)
        report = _report(raster, predictor.names, presence, pixels)
        write_text(written[1], json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return written


def _write_labels(
    path: Path,
    mosaic: Mosaic,
    raster: RasterReader,
    predictor: Predictor,
    progress: Callable[[int, int], object] | None,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Runs the mosaic; presence of the classes, and pixels of each."""
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, 2 * mosaic.tiles)

    presence, bands = mosaic.run(filled_reader(raster, raster.size), advance=advance)
    pixels, row = np.zeros(len(predictor.names), np.int64), 0
    with LabelRaster(path, raster, predictor.names, predictor.palette) as target:
        for whole in mosaic.strips(bands, mosaic.size):
            strip = whole[: raster.size[0] - row, : raster.size[1]]
            if len(strip) == 0:  # nothing but filled rows
                continue
            valid = raster.valid(((row, row + len(strip)), (0, raster.size[1])))
            row += len(strip)
            pixels += np.bincount(strip.ravel() if valid is None else strip[valid], minlength=len(pixels))
            target.write(strip if valid is None else np.where(valid, strip, target.nodata))
    return None if presence is None else presence[0].cpu().numpy(), pixels


def _overview(raster: RasterReader, labels: Path, predictor: Predictor, presence: np.ndarray | None) -> Segmentation:
    """Raster and labels, made smaller."""
    rasterio = require_rasterio()
    scale = min(1, OVERVIEW / max(raster.size))
    height, width = (max(1, round(side * scale)) for side in raster.size)
    pixels = raster.read(out_shape=(3, height, width)).pixels
    with rasterio.open(labels) as dataset:
        smaller = dataset.read(1, out_shape=(height, width))
    return Segmentation(smaller, presence, predictor.names, predictor.palette, Image.fromarray(pixels), raster.path)


def _report(
    raster: RasterReader, names: Sequence[str], presence: np.ndarray | None, pixels: np.ndarray
) -> dict[str, Any]:
    """What is known of the whole raster, as JSON types; the keys are those of :meth:`Segmentation.to_dict`."""
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
        "pixels_with_data": int(pixels.sum()),
        "bands": list(raster.bands),
        "crs": None if crs is None else crs.to_string(),
    }


def _falling(names: Sequence[str], values: np.ndarray, listed: np.ndarray | None = None) -> dict[str, float]:
    order = (int(i) for i in np.argsort(-values, kind="stable") if listed is None or listed[i])
    return {names[i]: round(float(values[i]), 6) for i in order}
