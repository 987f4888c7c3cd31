"""Reads image files, photographs and label maps, upright and with errors that a user can act on."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image, ImageOps

from encnet.data.image_facts import ImageFacts, describe_image, facts_of, mode_facts, orientation_of
from encnet.data.unread import unreadable
from encnet.system.errors import InputError

IMAGE_SUFFIXES: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".jp2"}
)
"""Suffixes of images that Pillow reads."""
GREY_BITS = "encnet_grey_bits"
"""Key of ``Image.info`` under which :func:`open_image` keeps :func:`grey_bits`."""

_PAGED = frozenset({"TIFF", "GIF"})  # formats of label maps with several pages or frames
_LOSSY_TIFF = frozenset({"jpeg", "tiff_jpeg"})  # Pillow's names of such compressions
_GREY_16_BIT = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})


def open_image(path: str | Path) -> Image.Image:
    """The decoded image in the mode it is stored in, turned upright by its EXIF orientation.

    Raises:
        InputError: there is no such file, or it cannot be decoded to its end.
    """
    return open_described(path)[0]


def open_described(path: str | Path) -> tuple[Image.Image, ImageFacts]:
    """As :func:`open_image`, with the facts of the file, except its number of pages.

    Raises:
        InputError: there is no such file, or it cannot be decoded to its end.
    """
    try:
        with Image.open(path) as image:
            bits = grey_bits(image)
            facts = facts_of(image)
            if facts.orientation >= 5 and hasattr(image, "filename"):
                image.filename = ""  # Pillow 12 reads TIFFs that it maps into memory as if they were not turned
            image.load()
            if image.format != "TIFF":  # Pillow turns TIFFs itself
                facts = facts._replace(orientation=orientation_of(image))
            image.info[GREY_BITS] = bits
            ImageOps.exif_transpose(image, in_place=True)  # else it would copy an image that is upright already
            return image, facts
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise unreadable(path, error) from error


def open_label_map(path: str | Path) -> Image.Image:
    """The decoded label map in the mode it is stored in, turned upright by its EXIF orientation.

    Raises:
        InputError: as :func:`open_image`; the file was compressed with losses, which changes labels at edges; it has
            16 bits per channel, of which Pillow would drop 8; or it has several pages, of which Pillow reads the first.
    """
    image, facts = open_described(path)
    if facts.dtype == "uint16" and not facts.mode:
        raise InputError(
            f"the label map {path} has {facts}, of which only the upper 8 bits of each number would be read; save it as"
            " a grey image of 8 or 16 bits, or with 8 bits per channel"
        )
    if _is_lossy(image, path):
        raise InputError(
            f"the label map {path} is a lossy {image.format}, whose compression has changed labels at the edges of"
            " areas; export the labels again as PNG"
        )
    if image.format in _PAGED and (pages := describe_image(path).pages) > 1:
        raise InputError(
            f"the label map {path} has {pages} pages, of which only the first would be read; save one page with all"
            " classes, or each class as a mask of its own (`labels: mask_per_class`)"
        )
    return image


def _is_lossy(image: Image.Image, path: str | Path) -> bool:
    """Whether an image of the file ``path`` was compressed with losses."""
    if image.format == "TIFF":
        return image.info.get("compression") in _LOSSY_TIFF
    return image.format == "JPEG" or (image.format == "WEBP" and not _is_lossless_webp(path))


def _is_lossless_webp(path: str | Path) -> bool:
    """Whether the first picture of a WebP file is stored losslessly, as the name of its chunk tells."""
    with Path(path).open("rb") as file:
        return b"VP8L" in file.read(4096)


def grey_bits(image: Image.Image) -> int | None:
    """The bits in which a file stores a grey level: 1, 2, 4, 8, 16 or 32; None for palettes and colours.

    Decoding hides it: Pillow scales greys of 2 and 4 bits to 0-255. Call it before the image is decoded.
    """
    if image.mode == "1":
        return 1
    if image.mode in _GREY_16_BIT:
        return 16
    if image.mode in ("I", "F"):
        return 32
    if image.mode not in ("L", "LA"):
        return None
    tiles = getattr(image, "tile", ())
    arguments = tiles[0][3] if tiles else None
    raw_mode = arguments[0] if isinstance(arguments, tuple) else arguments
    depth = re.fullmatch(r"L;([24])I?", raw_mode) if isinstance(raw_mode, str) else None
    return int(depth[1]) if depth else 8


def as_photograph(image: Image.Image, name: str) -> Image.Image:
    """A decoded image as 8-bit RGB; transparency is dropped.

    Args:
        image: an image of any mode.
        name: name of the image, for the message.

    Raises:
        InputError: its values are not 8-bit colours.
    """
    facts = mode_facts(image)
    if facts.dtype != "uint8":
        raise InputError(
            f"{name} holds {facts.dtype} numbers, not an 8-bit photograph; give their value_range, or save it with 8"
            " bits per channel",
            "value_range",
        )
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # Pillow warns if a transparent palette is converted straight to RGB
    return image if image.mode == "RGB" else image.convert("RGB")  # convert() would copy an RGB image
