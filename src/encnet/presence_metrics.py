"""How well presence is known: average precision, F1 and calibration of the probability that a class is in an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision

BINS = 10
"""Of equal width, by which probabilities are gathered to see whether they are what they say."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Whether probabilities are what they say: of the images to which a class has 70 %, do 70 % have it?

    Bin b of B gathers the probabilities with b/B ≤ p < (b+1)/B, the last one p = 1 too. A *row* is a class, or of
    :attr:`overall` all of them.
    """

    images: np.ndarray
    """(rows, bins) int64: probabilities in each bin, one an image and class."""
    said: np.ndarray
    """(rows, bins) float64: their sum."""
    there: np.ndarray
    """(rows, bins) int64: how many of these images have the class."""

    @property
    def mean_probability(self) -> np.ndarray:
        """(rows, bins) mean of the probabilities, 0-1; nan in an empty bin."""
        return ratio(self.said, self.images)

    @property
    def frequency(self) -> np.ndarray:
        """(rows, bins) share, 0-1, of the images that have the class; nan in an empty bin."""
        return ratio(self.there, self.images)

    @property
    def error(self) -> np.ndarray:
        """(rows,) expected calibration error, 0-1; nan of a row without images (Guo et al., ICML 2017)::

        Σ_b n_b / n · |frequency_b − mean probability_b|
        """
        return ratio(np.abs(self.there - self.said).sum(axis=1), self.images.sum(axis=1))

    @property
    def overall(self) -> Calibration:
        """All classes in one row."""
        return Calibration(*(part.sum(axis=0, keepdims=True) for part in (self.images, self.said, self.there)))

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """JSON types: the edges of the bins, and by row name its bins, None where one is empty."""

        def row(i: int, of: Calibration) -> dict[str, Any]:
            return {
                "error": number(of.error[i]),
                "images": of.images[i].tolist(),
                "mean_probability": [number(value) for value in of.mean_probability[i]],
                "frequency": [number(value) for value in of.frequency[i]],
            }

        edges = [b / self.images.shape[1] for b in range(self.images.shape[1] + 1)]
        by_class = {name: row(i, self) for i, name in enumerate(names)}
        return {"edges": edges, "all_classes": row(0, self.overall), "by_class": by_class}


@dataclass(frozen=True, eq=False)
class PresenceScores:
    """Scores of the probability that a class is in an image, against whether a pixel of the image has it.

    An image without any known pixel does not count. Every score is in 0-1; nan where it is undefined.
    """

    average_precision: np.ndarray
    """(classes,) Σ_j (R_j − R_{j−1}) P_j over the distinct probabilities in falling order, P_j and R_j the precision
    and recall of "probability ≥ the j-th"; undefined for a class that no image has."""
    f1: np.ndarray
    """(classes,) 2 TP / (2 TP + FP + FN), positive where the probability is above 0.5; undefined where 0/0."""
    calibration: Calibration
    """By class; its error is undefined without images."""


def presence_scores(probabilities: Tensor, truth: Tensor) -> PresenceScores:
    """The scores of a set of images.

    Args:
        probabilities: (images, classes) in 0-1.
        truth: (images, classes) bool, whether a pixel of the image has the class.
    """
    said, there = probabilities.double().cpu().numpy(), truth.cpu().numpy()
    average_precision = [
        float(binary_average_precision(p, t.long(), validate_args=False)) if t.any() else np.nan
        for p, t in zip(probabilities.unbind(1), truth.unbind(1), strict=True)
    ]
    positive = said > 0.5
    hits = (positive & there).sum(axis=0)
    return PresenceScores(
        np.array(average_precision),
        ratio(2 * hits, positive.sum(axis=0) + there.sum(axis=0)),
        calibration(said, there),
    )


def calibration(probabilities: np.ndarray, truth: np.ndarray, bins: int = BINS) -> Calibration:
    """Gathers (images, classes) probabilities in 0-1, and whether the class is there, by class and bin."""
    images, classes = probabilities.shape
    cells = np.arange(classes) * bins + np.clip((probabilities * bins).astype(np.int64), 0, bins - 1)

    def gathered(weights: np.ndarray) -> np.ndarray:
        sums = np.bincount(cells.ravel(), weights.ravel(), minlength=classes * bins)
        return sums.reshape(classes, bins)

    return Calibration(
        gathered(np.ones((images, classes))).astype(np.int64),
        gathered(probabilities),
        gathered(truth.astype(np.float64)).astype(np.int64),
    )


def ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """numerator / denominator in float64, nan where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)


def mean_of_defined(values: np.ndarray) -> float:
    """Mean of the values that are not nan; nan if all are."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def number(value: float | None) -> float | None:
    """The value for JSON, which has no nan: None instead."""
    return None if value is None or np.isnan(value) else float(value)
