"""Chooses the kind of prediction of a file: photograph, video or raster."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from PIL import Image

from encnet.data.image_facts import TIFF_SIGNATURES, ImageFacts, describe_image
from encnet.data.raster import open_raster
from encnet.data.source import ImageSource
from encnet.data.unread import VIDEO_SUFFIXES
from encnet.inference.media.large_photographs import photograph_bands
from encnet.system.errors import InputError

RASTER_PIXELS: int = 89_478_485
"""A TIFF with more pixels is a raster; Pillow warns about images of this size."""
_GEOREFERENCE = frozenset({33550, 33922, 34264, 34735})  # TIFF tags: scale, tie points, transformation, geographic keys
_WORLD_FILES = (".tfw", ".TFW", ".tifw", ".tiffw", ".wld")

Kind = Literal["image", "video", "raster"]
"""Kinds of prediction."""


def kind_of(path: Path, source: Callable[[], ImageSource] | None = None) -> Kind:
    """The kind of prediction of a file, by its suffix and its header.

    A TIFF is a raster if it is georeferenced, also by a file beside it, or has more than :data:`RASTER_PIXELS` pixels.
    If Pillow cannot read it, because it has four bands or 16-bit colour for example, it is a raster too, unless the
    model's source reads it.
    Another image is a raster if Pillow refuses it for its number of pixels, and rasterio is installed and reads it as a
    photograph.

    Args:
        path: the file.
        source: returns how the model reads photographs; called only if that matters. None reads what Pillow reads.

    Raises:
        InputError: raised by ``source``.
    """
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    tiff = suffix in (".tif", ".tiff")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about damaged tags, many pixels
            with Image.open(path) as image:
                if not tiff:
                    return "image"
                tags: dict[int, object] = dict(getattr(image, "tag_v2", {}))
                georeferenced = not _GEOREFERENCE.isdisjoint(tags) or _has_placing_file(path)
                return "raster" if georeferenced or image.width * image.height > RASTER_PIXELS else "image"
    except Image.DecompressionBombError:
        return "raster" if tiff or photograph_bands(path) is not None else "image"
    except Exception:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error, ...
        if not (tiff and _is_tiff(path)):
            return "image"
        return "image" if source is not None and _is_moderate(path) and _reads(source(), path) else "raster"


def further_pages(path: Path) -> int:
    """The number of pages or frames of an image after the first, which alone is predicted; 0 if it cannot be read.

    Smaller copies and masks in a TIFF do not count, and neither do the previews that cameras add to a JPEG.
    """
    if path.suffix.lower() not in (".tif", ".tiff", ".gif", ".webp", ".png"):
        return 0
    try:
        return _described(path).pages - 1
    except InputError:  # reading the image says why
        return 0


def _described(path: Path) -> ImageFacts:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        return describe_image(path)


def _has_placing_file(path: Path) -> bool:
    """Whether a file beside a TIFF places it: a world file, or GDAL's metadata with a transformation."""
    if any(path.with_suffix(suffix).is_file() for suffix in _WORLD_FILES):
        return True
    try:
        return b"<GeoTransform>" in Path(f"{path}.aux.xml").read_bytes()
    except OSError:
        return False


def _is_moderate(path: Path) -> bool:
    """Whether a TIFF is neither georeferenced, also by a file beside it, nor very large; False without rasterio."""
    try:
        with open_raster(path, (1,), driver="GTiff") as raster:
            dataset = raster.dataset
            georeferenced = dataset.crs or dataset.gcps[0] or dataset.rpcs or not dataset.transform.is_identity
            return not georeferenced and dataset.width * dataset.height <= RASTER_PIXELS
    except InputError:
        return False


def _reads(source: ImageSource, path: Path) -> bool:
    """Whether a source reads a file with these bands and numbers."""
    try:
        facts = _described(path)
    except InputError:
        return False
    has_bands = facts.bands in (1, 3) if source.bands is None else max(source.bands) <= facts.bands + facts.alpha
    if facts.dtype == "uint8":
        return has_bands and all(high <= 255 for _, high in source.value_range or ())
    return has_bands and source.value_range is not None and not facts.dtype.startswith("complex")


def _is_tiff(path: Path) -> bool:
    """Whether a file begins with the signature of a TIFF or a BigTIFF."""
    try:
        with path.open("rb") as file:
            return file.read(4) in TIFF_SIGNATURES
    except OSError:
        return False
