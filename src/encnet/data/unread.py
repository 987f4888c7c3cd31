"""Files that are no photographs: pictures to convert first, videos; and the error for a picture that cannot be read."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from encnet.system.errors import InputError

_PICTURES = {".heic", ".heif", ".hif", ".avif", ".jxl", ".psd", ".xcf", ".svg", ".eps", ".pdf", ".exr", ".tga"}
_CAMERA_RAW = {".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".dng", ".raf", ".orf", ".rw2", ".pef", ".srw", ".x3f"}
UNREAD_SUFFIXES: frozenset[str] = frozenset(_PICTURES | _CAMERA_RAW)
"""Suffixes of pictures to convert first, because not every installation of Pillow reads them, or none does."""

VIDEO_SUFFIXES: frozenset[str] = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv"})
"""Suffixes of videos."""


def unreadable(path: str | Path, error: Exception) -> InputError:
    """The error for an image file that Pillow could not read.

    Args:
        path: the file.
        error: what Pillow raised.
    """
    if isinstance(error, FileNotFoundError):
        return InputError(f"there is no file {path}; restore it or correct the path")
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return InputError(
            f"{path} has more than {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels, too many for a photograph; cut it into"
            " smaller images, or read it in windows: for training by the key `rasters` of dataset.yaml, for prediction"
            " with `encnet predict --raster true`; both need the extra encnet[geo]"
        )
    if isinstance(error, IsADirectoryError):
        return InputError(f"{path} is a folder, not an image; give an image file in it")
    suffix = Path(path).suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return InputError(
            f"{path} is a video, not an image; give an image, or use `encnet predict`, which takes videos"
        )
    way_out = "convert it to JPEG or PNG" if suffix in UNREAD_SUFFIXES else "replace or remove the file"
    if suffix == ".jp2":  # Pillow does not read all of those that GDAL writes
        way_out = "if it is not damaged, convert it to TIFF or PNG, with `gdal_translate` for example"
    reason = "it has the form of none" if isinstance(error, UnidentifiedImageError) else str(error)
    return InputError(f"cannot read {path} as an image: {reason}; {way_out}")
