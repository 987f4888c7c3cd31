"""The interface of a loss: output of a network and label maps -> a number to minimise."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor, nn

from encnet.model.output import EncNetOutput


class LossTerms(NamedTuple):
    """What a :class:`Loss` returns: scalars; the terms are not yet multiplied by their weights."""

    total: Tensor  #: pixel + se_weight · se + aux_weight · aux
    pixel: Tensor
    se: Tensor  #: sum over the stages that have an SE branch
    aux: Tensor


class Loss(nn.Module, ABC):
    """The quantity that training minimises.

    A new loss is a subclass and an entry in :data:`encnet.losses.LOSSES` that builds it from
    :class:`encnet.losses.options.LossOptions`.

    Shapes:
        (:class:`encnet.EncNetOutput`, whose logits may have a lower resolution than the labels; labels (B, H, W), class
        indices, and 255 for ignored pixels, or 65535 with more than 255 classes) -> :class:`LossTerms`.
    """

    class_weights: Tensor | None
    """(classes,), weight of the pixels of each class; None weighs all classes equally. Training may change it."""

    @abstractmethod
    def forward(self, output: EncNetOutput, labels: Tensor) -> LossTerms:
        """Returns the loss of a batch."""
