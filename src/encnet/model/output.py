"""What EncNet returns, and what its context encoding says of an image."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class EncNetOutput(NamedTuple):
    """What :class:`encnet.EncNet` returns, always."""

    logits: Tensor  #: (B, classes, H, W), at the size of the images, or (B, classes, h, w), at the head's resolution
    presence: Tensor | None = None  #: (B, classes): which classes exist in the image, from stage 4
    aux_logits: Tensor | None = None  #: as ``logits``, of the auxiliary FCN head on stage 3
    stage3_presence: Tensor | None = None  #: (B, classes), as ``presence``, from stage 3


class Scene(NamedTuple):
    """What the context encoding says of a whole image."""

    gamma: Tensor  #: (B, C) in 0-1: the factor of each channel
    presence: Tensor | None  #: (B, classes), as in :class:`EncNetOutput`


LEAST_PRESENCE = 1e-3
"""Probabilities of presence below it count as it in the prior on the logits."""
