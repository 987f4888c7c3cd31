"""Predictions with their truth, for HTML pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from encnet.evaluation.image_scores import ImageScore
from encnet.inference.segmentation import Segmentation
from encnet.reports.html import css_color, picture
from encnet.reports.pictures import overlay


class Example(NamedTuple):
    """A prediction with its truth."""

    segmentation: Segmentation  #: the prediction, with its image
    truth: np.ndarray  #: (H, W) class indices


class WorstExamples:
    """Keeps the images with the lowest mean IoU among those that are offered.

    Args:
        most: number of images to keep.
    """

    def __init__(self, most: int) -> None:
        self.most: int = most
        """Number of images to keep."""
        self.kept: dict[int, tuple[ImageScore, Example]] = {}
        """Place in the split -> an image kept so far."""

    def offer(self, place: int, score: ImageScore, example: Example) -> None:
        """Keeps a prediction if its image has labelled pixels and its mean IoU is among the lowest so far."""
        offered = {**self.kept, place: (score, example)}
        self.kept = {each: offered[each] for each in lowest({i: score for i, (score, _) in offered.items()}, self.most)}


def lowest(scores: Mapping[int, ImageScore], most: int) -> list[int]:
    """The places of up to ``most`` images with labelled pixels, those with the lowest mean IoU, the lowest first."""
    labelled = [place for place, score in scores.items() if not np.isnan(score.mean_iou)]
    return sorted(labelled, key=lambda place: (scores[place].mean_iou, place))[:most]


def example_values(example: Example, photographs: bool = False) -> dict[str, Any]:
    """The values for the macro ``example`` of the template parts.html.

    Args:
        example: the prediction and its truth.
        photographs: compress the pictures as photographs: smaller, but not exact.
    """
    segmentation, truth = example
    name = segmentation.path.name if segmentation.path else "image"
    true_classes = set(np.unique(truth).tolist())
    shown = true_classes | set(np.unique(segmentation.labels).tolist())
    presence = []
    if segmentation.presence is not None:
        presence = [
            {"name": segmentation.names[c], "probability": float(p), "exists": c in true_classes}
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
