"""A label map as an image to save: a palette image for up to 255 classes, grey levels of 16 bits for more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from encnet.data.palette import Color


def label_image(labels: np.ndarray, palette: Sequence[Color]) -> Image.Image:
    """A label map as a Pillow image whose values are class indices.

    Args:
        labels: (H, W) uint8, or uint16 with more than 255 classes.
        palette: RGB colour of each class.

    Returns:
        an image of mode P, whose colours are class colours and black for all other values; or one of mode I;16, which
        has no colours, for uint16. Both are saved as PNG without loss.

    Raises:
        TypeError: the label map has another type.
    """
    if labels.dtype == np.uint16:
        return Image.fromarray(labels)
    if labels.dtype != np.uint8:
        raise TypeError(f"a label map is uint8 or uint16, not {labels.dtype}")
    image = Image.fromarray(labels)
    colors = [*palette, *[(0, 0, 0)] * (256 - len(palette))]  # all 256, otherwise Pillow packs several values in a byte
    image.putpalette([channel for color in colors for channel in color])
    return image
