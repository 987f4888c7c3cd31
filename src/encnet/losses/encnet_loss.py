"""The loss of EncNet: cross-entropy of pixels, and presence of classes in the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from encnet.data.class_indices import ignore_of
from encnet.kernels.pixel_scores import pixel_scores, weighted_nll
from encnet.losses.loss import Loss, LossTerms
from encnet.losses.options import LossOptions
from encnet.losses.processes import mean_over_processes, training_processes
from encnet.losses.terms import HardPixels, presence_targets, soft_jaccard_loss
from encnet.model.network import Network
from encnet.model.output import EncNetOutput
from encnet.system.checks import require
from encnet.system.text import counted


class EncNetLoss(Loss):
    """The training loss (paper, section 3.2)::

        total = pixel(logits) + se_weight · Σ_stages SE(presence) + aux_weight · pixel(aux_logits)
        pixel = CE + jaccard_weight · J

    CE is the mean over the pixels that are not ignored, weighted if classes have weights. SE is the binary
    cross-entropy, or the mean squared error, between presence and :func:`presence_targets`, averaged over classes and
    over the images with a labelled pixel. J is :func:`soft_jaccard_loss`, optional. If nothing is labelled, every term
    is zero, with a gradient of zero, not NaN. Everything is computed in float32.

    Where several processes train together, the means are over the pixels and images of all of them, hard pixels are
    chosen among those of all, and each process calls the loss once a step.

    Logits of another size than the labels are interpolated to it block by block, without a tensor of classes x H x W
    (:mod:`encnet.kernels.pixel_scores`). So pass the logits of ``model(images, full_size=False)``.

    Args:
        num_classes: number of classes.
        se_weight: weight of the SE-loss of each stage.
        aux_weight: weight of the auxiliary head's loss.
        presence_loss: "bce" or "mse", as in the model.
        class_weights: weight of each class in CE, positive; None weighs all classes equally.
        hard_pixels: OHEM of both CE terms; None uses all pixels.
        jaccard_weight: weight of J; 0 leaves it out.
        align_corners: convention of the interpolation of logits, as in the model.

    Shapes:
        (:class:`EncNetOutput`, labels (B, H, W) of class indices, and 255 for ignored
        pixels, or 65535 with more than 255 classes) -> :class:`LossTerms`.

    Raises:
        InputError: a weight is negative, ``class_weights`` has another length, ``presence_loss`` is unknown; logits and
            labels have other dimensions, or different numbers of images.
    """

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
        require(se_weight >= 0, "se_weight", se_weight, "at least 0")
        require(aux_weight >= 0, "aux_weight", aux_weight, "at least 0")
        require(jaccard_weight >= 0, "jaccard_weight", jaccard_weight, "at least 0")
        require(presence_loss in ("bce", "mse"), "presence_loss", repr(presence_loss), "'bce' or 'mse'")
        weights = None if class_weights is None else torch.as_tensor(class_weights, dtype=torch.float32)
        if weights is not None:
            valid = weights.shape == (num_classes,) and bool((weights > 0).all())
            require(
                valid,
                "class_weights",
                weights.tolist(),
                f"{counted(num_classes, 'positive number')}, one for each class",
            )
        self.num_classes: int = num_classes
        self.ignore: int = ignore_of(num_classes)
        self.se_weight: float = se_weight
        self.aux_weight: float = aux_weight
        self.presence_loss: str = presence_loss
        self.hard_pixels: HardPixels | None = hard_pixels
        self.jaccard_weight: float = jaccard_weight
        self.align_corners: bool = align_corners
        self.register_buffer("class_weights", weights, persistent=False)

    @classmethod
    def from_options(cls, options: LossOptions, network: Network, class_weights: Tensor | None = None) -> EncNetLoss:
        """Builds the loss from options and the network to be trained; see :data:`encnet.losses.LOSSES`."""
        return cls(
            network.num_classes,
            options.se_weight,
            options.aux_weight,
            network.presence_loss,
            class_weights,
            HardPixels() if options.hard_pixels else None,
            options.jaccard_weight,
            network.align_corners,
        )

    def forward(self, output: EncNetOutput, labels: Tensor) -> LossTerms:
        labels = labels.long()
        pixel = self._pixels(output.logits, labels)
        se = self._presence((output.presence, output.stage3_presence), labels, like=pixel)
        aux = pixel.new_zeros(()) if output.aux_logits is None else self._pixels(output.aux_logits, labels)
        return LossTerms(pixel + self.se_weight * se + self.aux_weight * aux, pixel, se, aux)

    def _pixels(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Returns CE + jaccard_weight · J, a scalar, for logits (B, classes, h, w) and labels (B, H, W)."""
        with torch.autocast(logits.device.type, enabled=False):
            labelled = labels != self.ignore
            if self.hard_pixels is None and not self.jaccard_weight:  # the weights do not depend on the logits
                weights, total = self._weights(labels, labelled)
                return weighted_nll(logits, labels, weights, self.align_corners, self.ignore) / total
            nll, predicted = pixel_scores(logits, labels, self.align_corners, bool(self.jaccard_weight), self.ignore)
            counts = (
                labelled if self.hard_pixels is None else labelled & self.hard_pixels.counting(nll.detach(), labelled)
            )
            weights, total = self._weights(labels, counts)
            cross_entropy = (weights * nll).sum() / total
            if predicted is None:
                return cross_entropy
            return cross_entropy + self.jaccard_weight * soft_jaccard_loss(nll, predicted, labels)

    def _weights(self, labels: Tensor, counts: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the weight of each pixel's loss in the mean, (B, H, W), and what to divide by."""
        weights = counts.float()
        if self.class_weights is not None:
            weights = weights * self.class_weights[labels.masked_fill(~counts, 0)]
        return weights, mean_over_processes(weights.sum()).clamp(min=torch.finfo(weights.dtype).tiny)

    def _presence(self, stages: Sequence[Tensor | None], labels: Tensor, like: Tensor) -> Tensor:
        """Returns the sum of the SE-losses of the stages that have presence, (B, classes); a scalar."""
        present = [stage for stage in stages if stage is not None]
        if not present:
            return like.new_zeros(())
        targets = presence_targets(labels, self.num_classes)
        labelled = targets.amax(dim=1, keepdim=True)  # an image without a label says nothing about its classes
        compare = F.binary_cross_entropy_with_logits if self.presence_loss == "bce" else F.mse_loss
        with torch.autocast(labels.device.type, enabled=False):
            losses = [(compare(stage.float(), targets, reduction="none") * labelled).sum() for stage in present]
        images = mean_over_processes(labelled.sum()).clamp(min=1 / training_processes())
        return torch.stack(losses).sum() / (images * self.num_classes)
