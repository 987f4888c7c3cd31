"""What the header of an image file says about its pixels: size, bands, number type, alpha, orientation, pages."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from encnet.data.unread import unreadable

_ORIENTATION = 0x0112
TIFF_SIGNATURES: tuple[bytes, ...] = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of TIFFs and BigTIFFs."""
_KINDS = {1: "uint", 2: "int", 3: "float", 5: "complex", 6: "complex"}  # of TIFF's tag SampleFormat
_CONVERTED = frozenset({"P", "PA", "CMYK", "YCbCr", "HSV", "LAB"})  # modes that Pillow converts to RGB
_NUMBERS = {"I;16": "uint16", "I;16L": "uint16", "I;16B": "uint16", "I;16N": "uint16", "I": "int32", "F": "float32"}
_TEXT_CHUNKS = frozenset({b"eXIf", b"tEXt", b"zTXt", b"iTXt"})  # chunks of a PNG that may contain EXIF


class ImageFacts(NamedTuple):
    """The pixels of an image file, by its header."""

    size: tuple[int, int]  #: (width, height) as stored, in pixels
    bands: int  #: number of bands without alpha; 3 for palette, CMYK and other modes that are converted to RGB
    dtype: str = "uint8"  #: type of the numbers: "uint8" (also for 1 to 7 bits), "uint16", "float32", ...
    mode: str = ""  #: Pillow's mode if Pillow reads these numbers completely, otherwise empty
    alpha: bool = False  #: whether a further band holds transparency
    orientation: int = 1  #: EXIF orientation, 1 to 8
    pages: int = 1  #: number of pages or frames; only the first is read
    nodata: float | None = None  #: value of pixels without data, in TIFFs that GDAL wrote
    tile: tuple[int, int] = (0, 0)  #: (width, height) of the tiles of a TIFF; (0, 0) without tiles

    @property
    def shown_size(self) -> tuple[int, int]:
        """(width, height) of the upright image, in pixels."""
        return (self.size[1], self.size[0]) if self.orientation >= 5 else self.size

    @property
    def is_photograph(self) -> bool:
        """Whether it is an 8-bit grey or RGB image, which needs no settings."""
        return self.bands in (1, 3) and self.dtype == "uint8"

    def __str__(self) -> str:
        return f"{self.bands} band{'s' * (self.bands > 1)} of {self.dtype}{' and alpha' * self.alpha}"


def describe_image(path: str | Path) -> ImageFacts:
    """The facts in the header of an image file; no pixel is decoded.

    Raises:
        InputError: there is no such file, or neither Pillow nor the header of a TIFF describes it.
    """
    try:
        with Path(path).open("rb") as file:
            return describe_content(file)
    except Exception as error:  # readers of damaged headers raise OSError, SyntaxError, ValueError, struct.error, ...
        raise unreadable(path, error) from error


