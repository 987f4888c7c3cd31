"""Reads image files, photographs and label maps, upright and with errors that a user can act on."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps

from encnet.data.image_facts import ImageFacts, facts_of, mode_facts, orientation_of
from encnet.system.errors import InputError

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


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
            facts = facts_of(image)
            if facts.orientation >= 5 and hasattr(image, "filename"):
                image.filename = ""  # Pillow 12 reads TIFFs that it maps into memory as if they were not turned
            image.load()
            if image.format != "TIFF":  # Pillow turns TIFFs itself
                facts = facts._replace(orientation=orientation_of(image))
            ImageOps.exif_transpose(image, in_place=True)  # else it would copy an image that is upright already
            return image, facts
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; restore it or correct the path") from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path} has more pixels than Pillow considers safe; cut it into smaller images or set"
            " PIL.Image.MAX_IMAGE_PIXELS"
        ) from error
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise InputError(f"cannot read {path} as an image: {error}; replace or remove the file") from error


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
