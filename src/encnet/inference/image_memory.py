"""Sizes of images that no memory holds are refused before any of it is asked for."""

from __future__ import annotations

from encnet.system.errors import InputError
from encnet.system.memory import free_memory, return_freed_memory

_IN_NETWORK = 250
"""Bytes that a pixel of an image takes that a network sees as a whole: as in encnet_lite0 (docs/performance.md)."""
_OUTSIDE = 24
"""Bytes that a pixel takes of an image that a network sees window by window: its numbers, and those before scaling."""
_PER_SCORE = 8
"""Bytes that a pixel takes per class where scores are resized to the image: the scores, and what is made of them."""
_RESERVE = 0.1
"""Part of the free memory that is not taken, for everything else that the process and others do."""
_SMALL = 4 * 10**6


def require_image_fits(
    height: int,
    width: int,
    argument: str,
    images: int = 1,
    classes: int = 0,
    whole: bool = True,
    fewer: bool = False,
) -> None:
    """Refuses to resize images to a size that needs more memory than is free.

    Args:
        height: rows of the resized images.
        width: columns of the resized images.
        argument: name of the argument that asks for the size.
        images: number of images of this size that are in memory together.
        classes: number of class scores per pixel, where they are resized to the size of the images.
        whole: whether the network sees an image as a whole; if not, its features need no memory to speak of.
        fewer: whether fewer images are a way out.

    Raises:
        InputError: they do not fit.
    """
    pixels = images * height * width
    if pixels <= _SMALL:
        return
    need = pixels * ((_IN_NETWORK if whole else _OUTSIDE) + classes * _PER_SCORE)
    free = free_memory()
    if free is not None and need > free * (1 - _RESERVE):
        return_freed_memory()  # what the image before took may still count as taken
        free = free_memory()
    if free is not None and need > free * (1 - _RESERVE):
        fitting = free * (1 - _RESERVE) / need
        most, side = int(images * fitting), int(max(height, width) * fitting**0.5)
        together = f"{images} images" if images > 1 else "an image"
        raise InputError(
            f"{argument} asks for {together} of {height} x {width} pixels, about {need / 1e9:.3g} GB of memory, and"
            f" {free / 1e9:.3g} GB are free; "
            + (f"{most} of them would fit" if fewer and most else f"a long side of less than {side} would fit"),
            argument,
        )
