"""Pixels of any number of bands: scaled to bytes, turned, resized, and shown as RGB.

A photograph of three bands is a Pillow RGB image, which Pillow crops and resizes without copying it; of another number
of bands it is an array, uint8 (H, W, C).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

Pixels = Image.Image | np.ndarray
"""A Pillow RGB image, or an array uint8 (H, W, C) with another number of bands than three."""
ValueRange = tuple[tuple[float, float], ...]
"""Values that become 0 and 255: one pair for all bands, or one pair per band."""

UPRIGHT: Mapping[int, Callable[[np.ndarray], np.ndarray]] = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: stored.swapaxes(0, 1)[:, ::-1],
    7: lambda stored: stored.swapaxes(0, 1)[::-1, ::-1],
    8: lambda stored: stored.swapaxes(0, 1)[::-1],
}
"""EXIF orientation -> the function that turns a stored array, (H, W) or (H, W, C), upright."""


def scaled(values: np.ndarray, value_range: ValueRange | None, fill: Sequence[int], valid: np.ndarray | None) -> Pixels:
    """Values as bytes: round(255 · (value - low) / (high - low)), limited to 0-255.

    Args:
        values: (H, W, C) numbers.
        value_range: the (low, high) of all bands or of each; None takes bytes unchanged.
        fill: byte of each band for pixels without data.
        valid: bool (H, W), the pixels with data; None if all of them have data.
    """
    if value_range is None:
        pixels = np.array(values, np.uint8, order="C")
    else:
        pixels = np.empty(values.shape, np.uint8)
        for band in range(values.shape[2]):
            pixels[..., band] = _bytes(values[..., band], *value_range[band if len(value_range) > 1 else 0])
    if valid is not None:
        pixels[~valid] = fill
    return as_pixels(pixels)


def _bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """One band as bytes, computed in float64; integers of up to 16 bits by a table of all their values."""
    if values.dtype.kind in "ui" and values.dtype.itemsize <= 2:
        kind = np.iinfo(values.dtype)
        table = _bytes(np.arange(kind.min, kind.max + 1, dtype=np.float64), low, high)
        return table[values.astype(np.int32) - kind.min]
    with np.errstate(invalid="ignore", over="ignore"):
        scaled = np.rint(255 * (values.astype(np.float64) - low) / (high - low))
        return np.nan_to_num(scaled, nan=0).clip(0, 255).astype(np.uint8)


def fill_of(mean: Sequence[float]) -> tuple[int, ...]:
    """The mean colour of a network, (C,) in 0-1, as the bytes of pixels without data: they become 0 in the network."""
    return tuple(round(255 * value) for value in mean)


def as_pixels(array: np.ndarray) -> Pixels:
    """An array uint8 (H, W, C) as a Pillow image if it has three bands."""
    return Image.fromarray(array) if array.shape[2] == 3 else array


def size_of(pixels: Pixels) -> tuple[int, int]:
    """(width, height)."""
    return pixels.size if isinstance(pixels, Image.Image) else (pixels.shape[1], pixels.shape[0])


def resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resizes to (width, height), bilinear and antialiased; each band as Pillow resizes a grey image."""
    if isinstance(pixels, Image.Image):
        return pixels.resize(size, Image.Resampling.BILINEAR)
    bands = (Image.fromarray(np.ascontiguousarray(pixels[..., band])) for band in range(pixels.shape[2]))
    return np.stack([np.asarray(band.resize(size, Image.Resampling.BILINEAR)) for band in bands], axis=2)


def picture(pixels: Pixels) -> Image.Image:
    """An RGB picture of the pixels, for people: the first three bands, or the first band in grey if there are fewer."""
    if isinstance(pixels, Image.Image):
        return pixels
    shown = pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1].repeat(3, axis=2)
    return Image.fromarray(np.ascontiguousarray(shown))
