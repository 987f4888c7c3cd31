"""Images that a program hands over in memory, as pixels for a network. Nothing here needs PyTorch."""

from __future__ import annotations

import numpy as np
from PIL import Image

from encnet.data.pixels import Pixels, as_pixels
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError


def pixels_in_memory(image: Image.Image | np.ndarray | object, source: ImageSource = PHOTOGRAPHS) -> Pixels:
    """A PIL image, or a uint8 array (H, W, C) with the bands that the network sees, as pixels.

    Of a PIL image, transparency is dropped, unless the source names its band. An EXIF orientation is not applied.

    Raises:
        InputError: another type, shape or number format.
    """
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != source.channels or image.size == 0:
            bands = "RGB" if source.channels == 3 else f"{source.channels} band{'s' * (source.channels > 1)}"
            raise InputError(
                f"the image array has shape {image.shape} and type {image.dtype};"
                f" give {bands} as uint8 with shape (height, width, {source.channels})"
            )
        return as_pixels(image)
    if not isinstance(image, Image.Image):
        raise InputError(f"an image is a path, a PIL image or a uint8 array, not {type(image).__name__}")
    try:
        image.load()  # Pillow decodes a file only now
        pixels = source.of_image(image, "the image")
    except OSError as error:
        raise InputError(f"the image cannot be decoded: {error}; replace its file") from error
    return image.copy() if pixels is image else pixels
