"""What a visitor sent -> an image. Nothing about it is trusted."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from encnet.app.limits import TOO_LARGE, Limits, RefusedError
from encnet.data.images import as_photograph
from encnet.errors import InputError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
"""What is decoded; other decoders of Pillow, one of which starts a program, are not asked."""


def decoded(content: bytes, limits: Limits) -> Image.Image:
    """The image that a file holds, upright, RGB; its pixels are counted before they are decoded.

    Args:
        content: the file.
        limits: on its size.

    Raises:
        RefusedError: the file or the image is too large.
        InputError: the file is empty, not an image, damaged, or holds numbers that have no fixed range.
    """
    limits.check_bytes(len(content))
    if not content:
        raise InputError("the file is empty; send an image")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            limits.check_pixels(*image.size)
            image.load()
            upright = ImageOps.exif_transpose(image)
    except InputError:
        raise
    except Image.UnidentifiedImageError as error:
        raise InputError(
            "the file is not an image that can be read; save it as JPEG, PNG, WebP, BMP or TIFF and send that"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise RefusedError(
            f"the image has more than {limits.max_megapixels:g} million pixels; make it smaller", TOO_LARGE
        ) from error
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise InputError(f"the image is damaged ({error}); save it again, or send another") from error
    return as_photograph(upright, "the image")


def uploaded(photograph: Mapping[str, Any], folder: Path, limits: Limits) -> bytes:
    """The file that the page names, from the folder of uploads.

    Args:
        photograph: what the page says of it, ``path`` above all. A program can send any path here.
        folder: where uploads lie; no other file is read.
        limits: on the size.

    Raises:
        RefusedError: the file is too large.
        InputError: it does not lie in the folder, or no longer does.
    """
    named = photograph.get("path")
    if isinstance(named, str) and "\0" not in named:
        path = Path(named).resolve()  # follows links, too
        if path.is_relative_to(folder.resolve()) and path.is_file():
            limits.check_bytes(path.stat().st_size)
            return path.read_bytes()
    raise InputError("the server does not have this photograph (any longer); upload it again")