def describe_content(file: BinaryIO) -> ImageFacts:
    """As :func:`describe_image`, for an open file or the content of one in memory.

    Raises:
        Exception: any that Pillow's readers of damaged headers raise.
    """
    first, pages = None, None
    if file.read(4) in TIFF_SIGNATURES:
        first, pages = _directories(file)
    file.seek(0)
    try:
        with Image.open(file) as image:
            facts = facts_of(image)
            if pages is not None:
                return facts._replace(pages=pages)
            orientation = _orientation_without_decoding(image, file)
            return facts._replace(orientation=orientation, pages=getattr(image, "n_frames", 1))
    except (Image.UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        if first is None:
            raise
        return _tiff_facts(first, "")._replace(pages=pages or 1)


def tiff_tags(path: str | Path) -> Mapping[int, Any]:
    """The tags of the first page of a TIFF, by number; empty if the file is no TIFF, is missing or damaged."""
    try:
        with Path(path).open("rb") as file:
            return dict(_directories(file)[0]) if file.read(4) in TIFF_SIGNATURES else {}
    except Exception:  # readers of damaged headers raise OSError, SyntaxError, ValueError, struct.error, ...
        return {}


def facts_of(image: Image.Image) -> ImageFacts:
    """The facts of an image that Pillow has opened and not decoded yet, except its pages.

    The orientation is that of TIFFs alone: the EXIF of other files can follow their pixels (:func:`orientation_of`).
    """
    tags = getattr(image, "tag_v2", None)
    if image.format == "TIFF" and tags is not None:
        return _tiff_facts(tags, image.mode)
    tiles = getattr(image, "tile", ())
    raw_mode = str(tiles[0][3]) if image.format == "PNG" and tiles else ""
    if raw_mode in ("RGB;16B", "RGBA;16B", "LA;16B"):
        # Pillow would drop the low byte of each number, and gives grey with alpha the mode RGBA.
        return ImageFacts(image.size, 1 if raw_mode.startswith("L") else 3, "uint16", alpha="A" in raw_mode)
    return mode_facts(image)


def mode_facts(image: Image.Image) -> ImageFacts:
    """The facts of an image in memory, by its mode."""
    bands = image.getbands()
    alpha = bands[-1] in ("A", "a") or (image.mode == "P" and "transparency" in image.info)
    count = 3 if image.mode in _CONVERTED else len(bands) - (bands[-1] in ("A", "a"))
    return ImageFacts(image.size, count, _NUMBERS.get(image.mode, "uint8"), image.mode, alpha)


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation of a decoded image, 1 to 8; 1 if there is none or it is not valid."""
    return _valid(image.getexif().get(_ORIENTATION))


def _valid(orientation: Any) -> int:
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _tiff_facts(tags: Mapping[int, Any], mode: str) -> ImageFacts:
    """The facts of a TIFF with the tags of its first page; ``mode`` is Pillow's, empty if it cannot open the file."""
    size = (int(tags[256]), int(tags[257]))
    samples = int(tags.get(277, 1))
    bits = max(tags.get(258, (1,)))
    kind = _KINDS.get(max(tags.get(339, (1,))), "uint")
    dtype = kind + str(next((width for width in (8, 16, 32, 64, 128) if bits <= width), bits))
    extra = tags.get(338, ())
    alpha = bool(extra) and extra[-1] in (1, 2)
    bands = samples - alpha
    complete = (
        dtype == "uint8" and Image.getmodebands(mode) == samples
        if mode and mode not in _NUMBERS
        else samples == 1 and dtype in (_NUMBERS.get(mode), "int16" if mode == "I" else None)
    )
    if complete and mode in _CONVERTED:
        bands = 3
    orientation, nodata = _valid(tags.get(_ORIENTATION)), _number(tags.get(42113))
    width, height = (tags.get(tag) for tag in (322, 323))
    tile = (width, height) if isinstance(width, int) and isinstance(height, int) else (0, 0)
    return ImageFacts(size, bands, dtype, mode if complete else "", alpha, orientation, nodata=nodata, tile=tile)


def _number(text: Any) -> float | None:
    """The number in GDAL's tag of the value without data; None if there is none, or it is nan."""
    try:
        number = float(str(text).strip("\0 "))
    except ValueError:
        return None
    return None if math.isnan(number) else number


def _directories(file: BinaryIO) -> tuple[ImageFileDirectory_v2, int]:
    """The tags of the first page of a TIFF, and the number of its pages without overviews and masks."""
    file.seek(0)
    header = file.read(8)
    header += file.read(8) if header[2:4] in (b"+\0", b"\0+") else b""  # BigTIFF
    first, pages, seen = None, 0, set()
    directory = ImageFileDirectory_v2(header)
    while directory.next and directory.next not in seen:
        seen.add(directory.next)
        file.seek(directory.next)
        directory.load(file)
        pages += not int(directory.get(254, 0)) & 0b101
        if first is None:
            first = ImageFileDirectory_v2(header)
            file.seek(next(iter(seen)))
            first.load(file)
    if first is None:
        raise ValueError("the TIFF has no page")
    return first, max(1, pages)


def _orientation_without_decoding(image: Image.Image, file: BinaryIO) -> int:
    """The EXIF orientation of an image that is not decoded yet; ``file`` is its open file."""
    if image.format != "PNG" or _has_text_after_pixels(file):
        return orientation_of(image)
    # PngImageFile.getexif would decode the image to look for EXIF after the pixels.
    return _valid(Image.Image.getexif(image).get(_ORIENTATION))


def _has_text_after_pixels(file: BinaryIO) -> bool:
    position, pixels = file.tell(), False
    try:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            pixels |= head[4:] == b"IDAT"
            if pixels and head[4:] in _TEXT_CHUNKS:
                return True
            file.seek(int.from_bytes(head[:4], "big") + 4, 1)
        return False
    finally:
        file.seek(position)
