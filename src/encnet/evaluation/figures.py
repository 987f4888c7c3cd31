"""Figures of an evaluation: calibration of presence, and mean IoU over disagreement."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from encnet.evaluation.image_scores import ImageScore
from encnet.metrics.presence import Calibration

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "0.6"
_COLUMNS = 4


def calibration_figure(calibration: Calibration, names: Sequence[str], most: int = 19) -> Figure:
    """Reliability diagrams: the share of images that have a class, over the presence predicted for it.

    A perfectly calibrated presence lies on the diagonal. The first panel shows all classes together, each further one a
    single class. If there are more than ``most`` classes, those with the highest calibration errors are shown.

    Args:
        calibration: calibration by class.
        names: names of the classes.
        most: upper bound on the panels of single classes.
    """
    error = np.nan_to_num(calibration.error, nan=-1)
    shown: list[int] = sorted(np.argsort(-error, kind="stable")[:most].tolist())
    rows = math.ceil((len(shown) + 1) / _COLUMNS)
    figure = Figure(figsize=(2.35 * _COLUMNS, 2.45 * rows), layout="constrained", dpi=100)
    panels = figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).ravel()
    _reliability(panels[0], calibration.overall, 0, "all classes", _ORANGE)
    for panel, i in zip(panels[1:], shown, strict=False):
        _reliability(panel, calibration, i, names[i], _BLUE)
    for panel in panels[len(shown) + 1 :]:
        panel.axis("off")
    figure.supxlabel("presence", fontsize=10)
    figure.supylabel("share of the images\nthat have the class", fontsize=10)
    return figure


def disagreement_figure(images: Sequence[ImageScore]) -> Figure:
    """Mean IoU of each image over its disagreement, without images that lack labelled pixels or presence."""
    points = [
        (image.disagreement.score, image.mean_iou)
        for image in images
        if image.disagreement is not None and not np.isnan(image.mean_iou)
    ]
    figure = Figure(figsize=(5.6, 4), layout="constrained", dpi=100)
    axes = figure.add_subplot()
    if points:
        axes.scatter(*zip(*points, strict=True), s=18, color=_BLUE, alpha=0.6, linewidths=0)
    axes.set_xlabel("disagreement between pixels and presence")
    axes.set_ylabel("mean IoU of the image")
    axes.grid(alpha=0.3)
    return figure


def _reliability(axes: Axes, calibration: Calibration, row: int, name: str, color: str) -> None:
    """Draws one row of a calibration, one point per bin; the area of a point grows with its number of images."""
    axes.plot([0, 1], [0, 1], "--", color=_GREY, linewidth=1)
    images = calibration.images[row]
    filled = images > 0
    x, y = calibration.mean_probability[row, filled], calibration.frequency[row, filled]
    axes.plot(x, y, "-", color=color, linewidth=1)
    axes.scatter(x, y, s=8 + 60 * images[filled] / max(1, images.max()), color=color, linewidths=0, clip_on=False)
    error = calibration.error[row]
    text = "no image" if np.isnan(error) else f"error {100 * error:.1f} %"
    axes.set_title(f"{name if len(name) <= 20 else name[:19] + '…'}\n{text}", fontsize=9)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
