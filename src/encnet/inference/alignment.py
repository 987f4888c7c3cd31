"""Images filled up to a size that fits the network's strides, so that class scores lie where their pixels are.

A map at stride 8 of an image 475 pixels wide has 60 columns, which stand for 480 pixels. Whoever stretches them over
475 moves every score a little, up to 5 pixels at the right border, and the maps of several strides in the network
against each other. Filled up to 480 pixels, with copies of the last column, the image has as many columns of features
as before, or where strides differ hardly more, so that the context encoding sums over the same places.
"""

from __future__ import annotations

import numpy as np

from encnet.inference.grid import Read, Window
from encnet.model.info import ModelInfo


def fitting_size(size: tuple[int, ...], info: ModelInfo, align_corners: bool) -> tuple[int, int]:
    """The least height and width, in pixels, that fit a network's strides and are not below ``size``.

    They are multiples of its coarsest stride. A network with ``align_corners`` learned to stretch its scores from the
    first pixel to the last, at crops that seldom fit it: its images stay as they are.
    """
    multiple = 1 if align_corners else info.coarsest_stride
    height, width = (-(-side // multiple) * multiple for side in size)
    return height, width


def filled(images: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Images (B, H, W, 3) brought to a size that is not smaller, by copies of their last row and column."""
    below, beside = size[0] - images.shape[1], size[1] - images.shape[2]
    if (below, beside) == (0, 0):
        return images
    return np.pad(images, ((0, 0), (0, below), (0, beside), (0, 0)), mode="edge")


def filled_reader(read: Read, size: tuple[int, int]) -> Read:
    """What a :class:`encnet.inference.mosaic.Mosaic` reads of a filled image, where ``read`` has the image.

    Args:
        read: gives windows of the image.
        size: height and width of the image.
    """

    def reader(rows: slice, columns: slice) -> Window:
        inside = slice(rows.start, min(rows.stop, size[0])), slice(columns.start, min(columns.stop, size[1]))
        pixels, valid = read(*inside)
        full = rows.stop - rows.start, columns.stop - columns.start
        if valid is not None:
            valid = filled(valid[None, :, :, None], full)[0, :, :, 0]
        return Window(filled(pixels[None], full)[0], valid)

    return reader


def covered_size(size: tuple[int, ...], seen: tuple[int, ...], fitting: tuple[int, ...]) -> tuple[int, int]:
    """Over which height and width the class scores of a filled image extend, in pixels of the result.

    Args:
        size: height and width of the result.
        seen: those at which the network was to see the image; other than ``size`` where images are resized for it.
        fitting: those to which it was filled up.
    """
    height, width = (round(own * full / part) for own, full, part in zip(size, fitting, seen, strict=True))
    return height, width
