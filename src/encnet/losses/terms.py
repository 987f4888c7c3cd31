"""The terms of the loss: presence targets, the soft Jaccard loss, and hard pixels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from encnet.data.class_indices import ignore_of
from encnet.losses.processes import smallest_of_processes, sum_over_processes


def presence_targets(labels: Tensor, num_classes: int) -> Tensor:
    """Returns which classes are in each label map (paper, section 3.1: SE-loss).

    It is one scatter on the labels' device, without a loop over images or a copy to the host. One pixel of a class is
    enough; ignored pixels do not count.

    Args:
        labels: (B, H, W), integer class indices, or :func:`encnet.data.class_indices.ignore_of` the classes.
        num_classes: number of classes.

    Returns:
        (B, num_classes), float32, 0 or 1.
    """
    # Ignored pixels go to an extra last column, which is cut off.
    index = labels.long().masked_fill(labels == ignore_of(num_classes), num_classes).flatten(1)
    exists = torch.zeros(labels.shape[0], num_classes + 1, device=labels.device)
    return exists.scatter_(1, index, 1.0)[:, :num_classes]


def soft_jaccard_loss(nll: Tensor, predicted: Tensor, labels: Tensor) -> Tensor:
    """Returns one minus the mean IoU of the batch, with probabilities instead of decisions::

        J = 1 - mean_c  Σ_i p_ic y_ic / Σ_i (p_ic + y_ic - p_ic y_ic)

    over the labelled pixels i of the whole batch, of all training processes, and the classes c that occur in it.
    Cross-entropy weighs pixels equally, this loss weighs classes equally: thin and rare classes count as much as the
    road. For decisions (0 or 1) it is one minus the mean IoU.

    It needs only the probabilities of the true classes and the sum over each class; see
    :func:`encnet.kernels.pixel_scores.pixel_scores`.

    Args:
        nll: (B, H, W), minus the log-probability of each pixel's true class.
        predicted: (classes,), Σ_i p_ic over the labelled pixels.
        labels: (B, H, W), int64, class indices or :func:`encnet.data.class_indices.ignore_of` the classes.

    Returns:
        scalar, 0-1; 0 if nothing is labelled.
    """
    valid = labels != ignore_of(len(predicted))
    known = labels.masked_fill(~valid, 0).flatten()
    true_class = ((-nll).exp() * valid).flatten()
    zeros = torch.zeros_like(predicted)
    intersection = zeros.index_add(0, known, true_class)
    labelled = zeros.index_add(0, known, valid.flatten().to(zeros.dtype))
    intersection, predicted, labelled = sum_over_processes(torch.stack((intersection, predicted, labelled)))
    occurs = labelled > 0
    iou = intersection / (predicted + labelled - intersection).clamp(min=torch.finfo(zeros.dtype).tiny)
    return ((1 - iou) * occurs).sum() / occurs.sum().clamp(min=1)


@dataclass(frozen=True)
class HardPixels:
    """Online hard example mining: only pixels with a low probability of the true class count.

    A pixel counts if that probability is below ``confidence``, or if it belongs to the ``fraction`` of hardest pixels
    of the batch, of all training processes.
    """

    confidence: float = 0.7
    """Probability of the true class, 0-1, below which a pixel counts."""
    fraction: float = 0.0625
    """Fraction of the labelled pixels, 0-1, that counts in any case: those with the lowest probability."""

    def counting(self, nll: Tensor, labelled: Tensor) -> Tensor:
        """Returns which pixels count.

        Args:
            nll: (B, H, W), minus the log-probability of each pixel's true class.
            labelled: (B, H, W), bool: which pixels have a class.

        Returns:
            (B, H, W), bool; arbitrary for pixels without a class.
        """
        true_class = (-nll).exp()
        confidence = true_class[labelled]
        kept = int(self.fraction * int(sum_over_processes(labelled.sum())))
        unsure = int(sum_over_processes((confidence < self.confidence).sum()))
        if unsure >= kept:  # then none of the fraction is surer
            return true_class < self.confidence
        return true_class <= smallest_of_processes(confidence, kept)
