"""How good predictions are: pixel scores from one confusion matrix, presence scores from one record an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from encnet.data.labels import IGNORE
from encnet.errors import InputError
from encnet.presence_metrics import PresenceScores, mean_of_defined, number, presence_scores, ratio


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of predictions over a set of images. Every score is in 0-1; nan where it is undefined.

    With n_tc the number of pixels of true class t that were predicted as class c (ignored pixels left out):

    - pixel accuracy = Σ_c n_cc / Σ_tc n_tc
    - accuracy of class t (its recall) = n_tt / Σ_c n_tc
    - IoU of class t = n_tt / (Σ_c n_tc + Σ_c n_ct − n_tt)
    - frequency-weighted IoU = Σ_t (Σ_c n_tc / Σ_uc n_uc) · IoU_t

    A class that neither truth nor prediction has in any pixel is *absent*: its IoU is 0/0. ``mean_iou`` leaves it out,
    as MMSegmentation does; ``mean_iou_absent_zero`` counts it as 0, as PyTorch-Encoding does.
    """

    names: tuple[str, ...]
    """The classes, in the order of all scores by class."""
    confusion: np.ndarray
    """(classes, classes) int64: pixels by true class (row) and predicted class (column)."""
    presence: PresenceScores | None = None
    """How well it is known which classes are in an image; None if the model does not say."""

    @property
    def true_pixels(self) -> np.ndarray:
        """(classes,) int64: pixels of each class in the truth."""
        return self.confusion.sum(axis=1)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are predicted right."""
        return float(ratio(np.trace(self.confusion), self.confusion.sum()))

    @property
    def accuracy(self) -> np.ndarray:
        """(classes,) share of the pixels of each true class that are predicted right; nan without such pixels."""
        return ratio(np.diag(self.confusion), self.true_pixels)

    @property
    def mean_accuracy(self) -> float:
        """Mean of ``accuracy`` over the classes that the truth has."""
        return mean_of_defined(self.accuracy)

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
        """Mean of ``iou`` over all classes, absent ones counted as 0; nan when there is no pixel at all."""
        return float(np.nan_to_num(self.iou).mean()) if self.confusion.any() else float("nan")

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean of ``iou`` weighted by the number of true pixels of each class."""
        return float(ratio(np.sum(self.true_pixels * np.nan_to_num(self.iou)), self.confusion.sum()))

    @property
    def presence_average_precision(self) -> np.ndarray | None:
        """(classes,) see :class:`PresenceScores`; None without presence scores."""
        return None if self.presence is None else self.presence.average_precision

    @property
    def presence_f1(self) -> np.ndarray | None:
        """(classes,) see :class:`PresenceScores`; None without presence scores."""
        return None if self.presence is None else self.presence.f1

    @property
    def presence_calibration_error(self) -> np.ndarray | None:
        """(classes,) see :attr:`Calibration.error`; None without presence scores."""
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
        """All scores as plain numbers for JSON, by class name where there is one a class; nan becomes None."""

        def by_class(values: np.ndarray | None) -> dict[str, float | None] | None:
            return None if values is None else {n: number(v) for n, v in zip(self.names, values, strict=True)}

        return {
            "pixel_accuracy": number(self.pixel_accuracy),
            "mean_accuracy": number(self.mean_accuracy),
            "mean_iou": number(self.mean_iou),
            "mean_iou_absent_zero": number(self.mean_iou_absent_zero),
            "frequency_weighted_iou": number(self.frequency_weighted_iou),
            "mean_presence_average_precision": number(self.mean_presence_average_precision),
            "mean_presence_f1": number(self.mean_presence_f1),
            "mean_presence_calibration_error": number(self.mean_presence_calibration_error),
            "iou": by_class(self.iou),
            "accuracy": by_class(self.accuracy),
            "presence_average_precision": by_class(self.presence_average_precision),
            "presence_f1": by_class(self.presence_f1),
            "presence_calibration_error": by_class(self.presence_calibration_error),
            "confusion": self.confusion.tolist(),
        }


