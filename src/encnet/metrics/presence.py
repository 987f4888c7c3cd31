"""Scores of presence: average precision, F1 and calibration of the probability that a class is in an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torchmetrics.functional.classification import binary_average_precision

BINS: int = 10
"""Number of bins of equal width for the calibration of probabilities."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Calibration of probabilities: of the images with a presence of 0.7 for a class, do 70 % have the class?

    Bin b of B holds the probabilities with b/B ≤ p < (b+1)/B; the last bin also holds p = 1. A *row* is a class; the
    one row of :attr:`overall` is all classes together.
    """

    images: np.ndarray
    """(rows, bins) int64: number of probabilities in each bin, one per image and class."""
    probability_sum: np.ndarray
    """(rows, bins) float64: sum of these probabilities."""
    positives: np.ndarray
    """(rows, bins) int64: number of these images that have the class."""

    @property
    def mean_probability(self) -> np.ndarray:
        """(rows, bins) mean of the probabilities, 0-1; nan in an empty bin."""
        return ratio(self.probability_sum, self.images)

    @property
    def frequency(self) -> np.ndarray:
        """(rows, bins) share, 0-1, of the images that have the class; nan in an empty bin."""
        return ratio(self.positives, self.images)

    @property
    def error(self) -> np.ndarray:
        """(rows,) expected calibration error, 0-1; nan for a row without images (Guo et al., ICML 2017)::

        Σ_b n_b / n · |frequency_b − mean probability_b|
        """
        return ratio(np.abs(self.positives - self.probability_sum).sum(axis=1), self.images.sum(axis=1))

    @property
    def overall(self) -> Calibration:
        """The calibration of all classes together, in one row."""
        parts = (self.images, self.probability_sum, self.positives)
        return Calibration(*(part.sum(axis=0, keepdims=True) for part in parts))

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """The edges of the bins and the bins of each row as JSON types; the values of an empty bin are None."""

        def row(i: int, calibration: Calibration) -> dict[str, Any]:
            return {
                "error": number(calibration.error[i]),
                "images": calibration.images[i].tolist(),
                "mean_probability": [number(value) for value in calibration.mean_probability[i]],
                "frequency": [number(value) for value in calibration.frequency[i]],
            }

        edges = [b / self.images.shape[1] for b in range(self.images.shape[1] + 1)]
        by_class = {name: row(i, self) for i, name in enumerate(names)}
        return {"edges": edges, "all_classes": row(0, self.overall), "by_class": by_class}


@dataclass(frozen=True, eq=False)
class PresenceScores:
    """Scores of presence: the probability that a class is in an image, against whether a pixel of the image has it.

    An image without any known pixel does not count. Every score is in 0-1, and nan if it is undefined.
    """

    average_precision: np.ndarray
    """(classes,) Σ_j (R_j − R_{j−1}) P_j over the distinct probabilities in descending order; P_j and R_j are precision
    and recall of "probability ≥ the j-th". Undefined for a class that no image has, or all have: any answer would get
    the same score."""
    f1: np.ndarray
    """(classes,) 2 TP / (2 TP + FP + FN); a probability above 0.5 counts as positive. Undefined if 0/0."""
    calibration: Calibration
    """Calibration by class; its error is undefined without images."""

    @property
    def everywhere(self) -> np.ndarray:
        """(classes,) bool: whether every image has the class, so that nothing is known of its presence elsewhere."""
        images = self.calibration.images.sum(axis=1)
        return (images > 0) & (self.calibration.positives.sum(axis=1) == images)


def presence_scores(probabilities: Tensor, truth: Tensor) -> PresenceScores:
    """The presence scores of a set of images.

    Args:
        probabilities: (images, classes) in 0-1.
        truth: (images, classes) bool, whether a pixel of the image has the class.
    """
    predicted, positives = probabilities.double().cpu().numpy(), truth.cpu().numpy()
    average_precision = [
        float(binary_average_precision(p, t.long(), validate_args=False)) if t.any() and not t.all() else np.nan
        for p, t in zip(probabilities.unbind(1), truth.unbind(1), strict=True)
    ]
    predicted_positives = predicted > 0.5
    hits = (predicted_positives & positives).sum(axis=0)
    return PresenceScores(
        np.array(average_precision),
        ratio(2 * hits, predicted_positives.sum(axis=0) + positives.sum(axis=0)),
        calibration(predicted, positives),
    )


def calibration(probabilities: np.ndarray, truth: np.ndarray, bins: int = BINS) -> Calibration:
    """The calibration by class.

    Args:
        probabilities: (images, classes) in 0-1.
        truth: (images, classes) bool, whether a pixel of the image has the class.
        bins: number of bins.
    """
    images, classes = probabilities.shape
    cells = np.arange(classes) * bins + np.clip((probabilities * bins).astype(np.int64), 0, bins - 1)

    def sum_by_bin(weights: np.ndarray) -> np.ndarray:
        sums = np.bincount(cells.ravel(), weights.ravel(), minlength=classes * bins)
        return sums.reshape(classes, bins)

    return Calibration(
        sum_by_bin(np.ones((images, classes))).astype(np.int64),
        sum_by_bin(probabilities),
        sum_by_bin(truth.astype(np.float64)).astype(np.int64),
    )


def ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """numerator / denominator in float64; nan where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)


def mean_of_defined(values: np.ndarray) -> float:
    """Mean of the values that are not nan; nan if there is none."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def number(value: float | None) -> float | None:
    """The value for JSON: None in place of nan, which JSON does not have."""
    return None if value is None or np.isnan(value) else float(value)
