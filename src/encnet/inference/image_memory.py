"""Sizes of images that no memory holds are refused before any of it is asked for."""

from __future__ import annotations

from encnet.system.errors import InputError
from encnet.system.memory import free_memory

_PER_PIXEL = 16
"""Bytes that a pixel takes at least: three of the image, twelve of the numbers that the network sees, and its label."""
_SMALL = 10**7


def require_image_fits(height: int, width: int, argument: str, images: int = 1) -> None:
    """Refuses to resize an image to a size that needs more memory than is free.

    Args:
        height: rows of the resized image.
        width: columns of the resized image.
        argument: name of the argument that asks for the size.
        images: number of images of this size.

    Raises:
        InputError: it does not fit.
    """
    if height * width <= _SMALL:
        return
    free, need = free_memory(), images * height * width * _PER_PIXEL
    if free is not None and need > free:
        side = int(max(height, width) * (free / need) ** 0.5)
        raise InputError(
            f"{argument} asks for images of {height} x {width} pixels, which take at least {need / 1e9:.3g} GB of"
            f" memory, and {free / 1e9:.3g} GB are free; a long side of less than {side} fits",
            argument,
        )
