"""Photographs to predict. Nothing here needs PyTorch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from encnet.data.source import read_image

Shape = tuple[int, int, int]
"""Images, height, width."""


def photographs(paths: Sequence[Path], shape: Shape) -> np.ndarray:
    """Photographs, resized: (images, height, width) -> (B, H, W, 3), uint8; in turn, where there are fewer than that.

    Raises:
        InputError: a file cannot be read as an image.
    """
    batch, height, width = shape
    chosen = (read_image(paths[i % len(paths)]) for i in range(batch))
    return np.stack([np.asarray(image.resize((width, height), Image.Resampling.BICUBIC)) for image in chosen])


def most_common_size(paths: Sequence[Path]) -> tuple[int, int]:
    """Height and width in pixels that most of the photographs have; the first of several.

    Raises:
        InputError: a file cannot be read as an image.
    """
    sizes = Counter(read_image(path).size for path in paths)
    width, height = sizes.most_common(1)[0][0]
    return height, width
