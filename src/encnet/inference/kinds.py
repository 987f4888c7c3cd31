"""Chooses the kind of prediction of a file: photograph, video or raster."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from PIL import Image, TiffImagePlugin

from encnet.data.unread import VIDEO_SUFFIXES
from encnet.inference.media.large_photographs import photograph_bands

RASTER_PIXELS: int = 89_478_485
"""A TIFF with more pixels is a raster; Pillow warns about images of this size."""
_GEOREFERENCE = frozenset({33550, 33922, 34264, 34735})  # TIFF tags: scale, tie points, transformation, geographic keys
_SUBFILE_TYPE = 254  # TIFF tag of a page
_OF_ANOTHER_PAGE = 1 | 4  # its bits for a smaller copy and for a mask

Kind = Literal["image", "video", "raster"]
"""Kinds of prediction."""


def kind_of(path: Path) -> Kind:
    """The kind of prediction of a file, by its suffix and its header.

    A TIFF is a raster if it is georeferenced, has more than :data:`RASTER_PIXELS` pixels, or has a format that Pillow
    cannot read, such as four bands or 16-bit colour. Another image is one if Pillow refuses it for its number of
    pixels, and rasterio is installed and reads it as a photograph.
    """
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    tiff = suffix in (".tif", ".tiff")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged tags, many pixels
            with Image.open(path) as image:
                if not tiff:
                    return "image"
                tags: dict[int, object] = dict(getattr(image, "tag_v2", {}))
                georeferenced = not _GEOREFERENCE.isdisjoint(tags)
                return "raster" if georeferenced or image.width * image.height > RASTER_PIXELS else "image"
    except Image.DecompressionBombError:
        return "raster" if tiff or photograph_bands(path) is not None else "image"
    except Exception:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error, ...
        return "raster" if tiff and _is_tiff(path) else "image"


def further_pages(path: Path) -> int:
    """The number of pages or frames of an image after the first, which alone is predicted; 0 if it cannot be read.

    Smaller copies and masks in a TIFF do not count, and neither do the previews that cameras add to a JPEG.
    """
    if path.suffix.lower() not in (".tif", ".tiff", ".gif", ".webp", ".png"):
        return 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                pages = getattr(image, "n_frames", 1)
                if not isinstance(image, TiffImagePlugin.TiffImageFile):
                    return pages - 1
                return sum(_is_whole_page(image, page) for page in range(1, pages))
    except Exception:  # as above; reading the image says why
        return 0


def _is_whole_page(image: TiffImagePlugin.TiffImageFile, page: int) -> bool:
    image.seek(page)
    return not int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & _OF_ANOTHER_PAGE


def _is_tiff(path: Path) -> bool:
    """Whether a file begins with the signature of a TIFF or a BigTIFF."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    except OSError:
        return False
