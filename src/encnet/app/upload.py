"""Reads images that visitors send, without trusting them."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps

from encnet.app.limits import TOO_LARGE, Limits, RefusedError
from encnet.data.image_facts import TIFF_SIGNATURES, describe_image, facts_of
from encnet.data.pixels import Pixels
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError

FORMATS: tuple[str, ...] = ("JPEG", "PNG", "WEBP", "BMP", "TIFF")
"""Formats that are decoded. Pillow's other decoders are not used; one of them starts a program."""

_NAME = "the image"
_DAMAGED = "the image is damaged; save it again, or send another"
_SCAN = b"\xff\xda"
_SCANS = 200
"""Largest number of scans of a JPEG. Progressive ones have about 10; each scan can cost a pass over all pixels."""


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
    if content.startswith(b"\xff\xd8") and content.count(_SCAN) > _SCANS:
        raise InputError("the JPEG stores its pixels in too many scans; save it again, or send another")
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            limits.check_pixels(*image.size)
            facts = facts_of(image)
            limits.check_values(facts)
            if not facts.mode:  # Pillow would read only a part of its numbers
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
        raise InputError(_DAMAGED) from error  # their messages can name files of the server
    return source.of_image(upright, _NAME)


def _by_file(content: bytes, limits: Limits, source: ImageSource) -> Pixels:
    """Decodes a TIFF or PNG of bands that only rasterio reads, in a temporary file."""
    with TemporaryDirectory(prefix="encnet-app-") as folder:
        path = Path(folder, "image")
        path.write_bytes(content)
        try:
            facts = describe_image(path)
            limits.check_pixels(*facts.size)
            limits.check_values(facts)
            return source.read(path).pixels
        except RefusedError:
            raise
        except InputError as error:
            sentence = str(error).replace(str(path), _NAME)
            raise InputError(_DAMAGED if folder in sentence else sentence, error.argument) from error
        except (TypeError, ValueError, ArithmeticError, MemoryError) as error:  # of facts that no image has
            raise InputError(_DAMAGED) from error
