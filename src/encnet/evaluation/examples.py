"""Predictions beside their truth, for HTML pages."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from encnet.evaluation.image_scores import ImageScore
from encnet.html import css_color, picture
from encnet.inference.segmentation import Segmentation
from encnet.visualize import overlay


class Example(NamedTuple):
    """A prediction beside its truth."""

    segmentation: Segmentation
    truth: np.ndarray  #: (H, W) uint8 class indices


class WorstExamples:
    """The images with the lowest mean IoU of their own among those that were offered.

    Args:
        most: how many are kept.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.kept: tuple[tuple[ImageScore, Example], ...] = ()
        """The worst first."""

    def offer(self, score: ImageScore, example: Example) -> None:
        """Takes a prediction in, unless nothing is labelled or it is better than all that are kept."""
        if not np.isnan(score.mean_iou):
            offered = [*self.kept, (score, example)]
            self.kept = tuple(sorted(offered, key=lambda pair: pair[0].mean_iou)[: self.most])


def example_values(example: Example, photographs: bool = False) -> dict[str, Any]:
    """What the macro ``example`` of templates/parts.html shows.

    Args:
        example: the prediction and its truth.
        photographs: store the pictures as photographs, smaller and not exact.
    """
    segmentation, truth = example
    name = segmentation.path.name if segmentation.path else "image"
    exists = set(np.unique(truth).tolist())
    shown = exists | set(np.unique(segmentation.labels).tolist())
    presence = []
    if segmentation.presence is not None:
        presence = [
            {"name": segmentation.names[c], "probability": float(p), "exists": c in exists}
            for c, p in enumerate(segmentation.presence)
        ]
    image, palette = segmentation.image, segmentation.palette
    return {
        "name": name,
        "photograph": picture(image, f"{name}: the image", photographs),
        "prediction": picture(overlay(image, segmentation.labels, palette), f"{name}: predicted classes", photographs),
        "truth": picture(overlay(image, truth, palette), f"{name}: true classes", photographs),
        "legend": [{"name": n, "color": css_color(palette[c])} for c, n in enumerate(segmentation.names) if c in shown],
        "presence": sorted(presence, key=lambda row: -row["probability"]),
    }
