"""Photographs to predict. Nothing here needs PyTorch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from encnet.data.pixels import resized
from encnet.data.sample_files import ImageFile, describe
from encnet.data.source import PHOTOGRAPHS, ImageSource

Shape = tuple[int, int, int]
"""Images, height, width."""


def photographs(paths: Sequence[ImageFile], shape: Shape, source: ImageSource = PHOTOGRAPHS) -> np.ndarray:
    """Photographs, resized: (images, height, width) -> (B, H, W, C), uint8; in turn, where there are fewer than that.

    Args:
        paths: the photographs.
        shape: images, height and width.
        source: how they are read.

    Raises:
        InputError: a file cannot be read as an image.
    """
    batch, height, width = shape
    chosen = (source.read(paths[i % len(paths)]).pixels for i in range(batch))
    return np.stack([np.asarray(resized(pixels, (width, height))) for pixels in chosen])


def most_common_size(paths: Sequence[ImageFile]) -> tuple[int, int]:
    """Height and width in pixels that most of the photographs have, upright; the first of several.

    Raises:
        InputError: a file cannot be read as an image.
    """
    sizes = Counter(describe(path).shown_size for path in paths)
    width, height = sizes.most_common(1)[0][0]
    return height, width
