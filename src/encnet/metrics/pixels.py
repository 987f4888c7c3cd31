"""Metrics of predictions, accumulated batch by batch: one confusion matrix, and one presence record per image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from encnet.data.class_indices import IGNORE, ignore_of, is_wide
from encnet.metrics.presence import presence_scores
from encnet.metrics.scores import Scores
from encnet.system.errors import InputError
from encnet.system.text import counted

MOST_CLASSES: int = 4096
"""The most classes that are compared with each other: 128 MiB for a confusion matrix, of all images or of one."""


class SegmentationMetrics(nn.Module):
    """Accumulates predictions batch by batch and computes the :class:`Scores` of all of them.

    As a submodule it moves to the device of its parent.

    Args:
        num_classes: number of classes, at most :data:`MOST_CLASSES`.
        names: names of the classes.
        presence: whether ``update`` gets presence probabilities.
        gather: whether ``compute`` gathers from all processes of a process group, if there is one; each of them must
            then call it.

    Raises:
        InputError: the number of names is not the number of classes, or there are too many classes.
    """

    def __init__(self, num_classes: int, names: Sequence[str], presence: bool, gather: bool = True) -> None:
        super().__init__()
        if len(names) != num_classes:
            raise InputError(
                f"names gives {counted(len(names), 'name')} for {counted(num_classes, 'class')}; give one per class",
                "names",
            )
        if num_classes > MOST_CLASSES:
            raise InputError(
                f"{num_classes} classes are too many to compare each with each other, which takes memory for the square"
                f" of their number; scores are computed for up to {MOST_CLASSES} classes",
                "num_classes",
            )
        self.names: tuple[str, ...] = tuple(names)
        self.presence: bool = presence
        self._records = _Records(num_classes, gather)

    @torch.no_grad()
    def update(self, predictions: Tensor, target: Tensor, presence_probabilities: Tensor | None = None) -> Tensor:
        """Adds a batch.

        Args:
            predictions: (B, H, W) predicted classes, in a type that PyTorch computes with (not uint16); or (B,
                classes, H, W) scores; the class with the highest score is then the prediction.
            target: (B, H, W) true classes; 255, or 65535 with more than 255 classes, where the truth is unknown.
            presence_probabilities: (B, classes) in 0-1; required if constructed with ``presence=True``, else unused. An
                image without any known pixel does not count in the presence scores.

        Returns:
            (B, classes, classes) int64: the confusion matrix of each image, as :attr:`Scores.confusion`.

        Raises:
            InputError: a class is out of range, or presence probabilities are missing.
        """
        if self.presence and presence_probabilities is None:
            raise InputError(
                "presence scores need presence probabilities; give them, or construct the metrics with presence=False",
                "presence_probabilities",
            )
        labels = predictions.argmax(dim=1) if predictions.is_floating_point() else predictions
        counts = pixel_counts(labels, target, len(self.names))
        self.add(counts, presence_probabilities)
        return counts

    @torch.no_grad()
    def add(self, counts: Tensor, presence_probabilities: Tensor | None = None) -> None:
        """Adds a batch whose pixels are counted already.

        Args:
            counts: (B, classes, classes) int64, as from :func:`pixel_counts`.
            presence_probabilities: as for :meth:`update`.
        """
        self._records.update(counts, presence_probabilities if self.presence else None)

    def compute(self) -> Scores:
        """The scores of all predictions since the last ``reset``."""
        confusion, records = self._records.compute()
        classes = len(self.names)
        probabilities, truth = records.reshape(-1, 2, classes).unbind(1)
        return Scores(
            names=self.names,
            confusion=confusion.reshape(classes, classes).cpu().numpy(),  # torchmetrics squeezes 1 x 1
            presence=presence_scores(probabilities, truth.bool()) if self.presence else None,
        )

    def reset(self) -> None:
        """Removes all predictions."""
        self._records.reset()


class _Records(Metric):
    """The data that scores are computed from: the confusion matrix, and presence probabilities with the truth."""

    full_state_update = False
    confusion: Tensor
    presence: list[Tensor]

    def __init__(self, num_classes: int, gather: bool) -> None:
        super().__init__(sync_on_compute=gather)
        self.add_state("confusion", torch.zeros(num_classes, num_classes, dtype=torch.int64), dist_reduce_fx="sum")
        # Flat (probabilities, truth) pairs, not (images, 2, classes), so that a process without images can gather too.
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


def pixel_counts(labels: Tensor, target: Tensor, classes: int) -> Tensor:
    """Number of pixels of each image by true and predicted class, (B, classes, classes) int64.

    Args:
        labels: (B, H, W) predicted classes.
        target: (B, H, W) true classes, or :func:`ignore_of` their number.
        classes: number of classes.

    Raises:
        InputError: a class is out of range.
    """
    if labels.numel() and int(labels.max()) >= classes:
        raise InputError(f"a predicted label is {int(labels.max())}, but there are only {classes} classes")
    if is_wide(classes):
        return _many_counts(labels, target, classes)
    values = IGNORE + 1
    # One bincount over (image, true value, predicted class): MulticlassConfusionMatrix takes ten times as long.
    image = torch.arange(len(target), device=target.device, dtype=torch.int32)[:, None, None]
    cells = (image * values + target) * classes + labels
    counts = torch.bincount(cells.flatten(), minlength=len(target) * values * classes).view(-1, values, classes)
    undeclared = counts[:, classes:IGNORE].sum(dim=(0, 2)).nonzero()
    if len(undeclared):
        raise _undeclared(classes + int(undeclared[0]), classes)
    return counts[:, :classes]


def _many_counts(labels: Tensor, target: Tensor, classes: int) -> Tensor:
    """:func:`pixel_counts` for more than 255 classes: without a row for each of the 65536 values of a true label."""
    unknown = target == ignore_of(classes)
    true = target.long().masked_fill(unknown, classes)  # to an extra last row, which is cut off
    if true.numel() and int(true.max()) > classes:
        raise _undeclared(int(true[true > classes].min()), classes)
    if bool(((true == classes) & ~unknown).any()):
        raise _undeclared(classes, classes)
    rows = classes + 1
    image = torch.arange(len(target), device=target.device)[:, None, None]
    cells = (image * rows + true) * classes + labels
    counts = torch.bincount(cells.flatten(), minlength=len(target) * rows * classes).view(-1, rows, classes)
    return counts[:, :classes]


def _undeclared(label: int, classes: int) -> InputError:
    return InputError(
        f"a true label is {label}, but there are only {classes} classes; mark unknown pixels with {ignore_of(classes)}"
    )
