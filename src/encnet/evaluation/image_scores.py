"""The score of each image, and whether disagreement finds those that are predicted badly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from encnet.disagreement import Disagreement
from encnet.presence_metrics import mean_of_defined, number


@dataclass(frozen=True, eq=False)
class ImageScore:
    """How one image was predicted."""

    file: str
    """Of the image."""
    mean_iou: float
    """Mean IoU of this image alone, 0-1, over the classes that its truth or its prediction has; nan where nothing is
    labelled."""
    pixel_accuracy: float
    """Share of its labelled pixels that are predicted right; nan where nothing is labelled."""
    disagreement: Disagreement | None
    """Of pixels and presence; None if the model does not say which classes are in an image."""

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """JSON types; ``contradictions`` says of which classes pixels and presence say the opposite."""
        found = self.disagreement
        scores = {
            "file": self.file,
            "mean_iou": number(self.mean_iou),
            "pixel_accuracy": number(self.pixel_accuracy),
        }
        if found is None:
            return scores
        told = {each.name: [round(each.presence, 6), round(each.share, 6)] for each in found.contradictions(names)}
        return {**scores, "disagreement": round(found.score, 6), "contradictions": told}


class RankingQuality(NamedTuple):
    """How well disagreement, which needs no truth, finds the images whose mean IoU is low."""

    images: int  #: how many it rests on: those with labelled pixels
    spearman: float  #: rank correlation of disagreement and mean IoU of an image, -1 to 1; nan where undefined
    pearson: float  #: correlation of the two numbers themselves
    worst_quarter: float  #: mean of the mean IoU of the quarter of the images that disagree most
    others: float  #: and of the other images

    def to_dict(self) -> dict[str, Any]:
        """JSON types."""
        return {name: value if name == "images" else number(value) for name, value in self._asdict().items()}


def ranking_quality(images: Sequence[ImageScore]) -> RankingQuality | None:
    """The quality of ranking images by disagreement; None if they have none."""
    pairs = [(each.disagreement.score, each.mean_iou) for each in images if each.disagreement is not None]
    if not pairs:
        return None
    known = np.array([pair for pair in pairs if not np.isnan(pair[1])]).reshape(-1, 2)
    disagreement, mean_iou = known.T
    order = np.argsort(-disagreement, kind="stable")
    quarter = -(-len(order) // 4)
    return RankingQuality(
        len(known),
        correlation(ranks(disagreement), ranks(mean_iou)),
        correlation(disagreement, mean_iou),
        mean_of_defined(mean_iou[order[:quarter]]),
        mean_of_defined(mean_iou[order[quarter:]]),
    )


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation of two lists of numbers, -1 to 1; nan where one of them does not vary."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    """Place of each number in rising order, from 1; equal numbers share the mean of their places."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return (last - (size - 1) / 2)[group]


def by_disagreement(images: Sequence[ImageScore]) -> list[ImageScore]:
    """The images whose model says which classes they have, those that disagree most first."""
    having = [(each.disagreement.score, each) for each in images if each.disagreement is not None]
    return [each for _, each in sorted(having, key=lambda pair: -pair[0])]


def contradiction_rate(images: Sequence[ImageScore]) -> np.ndarray | None:
    """(classes,) share of the images, 0-1, in which pixels and presence say the opposite of a class; None if there is
    none."""
    found = [each.disagreement.contradictory for each in images if each.disagreement is not None]
    return np.mean(found, axis=0) if found else None
