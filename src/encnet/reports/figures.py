"""Figures of scores and of training logs, without global state or windows."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.text import Text

from encnet.data.class_indices import NARROW_CLASSES
from encnet.reports.pictures import short_name

# The colours of Okabe & Ito, distinguishable on white with any colour vision, each with its own line style.
_LINES = [("#0072B2", "-"), ("#D55E00", "--"), ("#009E73", "-."), ("#CC79A7", ":"), ("#E69F00", "-"), ("#56B4E9", "--")]
_MOST_NAMED = 100  # classes in a confusion matrix of more than 255 classes


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
    short = [short_name(name) for name in names]
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
