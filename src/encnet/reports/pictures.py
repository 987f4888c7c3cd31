"""Pictures of label maps and figures of scores, without global state or windows."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont
from matplotlib.text import Text
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from encnet.data.class_indices import NARROW_CLASSES, ignore_of
from encnet.data.palette import Color

_PAPER, _INK, _FAINT = (255, 255, 255), (32, 32, 32), (120, 120, 120)
# The colours of Okabe & Ito, distinguishable on white with any colour vision, each with its own line style.
_LINES = [("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"), ("#E69F00", "-"), ("#56B4E9", "--")]
_SMALLEST_TEXT = 14  # pixels
_MOST_NAMED = 100  # classes in a confusion matrix of more than 255 classes
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
    rows = [[_shortened(names[i])] for i in order]
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


def confusion_figure(confusion: np.ndarray, names: Sequence[str]) -> Figure:
    """Draws a confusion matrix as a heat map, each row divided by its sum, with percentages for up to 20 classes.

    Colours follow the square root of the share, so that rare confusions are visible. Of more than 255 classes, the
    ``_MOST_NAMED`` with the most pixels in the truth are drawn, since nobody could read more.

    Args:
        confusion: (classes, classes) number of pixels by true class (row) and predicted class (column). A row without
            pixels is grey.
        names: names of the classes.
    """
    pixels = confusion.sum(axis=1, keepdims=True)
    title = ""
    if len(names) > NARROW_CLASSES:
        title = f"the {_MOST_NAMED} most frequent of {len(names)} classes"
        shown = np.sort(np.argsort(-pixels[:, 0], kind="stable")[:_MOST_NAMED])
        confusion, pixels = confusion[np.ix_(shown, shown)], pixels[shown]
        names = [names[int(c)] for c in shown]
    classes = len(names)
    share = np.ma.masked_where(np.broadcast_to(pixels == 0, confusion.shape), confusion / np.maximum(pixels, 1))
    side = max(3.0, min(0.5, max(0.14, 12 / classes)) * classes)
    letters = 9.0 if classes <= 40 else 6.5
    short = [_shortened(name) for name in names]
    margin = 0.8 + max(map(len, short)) * letters / 110  # inches, for the names
    figure = Figure(figsize=(side + margin + 1.8, side + margin), layout="constrained", dpi=100)
    axes = figure.add_subplot()
    axes.set_facecolor("0.85")
    picture = axes.imshow(share, norm=PowerNorm(0.5, 0, 1), cmap="cividis", interpolation="nearest")
    axes.set_xticks(range(classes), short, rotation=90, fontsize=letters)
    axes.set_yticks(range(classes), short, fontsize=letters)
    if title:
        axes.set_title(title)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    figure.colorbar(picture, ax=axes, label="share of the true class's pixels", shrink=0.8)
    if classes <= 20:
        for (row, column), value in np.ndenumerate(share.filled(0)):
            if value >= 0.005:
                ink = "black" if value > 0.25 else "white"
                axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=letters)
    return figure


def curves_figure(history: Iterable[Mapping[str, Any]]) -> Figure:
    """Draws the training log over steps: one panel each for losses, learning rate and scores.

    Args:
        history: rows in the order of logging, each with ``step`` and any numbers by name. Names that contain ``loss``
            go to the first panel, ``learning_rate`` to the second, all others (scores in 0-1) to the third. Values that
            are missing, None or not finite are skipped, and so are panels without points.
    """
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {"loss": {}, "learning rate": {}, "score": {}}
    for row in history:
        for name, value in row.items():
            if name != "step" and isinstance(value, int | float) and math.isfinite(value):
                panel = "loss" if "loss" in name else "learning rate" if "learning_rate" in name else "score"
                panels[panel].setdefault(name, []).append((row["step"], value))
    shown = {title: lines for title, lines in panels.items() if lines}
    figure = Figure(figsize=(4.5 * max(1, len(shown)), 3.4), layout="constrained", dpi=100)
    for position, (title, lines) in enumerate(shown.items(), start=1):
        axes = figure.add_subplot(1, len(shown), position)
        for i, (name, points) in enumerate(lines.items()):
            color, style = _LINES[i % len(_LINES)]
            marker = "o" if len(points) <= 40 else ""
            axes.plot(*zip(*points, strict=True), style, color=color, marker=marker, markersize=3, label=name)
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if title == "score":
            axes.set_ylim(0, 1)
        elif min(value for points in lines.values() for _, value in points) >= 0:
            axes.set_ylim(bottom=0)
        if len(lines) > 1 or title == "score":
            axes.legend(frameon=False)
    return figure


def figure_png(figure: Figure) -> bytes:
    """Returns a figure as the bytes of a PNG file; equal figures give equal bytes."""
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # pyright: ignore[reportAttributeAccessIssue] (a "$" in a name is no formula)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()


@lru_cache
def text_font(pixels: int) -> ImageFont.FreeTypeFont:
    """Returns the font that comes with matplotlib: Latin, Greek and Cyrillic letters on every system."""
    return ImageFont.truetype(findfont("DejaVu Sans"), pixels)


def _shortened(name: str, letters: int = 28) -> str:
    name = "".join(letter if letter.isprintable() else "\ufffd" for letter in name)  # Pillow fails at line ends
    return name if len(name) <= letters else name[: letters - 1].rstrip() + "…"


def _percent(share: float) -> str:
    return "<0.1 %" if 0 < share < 0.001 else f"{100 * share:.1f} %"
