"""How good predictions are: pixel scores from one confusion matrix, presence scores from one record per image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.functional.classification import binary_average_precision
from torchmetrics.utilities import dim_zero_cat

from encnet.data.labels import IGNORE
from encnet.errors import InputError


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

    Presence scores compare, image by image, the probability that a class is in the image with whether at least one
    pixel of its label map has the class:

    - average precision of a class = Σ_j (R_j − R_{j−1}) P_j over its distinct probabilities in falling order, P_j and
      R_j the precision and recall of "probability ≥ the j-th"; undefined for a class that no image has
    - F1 of a class = 2 TP / (2 TP + FP + FN), positive where the probability is above 0.5; undefined where 0/0
    """

    names: tuple[str, ...]
    """The classes, in the order of all scores by class."""
    confusion: np.ndarray
    """(classes, classes) int64: pixels by true class (row) and predicted class (column)."""
    presence_average_precision: np.ndarray | None
    """(classes,) float64; None without presence scores."""
    presence_f1: np.ndarray | None
    """(classes,) float64; None without presence scores."""

    @property
    def true_pixels(self) -> np.ndarray:
        """(classes,) int64: pixels of each class in the truth."""
        return self.confusion.sum(axis=1)

    @property
    def pixel_accuracy(self) -> float:
        """Share of the pixels that are predicted right."""
        return float(_ratio(np.trace(self.confusion), self.confusion.sum()))

    @property
    def accuracy(self) -> np.ndarray:
        """(classes,) share of the pixels of each true class that are predicted right; nan without such pixels."""
        return _ratio(np.diag(self.confusion), self.true_pixels)

    @property
    def mean_accuracy(self) -> float:
        """Mean of ``accuracy`` over the classes that the truth has."""
        return _mean_of_defined(self.accuracy)

    @property
    def iou(self) -> np.ndarray:
        """(classes,) intersection over union; nan for absent classes."""
        hits = np.diag(self.confusion)
        return _ratio(hits, self.true_pixels + self.confusion.sum(axis=0) - hits)

    @property
    def mean_iou(self) -> float:
        """Mean of ``iou`` over the classes that are not absent."""
        return _mean_of_defined(self.iou)

    @property
    def mean_iou_absent_zero(self) -> float:
        """Mean of ``iou`` over all classes, absent ones counted as 0; nan when there is no pixel at all."""
        return float(np.nan_to_num(self.iou).mean()) if self.confusion.any() else float("nan")

    @property
    def frequency_weighted_iou(self) -> float:
        """Mean of ``iou`` weighted by the number of true pixels of each class."""
        return float(_ratio(np.sum(self.true_pixels * np.nan_to_num(self.iou)), self.confusion.sum()))

    @property
    def mean_presence_average_precision(self) -> float | None:
        """Mean of ``presence_average_precision`` over the classes where it is defined; None without presence scores."""
        values = self.presence_average_precision
        return None if values is None else _mean_of_defined(values)

    @property
    def mean_presence_f1(self) -> float | None:
        """Mean of ``presence_f1`` over the classes where it is defined; None without presence scores."""
        return None if self.presence_f1 is None else _mean_of_defined(self.presence_f1)

    def to_dict(self) -> dict[str, Any]:
        """All scores as plain numbers for JSON, by class name where there is one a class; nan becomes None."""

        def by_class(values: np.ndarray | None) -> dict[str, float | None] | None:
            return None if values is None else {n: _number(v) for n, v in zip(self.names, values, strict=True)}

        return {
            "pixel_accuracy": _number(self.pixel_accuracy),
            "mean_accuracy": _number(self.mean_accuracy),
            "mean_iou": _number(self.mean_iou),
            "mean_iou_absent_zero": _number(self.mean_iou_absent_zero),
            "frequency_weighted_iou": _number(self.frequency_weighted_iou),
            "mean_presence_average_precision": _number(self.mean_presence_average_precision),
            "mean_presence_f1": _number(self.mean_presence_f1),
            "iou": by_class(self.iou),
            "accuracy": by_class(self.accuracy),
            "presence_average_precision": by_class(self.presence_average_precision),
            "presence_f1": by_class(self.presence_f1),
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
    def update(self, predictions: Tensor, target: Tensor, presence_probabilities: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            predictions: (B, H, W) predicted classes, or (B, classes, H, W) scores whose greatest is the prediction.
            target: (B, H, W) true classes, IGNORE = 255 where the truth is unknown.
            presence_probabilities: (B, classes) in 0-1; required when made with ``presence``, unused otherwise. An
                image without any known pixel does not count in the presence scores.

        Raises:
            InputError: a class out of range, or missing presence probabilities.
        """
        if self.presence and presence_probabilities is None:
            raise InputError("presence scores need presence probabilities; make the metrics with presence=False")
        labels = predictions.argmax(dim=1) if predictions.is_floating_point() else predictions
        self._records.update(labels, target, presence_probabilities if self.presence else None)

    def compute(self) -> Scores:
        """The scores of everything since the last ``reset``, over all processes."""
        confusion, records = self._records.compute()
        classes = len(self.names)
        probabilities, truth = records.reshape(-1, 2, classes).unbind(1)
        return Scores(
            names=self.names,
            confusion=confusion.reshape(classes, classes).cpu().numpy(),  # torchmetrics squeezes 1 x 1
            presence_average_precision=_average_precision(probabilities, truth.bool()) if self.presence else None,
            presence_f1=_f1(probabilities > 0.5, truth.bool()) if self.presence else None,
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
        self.num_classes = num_classes
        self.add_state("confusion", torch.zeros(num_classes, num_classes, dtype=torch.int64), dist_reduce_fx="sum")
        # Flat (probabilities, truth) pairs, not (images, 2, classes): a process without images gathers as well.
        self.add_state("presence", [], dist_reduce_fx="cat")

    def update(self, labels: Tensor, target: Tensor, presence_probabilities: Tensor | None) -> None:
        classes, values = self.num_classes, IGNORE + 1
        if labels.numel() and int(labels.max()) >= classes:
            raise InputError(f"a predicted label is {int(labels.max())}, but there are {classes} classes")
        # One count of (image, true value, predicted class) says all: MulticlassConfusionMatrix takes ten times longer.
        image = torch.arange(len(target), device=target.device, dtype=torch.int32)[:, None, None]
        cells = (image * values + target) * classes + labels
        counts = torch.bincount(cells.flatten(), minlength=len(target) * values * classes).view(-1, values, classes)
        occurs = counts.any(dim=2)
        if occurs[:, classes:IGNORE].any():
            value = classes + int(occurs[:, classes:IGNORE].any(dim=0).nonzero()[0])
            raise InputError(
                f"a true label is {value}, but there are {classes} classes; unknown pixels must be {IGNORE}"
            )
        self.confusion += counts[:, :classes].sum(dim=0)
        if presence_probabilities is not None:
            truth = occurs[:, :classes]
            known = truth.any(dim=1)
            self.presence.append(torch.stack([presence_probabilities[known].float(), truth[known]], dim=1).flatten())

    def compute(self) -> tuple[Tensor, Tensor]:
        nothing = self.confusion.new_empty(0, dtype=torch.float32)
        return self.confusion, dim_zero_cat(self.presence) if len(self.presence) else nothing


def _average_precision(probabilities: Tensor, truth: Tensor) -> np.ndarray:
    """(images, classes) probabilities and whether the class is there -> (classes,) average precision."""
    return np.array(
        [
            float(binary_average_precision(p, t.long(), validate_args=False)) if t.any() else np.nan
            for p, t in zip(probabilities.unbind(1), truth.unbind(1), strict=True)
        ]
    )


def _f1(positive: Tensor, truth: Tensor) -> np.ndarray:
    """(images, classes) whether the class is said to be there, and is -> (classes,) F1."""
    hits = (positive & truth).sum(dim=0)
    return _ratio(2 * hits.cpu(), (positive.sum(dim=0) + truth.sum(dim=0)).cpu())


def _ratio(numerator: Any, denominator: Any) -> np.ndarray:
    """numerator / denominator in float64, nan where the denominator is 0."""
    numerator, denominator = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    return np.divide(numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator != 0)


def _mean_of_defined(values: np.ndarray) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else float("nan")


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
