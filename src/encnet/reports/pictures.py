"""Pictures of label maps: their colours, overlays on photographs, and legends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from encnet.data.class_indices import ignore_of
from encnet.data.palette import Color

_PAPER, _INK, _FAINT = (255, 255, 255), (32, 32, 32), (120, 120, 120)
_SMALLEST_TEXT = 14  # pixels
_SMALLEST_PICTURE = 320  # pixels of the long side; smaller images are enlarged to match their legend


def colorize(labels: np.ndarray, palette: Sequence[Color]) -> np.ndarray:
    """Converts (H, W) class indices to (H, W, 3) uint8 colours; ignored pixels become black."""
    colors = np.zeros((ignore_of(len(palette)) + 1, 3), np.uint8)
    colors[: len(palette)] = np.asarray(palette, np.uint8).reshape(-1, 3)
    return colors[labels]


def overlay(
    image: Image.Image,
    labels: np.ndarray,
    palette: Sequence[Color],
    opacity: float = 0.5,
    edges: bool = True,
    clear: Sequence[int] = (),
) -> Image.Image:
    """Blends an image with the colours of its label map.

    Args:
        image: RGB image.
        labels: (H, W) class indices, of the size of the image.
        palette: RGB colour of each class.
        opacity: opacity of the colours, 0-1.
        edges: draw a white line where classes meet, which shows regions to people who cannot distinguish their colours.
            It never covers an object that is hardly wider than the line.
        clear: indices of the classes that are left without colour, the background for example.
    """
    photograph = image.convert("RGB")
    blended = Image.blend(photograph, Image.fromarray(colorize(labels, palette)), opacity)
    if edges:
        boundary = np.zeros(labels.shape, bool)
        boundary[:, :-1] |= labels[:, :-1] != labels[:, 1:]
        boundary[:-1] |= labels[:-1] != labels[1:]
        width = round(max(image.size) / 1000)
        if width:
            boundary = ndimage.maximum_filter(boundary, 2 * width + 1)
        line = boundary & _wide(labels, 2 * (2 * width + 1) + 1)
        blended.paste(_PAPER, mask=Image.fromarray(line.astype(np.uint8) * 200))
    if clear:
        blended.paste(photograph, mask=Image.fromarray(np.isin(labels, clear)))
    return blended


def _wide(labels: np.ndarray, side: int) -> np.ndarray:
    """(H, W) bool: whether a pixel lies in a square of so many pixels a side that has one class alone."""
    one_class = ndimage.minimum_filter(labels, side) == ndimage.maximum_filter(labels, side)
    return ndimage.maximum_filter(one_class, side)


def legend(
    names: Sequence[str],
    palette: Sequence[Color],
    shares: np.ndarray | None = None,
    presence: np.ndarray | None = None,
    height: int = 480,
    text: int = _SMALLEST_TEXT,
) -> Image.Image:
    """Draws a list of classes with their colours, on white.

    Args:
        names: names of the classes.
        palette: RGB colour of each class.
        shares: (classes,) share of the pixels, 0-1. Only classes with pixels or a presence above 0.5 are listed, the
            largest share first. None lists all classes.
        presence: (classes,) probability, 0-1, that the class is in the image.
        height: height in pixels above which the list continues in another column, unless the picture would become much
            wider than high.
        text: size of the letters in pixels.
    """
    order = list(range(len(names)))
    if shares is not None:
        present = np.zeros(len(names), bool) if presence is None else presence > 0.5
        order = [int(i) for i in np.argsort(-shares, kind="stable") if shares[i] > 0 or present[i]]
    header = ["class"] + ["pixels"] * (shares is not None) + ["presence"] * (presence is not None)
    rows = [[short_name(names[i])] for i in order]
    for row, i in zip(rows, order, strict=True):
        row += [] if shares is None else [_percent(shares[i])]
        row += [] if presence is None else [f"{presence[i]:.2f}"]

    font, line, gap = text_font(text), round(1.6 * text), text
    widths = [math.ceil(max(font.getlength(cell) for cell in column)) for column in zip(header, *rows, strict=True)]
    block_width = line + sum(widths) + gap * len(widths)

    def height_of(blocks: int) -> int:
        return (1 + math.ceil(len(order) / blocks)) * line + 2 * gap

    blocks = 1
    while height_of(blocks) > height and (blocks + 1) * block_width <= 1.5 * height_of(blocks):
        blocks += 1
    picture = Image.new("RGB", (blocks * block_width + gap, height_of(blocks)), _PAPER)
    draw = ImageDraw.Draw(picture)

    def write(cells: Sequence[str], left: int, middle: int, ink: Color) -> None:
        draw.text((left, middle), cells[0], ink, font, anchor="lm")
        right = left + widths[0]
        for cell, width in zip(cells[1:], widths[1:], strict=True):
            right += gap + width
            draw.text((right, middle), cell, ink, font, anchor="rm")

    per_block = math.ceil(len(order) / blocks)
    for block in range(blocks):
        left, middle = gap + block * block_width, gap + line // 2
        write(header, left + line, middle, _FAINT)
        for position in range(block * per_block, min(len(order), (block + 1) * per_block)):
            middle += line
            half = round(0.36 * line)
            swatch = (left, middle - half, left + 2 * half, middle + half)
            draw.rectangle(swatch, fill=tuple(palette[order[position]]), outline=_FAINT)
            write(rows[position], left + line, middle, _INK)
    return picture


def overlay_with_legend(
    image: Image.Image,
    labels: np.ndarray,
    names: Sequence[str],
    palette: Sequence[Color],
    presence: np.ndarray | None = None,
    opacity: float = 0.5,
    clear: Sequence[int] = (),
) -> Image.Image:
    """Draws the :func:`overlay` with the :func:`legend` of its classes beside it; small images are enlarged."""
    enlarge = math.ceil(_SMALLEST_PICTURE / max(image.size))
    if enlarge > 1:
        image = image.resize((image.width * enlarge, image.height * enlarge))
        labels = labels.repeat(enlarge, axis=0).repeat(enlarge, axis=1)
    picture = overlay(image, labels, palette, opacity, clear=clear)
    text = max(_SMALLEST_TEXT, round(min(picture.size) / 30))
    shares = np.bincount(labels.ravel(), minlength=len(names))[: len(names)] / labels.size
    key = legend(names, palette, shares, presence, height=picture.height, text=text)
    canvas = Image.new("RGB", (picture.width + key.width, max(picture.height, key.height)), _PAPER)
    canvas.paste(picture, (0, 0))
    canvas.paste(key, (picture.width, 0))
    return canvas


@lru_cache
def text_font(pixels: int) -> ImageFont.FreeTypeFont:
    """Returns the font that comes with matplotlib: Latin, Greek and Cyrillic letters on every system."""
    return ImageFont.truetype(findfont("DejaVu Sans"), pixels)


def short_name(name: str, letters: int = 28) -> str:
    """A name for a picture, on one line of at most so many letters."""
    name = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)  # Pillow fails at line ends
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


def _percent(share: float) -> str:
    return "<0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
