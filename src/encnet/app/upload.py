"""Reads images that visitors send, without trusting them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageOps

from encnet.app.limits import TOO_LARGE, Limits, RefusedError
from encnet.data.image_facts import TIFF_SIGNATURES, describe_image, facts_of
from encnet.data.pixels import Pixels
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
"""Formats that are decoded. Pillow's other decoders are not used; one of them starts a program."""

_NAME = "the image"


def decoded(content: bytes, limits: Limits, source: ImageSource = PHOTOGRAPHS) -> Pixels:
    """Decodes an image file to upright pixels, after a check of its size.

    Args:
        content: the bytes of the file.
        limits: limits on bytes and pixels.
        source: the bands and the range of values that the network sees.

    Raises:
        RefusedError: the file or the image is too large.
        InputError: the file is empty, not an image, damaged, or has other bands or numbers.
    """
    limits.check_bytes(len(content))
    if not content:
        raise InputError("the file is empty; send an image")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            limits.check_pixels(*image.size)
            if not facts_of(image).mode:  # Pillow would read only a part of its numbers
                return _by_file(content, limits, source)
            image.load()
            upright = ImageOps.exif_transpose(image)
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        if content.startswith(TIFF_SIGNATURES):
            return _by_file(content, limits, source)
        raise InputError(
            "the file is not an image that can be read; save it as JPEG, PNG, WebP, BMP or TIFF"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedError(
            f"the image has more than {limits.max_megapixels:g} million pixels; make it smaller", TOO_LARGE
        ) from error
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise InputError(f"the image is damaged ({error}); save it again, or send another") from error
    return source.of_image(upright, _NAME)


def _by_file(content: bytes, limits: Limits, source: ImageSource) -> Pixels:
    """Decodes a TIFF or PNG of bands that only rasterio reads, in a temporary file."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "image")
        path.write_bytes(content)
        try:
            limits.check_pixels(*describe_image(path).size)
            return source.read(path).pixels
        except RefusedError:
            raise
        except InputError as error:
            raise InputError(str(error).replace(str(path), _NAME), error.argument) from error


def uploaded(photograph: Mapping[str, Any], folder: Path, limits: Limits) -> bytes:
    """Reads the uploaded file that the page names.

    Args:
        photograph: the page's description of it, with its ``path``. A program can send any path here.
        folder: folder of uploads; no other file is read.
        limits: limit on bytes.

    Raises:
        RefusedError: the file is too large.
        InputError: the folder has no such file.
    """
    name = photograph.get("path")
    if isinstance(name, str) and "\0" not in name:
        path = Path(name).resolve()  # follows links too
        if path.is_relative_to(folder.resolve()) and path.is_file():
            limits.check_bytes(path.stat().st_size)
            return path.read_bytes()
    raise InputError("the server does not have this photograph any more; upload it again")
