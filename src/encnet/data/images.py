"""Reads image files, photographs and label maps, upright and with errors that a user can act on."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from encnet.system.errors import InputError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
_GREY_16_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})


def open_image(path: str | Path, content: bytes | None = None) -> Image.Image:
    """The decoded image in the mode it is stored in, turned upright by its EXIF orientation.

    Args:
        path: the file.
        content: its bytes, if they were read already.

    Raises:
        InputError: there is no such file, or it cannot be decoded to its end.
    """
    try:
        with Image.open(path if content is None else io.BytesIO(content)) as image:
            image.load()
            ImageOps.exif_transpose(image, in_place=True)  # else it would copy an image that is upright already
            return image
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; restore it or correct the path") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path} has more pixels than Pillow considers safe; cut it into smaller images or set"
            " PIL.Image.MAX_IMAGE_PIXELS"
        ) from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"cannot read {path} as an image: it is in no format that Pillow knows; replace or remove the file"
        ) from error
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise InputError(f"cannot read {path} as an image: {error}; replace or remove the file") from error


def read_image(path: str | Path, content: bytes | None = None) -> Image.Image:
    """A photograph as an upright 8-bit RGB image; transparency is dropped, 16-bit grey is scaled to 8 bits.

    Args:
        path: the file.
        content: its bytes, if they were read already.

    Raises:
        InputError: the file is missing, damaged, or holds numbers that have no fixed range (32-bit integers or floats).
    """
    return as_photograph(open_image(path, content), str(path))


def as_photograph(image: Image.Image, name: str) -> Image.Image:
    """A decoded image as 8-bit RGB; transparency is dropped, 16-bit grey is scaled to 8 bits.

    Args:
        image: an image of any mode.
        name: name of the image, for the message.

    Raises:
        InputError: it holds numbers that have no fixed range (32-bit integers or floats).
    """
    if image.mode in _GREY_16_BIT:
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in {"I", "F"}:
        raise InputError(f"{name} holds 32-bit numbers, not a photograph; save it with 8 bits per channel")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns if a transparent palette is converted straight to RGB
    return image if image.mode == "RGB" else image.convert("RGB")  # convert() would copy an RGB image
