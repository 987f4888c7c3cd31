"""The loss of EncNet: pixels, and which classes exist in the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from encnet.data.labels import IGNORE
from encnet.errors import InputError
from encnet.model.output import EncNetOutput
from encnet.pixel_scores import pixel_scores, weighted_nll


class LossTerms(NamedTuple):
    """What :class:`EncNetLoss` returns; scalars, the parts before their weights."""

    total: Tensor  #: pixel + se_weight · se + aux_weight · aux
    pixel: Tensor
    se: Tensor  #: sum over the stages that have an SE branch
    aux: Tensor


def presence_targets(labels: Tensor, num_classes: int) -> Tensor:
    """Which classes exist in each label map (paper, section 3.1: SE-loss).

    One scatter on the labels' device: no loop over images, no copy to the host. A class with one pixel counts, ignored
    pixels do not.

    Args:
        labels: (B, H, W), integer class indices, or ``IGNORE``.
        num_classes: number of classes.

    Returns:
        (B, num_classes), float32, 0 or 1.
    """
    # An extra last column takes the ignored pixels and is cut off.
    index = labels.long().masked_fill(labels == IGNORE, num_classes).flatten(1)
    exists = torch.zeros(labels.shape[0], num_classes + 1, device=labels.device)
    return exists.scatter_(1, index, 1.0)[:, :num_classes]


def soft_jaccard_loss(nll: Tensor, predicted: Tensor, labels: Tensor) -> Tensor:
    """One minus the mean IoU of the batch, with probabilities in place of decisions::

        J = 1 - mean_c  Σ_i p_ic y_ic / Σ_i (p_ic + y_ic - p_ic y_ic)

    over the labelled pixels i of the whole batch and the classes c that occur in it. Cross-entropy counts pixels, this
    counts classes: thin and rare ones weigh as much as the road. With decisions (0 or 1) it is one minus the mean IoU.

    Of the probabilities it needs those of the true classes and the sum over each class, see
    :func:`encnet.pixel_scores.pixel_scores`.

    Args:
        nll: (B, H, W), minus the log-probability of each pixel's true class.
        predicted: (classes,), Σ_i p_ic over the labelled pixels.
        labels: (B, H, W), int64, class indices or ``IGNORE``.

    Returns:
        scalar, 0-1; 0 where nothing is labelled.
    """
    valid = labels != IGNORE
    known = labels.masked_fill(~valid, 0).flatten()
    true_class = ((-nll).exp() * valid).flatten()
    zeros = torch.zeros_like(predicted)
    intersection = zeros.index_add(0, known, true_class)
    labelled = zeros.index_add(0, known, valid.flatten().to(zeros.dtype))
    occurs = labelled > 0
    iou = intersection / (predicted + labelled - intersection).clamp(min=torch.finfo(zeros.dtype).tiny)
    return ((1 - iou) * occurs).sum() / occurs.sum().clamp(min=1)


@dataclass(frozen=True)
class HardPixels:
    """Online hard example mining: only pixels that the network is not sure of count.

    A pixel counts if its true class has less than ``confidence``, or if it is among the ``fraction`` hardest.
    """

    confidence: float = 0.7
    fraction: float = 0.0625


class EncNetLoss(nn.Module):
    """The training loss (paper, section 3.2)::

        total = pixel(logits) + se_weight · Σ_stages SE(presence) + aux_weight · pixel(aux_logits)
        pixel = CE + jaccard_weight · J

    CE averages over the pixels that are not ignored (by their weights, if classes have weights); SE is the binary
    cross-entropy, or the mean squared error, between presence and :func:`presence_targets`, averaged over classes
    and over the images that have a labelled pixel; J is :func:`soft_jaccard_loss`, an option. Where nothing is labelled
    every term is zero, with a gradient of zero, not NaN. All is computed in float32.

    Logits of another size than the labels are interpolated to it, block by block: no tensor of classes x H x W exists
    (:mod:`encnet.pixel_scores`). So give it the logits of ``model(images, full_size=False)``.

    Args:
        num_classes: number of classes.
        se_weight: weight of the SE-loss of each stage.
        aux_weight: weight of the auxiliary head's loss.
        presence_loss: "bce" or "mse", as the model's.
        class_weights: weight of each class in CE, positive; None weighs them equally.
        hard_pixels: OHEM of both CE terms; None takes all pixels.
        jaccard_weight: weight of J; 0 leaves it out.
        align_corners: how logits of another size than the labels are interpolated, as the model's.

    Shapes:
        (:class:`EncNetOutput`, labels (B, H, W) of class indices or ``IGNORE``) -> :class:`LossTerms`.

    Raises:
        InputError: a weight is negative, ``class_weights`` has another length, ``presence_loss`` is unknown; logits and
            labels have other dimensions, or are of different numbers of images.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        num_classes: int,
        se_weight: float = 0.2,
        aux_weight: float = 0.4,
        presence_loss: str = "bce",
        class_weights: Sequence[float] | Tensor | None = None,
        hard_pixels: HardPixels | None = None,
        jaccard_weight: float = 0.0,
        align_corners: bool = False,
    ) -> None:
        super().__init__()
        if min(se_weight, aux_weight, jaccard_weight) < 0:
            weights = f"se_weight {se_weight}, aux_weight {aux_weight} and jaccard_weight {jaccard_weight}"
            raise InputError(f"{weights} must not be negative")
        if presence_loss not in ("bce", "mse"):
            raise InputError(f"presence_loss is {presence_loss!r}; it must be 'bce' or 'mse'")
        per_class = None if class_weights is None else torch.as_tensor(class_weights, dtype=torch.float32)
        if per_class is not None and (per_class.shape != (num_classes,) or bool((per_class <= 0).any())):
            raise InputError(f"class_weights must be {num_classes} positive numbers, one for each class")
        self.num_classes = num_classes
        self.se_weight = se_weight
        self.aux_weight = aux_weight
        self.presence_loss = presence_loss
        self.hard_pixels = hard_pixels
        self.jaccard_weight = jaccard_weight
        self.align_corners = align_corners
        self.register_buffer("class_weights", per_class, persistent=False)

    def forward(self, output: EncNetOutput, labels: Tensor) -> LossTerms:
        labels = labels.long()
        pixel = self._pixels(output.logits, labels)
        se = self._presence((output.presence, output.stage3_presence), labels, like=pixel)
        aux = pixel.new_zeros(()) if output.aux_logits is None else self._pixels(output.aux_logits, labels)
        return LossTerms(pixel + self.se_weight * se + self.aux_weight * aux, pixel, se, aux)

    def _pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        with torch.autocast(logits.device.type, enabled=False):
            labelled = labels != IGNORE
            if self.hard_pixels is None and not self.jaccard_weight:  # the weights do not depend on the logits
                weights, total = self._weights(labels, labelled)
                return weighted_nll(logits, labels, weights, self.align_corners) / total
            nll, predicted = pixel_scores(logits, labels, self.align_corners, bool(self.jaccard_weight))
            counts = labelled if self.hard_pixels is None else labelled & self._hard(nll.detach(), labelled)
            weights, total = self._weights(labels, counts)
            cross_entropy = (weights * nll).sum() / total
            if predicted is None:
                return cross_entropy
            return cross_entropy + self.jaccard_weight * soft_jaccard_loss(nll, predicted, labels)

    def _weights(self, labels: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """(B, H, W), by how much the loss of each pixel counts in the mean, and the sum of that."""
        weights = counts.float()
        if self.class_weights is not None:
            weights = weights * self.class_weights[labels.masked_fill(~counts, 0)]
        return weights, weights.sum().clamp(min=torch.finfo(weights.dtype).tiny)

    def _hard(self, nll: Tensor, labelled: Tensor) -> Tensor:
        """(B, H, W), whether a pixel counts under OHEM; ignored pixels come out as anything."""
        assert self.hard_pixels is not None
        true_class = (-nll).exp()
        confidence = true_class[labelled]
        kept = int(self.hard_pixels.fraction * confidence.numel())
        if kept == 0:
            return true_class < self.hard_pixels.confidence
        hardest = confidence.kthvalue(kept).values
        return true_class <= hardest.clamp(min=self.hard_pixels.confidence)

    def _presence(self, stages: Sequence[Tensor | None], labels: Tensor, like: Tensor) -> Tensor:
        present = [stage for stage in stages if stage is not None]
        if not present:
            return like.new_zeros(())
        targets = presence_targets(labels, self.num_classes)
        labelled = targets.amax(dim=1, keepdim=True)  # an image without a label says nothing about its classes
        compare = F.binary_cross_entropy_with_logits if self.presence_loss == "bce" else F.mse_loss
        with torch.autocast(labels.device.type, enabled=False):
            losses = [(compare(stage.float(), targets, reduction="none") * labelled).sum() for stage in present]
        return torch.stack(losses).sum() / (labelled.sum() * self.num_classes).clamp(min=1)