class SegmentationMetrics(nn.Module):
    """Accumulates predictions batch by batch and computes :class:`Scores` of all of them.

    It follows the module it is a part of to its device; ``compute`` gathers from all processes of a process group.

    Args:
        num_classes: number of classes, at most 255.
        names: their names.
        presence: whether ``update`` gets presence probabilities.
    """

    def __init__(self, num_classes: int, names: Sequence[str], presence: bool) -> None:
        super().__init__()
        if len(names) != num_classes:
            raise InputError(f"{len(names)} class names were given for {num_classes} classes; give one name a class")
        self.names = tuple(names)
        self.presence = presence
        self._records = _Records(num_classes)

    @torch.no_grad()
    def update(self, predictions: Tensor, target: Tensor, presence_probabilities: Tensor | None = None) -> Tensor:
        """Adds a batch.

        Args:
            predictions: (B, H, W) predicted classes, or (B, classes, H, W) scores whose greatest is the prediction.
            target: (B, H, W) true classes, IGNORE = 255 where the truth is unknown.
            presence_probabilities: (B, classes) in 0-1; required when made with ``presence``, unused otherwise. An
                image without any known pixel does not count in the presence scores.

        Returns:
            (B, classes, classes) int64, the confusion matrix of each image, as :attr:`Scores.confusion`.

        Raises:
            InputError: a class out of range, or missing presence probabilities.
        """
        if self.presence and presence_probabilities is None:
            raise InputError("presence scores need presence probabilities; make the metrics with presence=False")
        labels = predictions.argmax(dim=1) if predictions.is_floating_point() else predictions
        counts = _counts(labels, target, len(self.names))
        self._records.update(counts, presence_probabilities if self.presence else None)
        return counts

    def compute(self) -> Scores:
        """The scores of everything since the last ``reset``, over all processes."""
        confusion, records = self._records.compute()
        classes = len(self.names)
        probabilities, truth = records.reshape(-1, 2, classes).unbind(1)
        return Scores(
            names=self.names,
            confusion=confusion.reshape(classes, classes).cpu().numpy(),  # torchmetrics squeezes 1 x 1
            presence=presence_scores(probabilities, truth.bool()) if self.presence else None,
        )

    def reset(self) -> None:
        """Forgets everything."""
        self._records.reset()


class _Records(Metric):
    """What the scores are computed from: the confusion matrix, and presence probabilities beside the truth."""

    full_state_update = False
    confusion: Tensor
    presence: list[Tensor]

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.add_state("confusion", torch.zeros(num_classes, num_classes, dtype=torch.int64), dist_reduce_fx="sum")
        # Flat (probabilities, truth) pairs, not (images, 2, classes): a process without images gathers as well.
        self.add_state("presence", [], dist_reduce_fx="cat")

    def update(self, counts: Tensor, presence_probabilities: Tensor | None) -> None:
        self.confusion += counts.sum(dim=0)
        if presence_probabilities is not None:
            truth = counts.any(dim=2)
            known = truth.any(dim=1)
            self.presence.append(torch.stack([presence_probabilities[known].float(), truth[known]], dim=1).flatten())

    def compute(self) -> tuple[Tensor, Tensor]:
        nothing = self.confusion.new_empty(0, dtype=torch.float32)
        return self.confusion, dim_zero_cat(self.presence) if len(self.presence) else nothing


def _counts(labels: Tensor, target: Tensor, classes: int) -> Tensor:
    """(B, classes, classes) int64: pixels of each image by true and predicted class, both (B, H, W).

    Raises:
        InputError: a class is out of range.
    """
    values = IGNORE + 1
    if labels.numel() and int(labels.max()) >= classes:
        raise InputError(f"a predicted label is {int(labels.max())}, but there are {classes} classes")
    # One count of (image, true value, predicted class) says all: MulticlassConfusionMatrix takes ten times longer.
    image = torch.arange(len(target), device=target.device, dtype=torch.int32)[:, None, None]
    cells = (image * values + target) * classes + labels
    counts = torch.bincount(cells.flatten(), minlength=len(target) * values * classes).view(-1, values, classes)
    undeclared = counts[:, classes:IGNORE].sum(dim=(0, 2)).nonzero()
    if len(undeclared):
        raise InputError(
            f"a true label is {classes + int(undeclared[0])}, but there are {classes} classes; unknown pixels must be"
            f" {IGNORE}"
        )
    return counts[:, :classes]
