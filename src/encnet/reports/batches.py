"""A picture of training batches: the images as the network sees them, and their labels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from encnet.data.class_indices import ignore_of, label_dtype
from encnet.data.palette import Color
from encnet.reports.pictures import legend, overlay, text_font
from encnet.system.text import counted

SHOWN: int = 8
"""Images of a batch that are shown, at most."""
_WIDTH = 1600  # pixels of a row of images, at most
_SIDES = (128, 320)  # pixels of the long side of an image: smaller ones are enlarged, larger ones reduced
_GAP = 8
_LINE = 26
_PAPER, _INK = (255, 255, 255), (32, 32, 32)
_DARK, _LIGHT = (40, 40, 40), (96, 96, 96)  # stripes of ignored pixels

Batch = tuple[np.ndarray, np.ndarray]
"""Normalised images, (B, C, H, W) float, and label maps, (B, H, W) of class indices and ignored pixels."""


def batches_picture(
    batches: Sequence[Batch],
    mean: Sequence[float],
    std: Sequence[float],
    names: Sequence[str],
    palette: Sequence[Color],
) -> Image.Image:
    """Draws each batch as a row of images and, below it, a row of the same images under the colours of their labels.

    Args:
        batches: one or more batches; :data:`SHOWN` images of each are shown, the first ones.
        mean: of each channel, which was subtracted, for values in 0-1.
        std: of each channel, by which the difference was divided.
        names: names of the classes.
        palette: RGB colour of each class. Ignored pixels are dark stripes.
    """
    shown = [(images[:SHOWN], labels[:SHOWN]) for images, labels in batches]
    columns = max(len(images) for images, _ in shown)
    ignore = ignore_of(len(names))
    rows, pixels = [], np.zeros(ignore + 1, np.int64)
    for number, ((images, labels), (all_images, _)) in enumerate(zip(shown, batches, strict=True), start=1):
        pixels += np.bincount(labels.ravel(), minlength=ignore + 1)
        photographs = [displayed(image, mean, std) for image in images]
        tiles = [_tiles(image, label, palette, columns) for image, label in zip(photographs, labels, strict=True)]
        height, width = images.shape[2:]
        part = "" if len(images) == len(all_images) else f", {len(images)} shown"
        heading = (
            f"batch {number}: {counted(len(all_images), 'image')} of {height} x {width} pixels (height x width){part}"
        )
        rows.append(_row(heading, tiles))
    width, height = max(row.width for row in rows), sum(row.height for row in rows)
    shares = np.append(pixels[: len(names)], pixels[ignore]) / max(pixels.sum(), 1)
    key = legend([*names, "ignored"], [*palette, _LIGHT], shares, height=height)
    picture = Image.new("RGB", (width + key.width, max(height, key.height)), _PAPER)
    top = 0
    for row in rows:
        picture.paste(row, (0, top))
        top += row.height
    picture.paste(key, (width, 0))
    return picture


def displayed(image: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> Image.Image:
    """Undoes the normalisation of an image (C, H, W); shows the first three channels as RGB, or the first one as grey.

    Values outside 0-1 become black or full colour.
    """
    channels = 3 if len(image) >= 3 else 1
    scale, shift = (np.asarray(values[:channels], np.float64)[:, None, None] for values in (std, mean))
    values = (np.nan_to_num(image[:channels]) * scale + shift).clip(0, 1)
    pixels = np.repeat(values, 3 // channels, axis=0).transpose(1, 2, 0)
    return Image.fromarray((255 * pixels).round().astype(np.uint8))


def _tiles(image: Image.Image, labels: np.ndarray, palette: Sequence[Color], columns: int) -> list[Image.Image]:
    """The image and the image under its labels, at the size in which they are shown."""
    smallest, largest = _SIDES
    side = max(smallest, min(largest, _WIDTH // columns - _GAP))
    factor = side / max(image.size)
    factor = math.floor(factor) if factor > 1 else factor  # whole pixels of a small crop
    size = (max(1, round(factor * image.width)), max(1, round(factor * image.height)))
    image = image.resize(size, Image.Resampling.BOX if factor < 1 else Image.Resampling.NEAREST)
    stored = Image.fromarray(labels.astype(label_dtype(len(palette))))
    shown = np.asarray(stored.resize(size, Image.Resampling.NEAREST))
    blended = np.array(overlay(image, shown, palette))
    rows, columns_ = np.indices(shown.shape)
    stripes = np.where(((rows + columns_) // 5 % 2 == 0)[..., None], _DARK, _LIGHT)
    ignored = shown == ignore_of(len(palette))
    blended[ignored] = stripes[ignored]
    return [image, Image.fromarray(blended)]


def _row(heading: str, tiles: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Draws a heading, and below it the tiles of each image in a column."""
    width, height = (max(tile.size[axis] for column in tiles for tile in column) for axis in (0, 1))
    font = text_font(14)
    needed = max(len(tiles) * (width + _GAP), math.ceil(font.getlength(heading)) + _GAP)
    row = Image.new("RGB", (_GAP + needed, _LINE + 2 * (height + _GAP)), _PAPER)
    ImageDraw.Draw(row).text((_GAP, _LINE // 2), heading, _INK, font, anchor="lm")
    for i, column in enumerate(tiles):
        for j, tile in enumerate(column):
            row.paste(tile, (_GAP + i * (width + _GAP), _LINE + j * (height + _GAP)))
    return row
