"""The scores of a set of images: pixel scores from one confusion matrix, presence scores beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from encnet.metrics.presence import PresenceScores, mean_of_defined, number, ratio

LARGEST_MATRIX: int = 255
"""The most classes whose confusion matrix is written with all its zeros."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of predictions over a set of images. Every score is in 0-1, and nan if it is undefined.

    With n_tc the number of pixels of true class t that are predicted as class c, without ignored pixels:

    - pixel accuracy = Σ_c n_cc / Σ_tc n_tc
    - accuracy of class t (its recall) = n_tt / Σ_c n_tc
    - precision of class t = n_tt / Σ_c n_ct
    - Dice of class t (its F1) = 2 n_tt / (Σ_c n_tc + Σ_c n_ct)
    - IoU of class t = n_tt / (Σ_c n_tc + Σ_c n_ct − n_tt)
    - frequency-weighted IoU = Σ_t (Σ_c n_tc / Σ_uc n_uc) · IoU_t

    A class without any pixel in truth and prediction is *absent*: its IoU is 0/0. ``mean_iou`` leaves it out, as
    MMSegmentation does; ``mean_iou_absent_zero`` counts it as 0, as PyTorch-Encoding does.
    """

    names: tuple[str, ...]
    """Class names, in the order of all scores by class."""
    confusion: np.ndarray
    """(classes, classes) int64: pixels by true class (row) and predicted class (column)."""
    presence: PresenceScores | None = None
    """Scores of presence; None if the model does not predict presence."""

    @property
    def true_pixels(self) -> np.ndarray:
        """(classes,) int64: number of pixels of each class in the truth."""
        return self.confusion.sum(axis=1)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels whose class is predicted correctly."""
        return float(ratio(np.trace(self.confusion), self.confusion.sum()))

    @property
    def accuracy(self) -> np.ndarray:
        """(classes,) share of the pixels of each true class that are predicted correctly; nan without such pixels."""
        return ratio(np.diag(self.confusion), self.true_pixels)

    @property
    def mean_accuracy(self) -> float:
        """Mean of ``accuracy`` over the classes in the truth."""
        return mean_of_defined(self.accuracy)

    @property
    def precision(self) -> np.ndarray:
        """(classes,) share of the pixels predicted as each class that have it; nan without such pixels."""
        return ratio(np.diag(self.confusion), self.confusion.sum(axis=0))

    @property
    def mean_precision(self) -> float:
        """Mean of ``precision`` over the classes that are predicted somewhere."""
        return mean_of_defined(self.precision)

    @property
    def dice(self) -> np.ndarray:
        """(classes,) Dice coefficient, twice the intersection over the sum of both areas; nan for absent classes."""
        return ratio(2 * np.diag(self.confusion), self.true_pixels + self.confusion.sum(axis=0))

    @property
    def mean_dice(self) -> float:
        """Mean of ``dice`` over the classes that are not absent."""
        return mean_of_defined(self.dice)

    @property
    def iou(self) -> np.ndarray:
        """(classes,) intersection over union; nan for absent classes."""
        hits = np.diag(self.confusion)
        return ratio(hits, self.true_pixels + self.confusion.sum(axis=0) - hits)

    @property
    def mean_iou(self) -> float:
        """Mean of ``iou`` over the classes that are not absent."""
        return mean_of_defined(self.iou)

    @property
    def mean_iou_absent_zero(self) -> float:
        """Mean of ``iou`` over all classes, absent ones counted as 0; nan without any pixel."""
        return float(np.nan_to_num(self.iou).mean()) if self.confusion.any() else float("nan")

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean of ``iou`` weighted by the number of true pixels of each class."""
        return float(ratio(np.sum(self.true_pixels * np.nan_to_num(self.iou)), self.confusion.sum()))

    @property
    def presence_average_precision(self) -> np.ndarray | None:
        """(classes,) average precision, see :class:`PresenceScores`; None without presence scores."""
        return None if self.presence is None else self.presence.average_precision

    @property
    def presence_f1(self) -> np.ndarray | None:
        """(classes,) F1, see :class:`PresenceScores`; None without presence scores."""
        return None if self.presence is None else self.presence.f1

    @property
    def presence_calibration_error(self) -> np.ndarray | None:
        """(classes,) calibration error, see :attr:`Calibration.error`; None without presence scores."""
        return None if self.presence is None else self.presence.calibration.error

    @property
    def mean_presence_average_precision(self) -> float | None:
        """Mean of ``presence_average_precision`` over the classes where it is defined; None without presence scores."""
        return None if self.presence is None else mean_of_defined(self.presence.average_precision)

    @property
    def mean_presence_f1(self) -> float | None:
        """Mean of ``presence_f1`` over the classes where it is defined; None without presence scores."""
        return None if self.presence is None else mean_of_defined(self.presence.f1)

    @property
    def mean_presence_calibration_error(self) -> float | None:
        """Mean of ``presence_calibration_error`` over the classes; None without presence scores."""
        return None if self.presence is None else mean_of_defined(self.presence.calibration.error)

    def to_dict(self) -> dict[str, Any]:
        """All scores as plain numbers for JSON, scores by class as a dict by class name; nan becomes None.

        Of more than 255 classes there is no ``confusion``, but ``confusion_pairs``: for each pair of classes that
        occurs, the true class, the predicted class and the number of pixels.
        """

        def by_class(values: np.ndarray | None) -> dict[str, float | None] | None:
            return None if values is None else {n: number(v) for n, v in zip(self.names, values, strict=True)}

        return {
            "pixel_accuracy": number(self.pixel_accuracy),
            "mean_accuracy": number(self.mean_accuracy),
            "mean_precision": number(self.mean_precision),
            "mean_dice": number(self.mean_dice),
            "mean_iou": number(self.mean_iou),
            "mean_iou_absent_zero": number(self.mean_iou_absent_zero),
            "frequency_weighted_iou": number(self.frequency_weighted_iou),
            "mean_presence_average_precision": number(self.mean_presence_average_precision),
            "mean_presence_f1": number(self.mean_presence_f1),
            "mean_presence_calibration_error": number(self.mean_presence_calibration_error),
            "iou": by_class(self.iou),
            "dice": by_class(self.dice),
            "accuracy": by_class(self.accuracy),
            "precision": by_class(self.precision),
            "presence_average_precision": by_class(self.presence_average_precision),
            "presence_f1": by_class(self.presence_f1),
            "presence_calibration_error": by_class(self.presence_calibration_error),
            **self._confusion(),
        }

    def _confusion(self) -> dict[str, Any]:
        """The confusion matrix as JSON types; only its pixels, as [true, predicted, number], if it is large."""
        if len(self.names) <= LARGEST_MATRIX:
            return {"confusion": self.confusion.tolist()}
        true, predicted = self.confusion.nonzero()
        return {"confusion_pairs": np.stack([true, predicted, self.confusion[true, predicted]], axis=1).tolist()}
