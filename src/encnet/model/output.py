"""The output of EncNet, and the result of its context encoding for an image."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class EncNetOutput(NamedTuple):
    """What :class:`encnet.EncNet` returns, in training and evaluation."""

    logits: Tensor  #: (B, classes, H, W) at the size of the images, or (B, classes, h, w) at the resolution of the head
    presence: Tensor | None = None  #: (B, classes): which classes are in the image, from stage 4
    aux_logits: Tensor | None = None  #: like ``logits``, from the auxiliary FCN head on stage 3
    stage3_presence: Tensor | None = None  #: (B, classes), like ``presence``, from stage 3


class Scene(NamedTuple):
    """The result of the context encoding for a whole image."""

    gamma: Tensor  #: (B, C) in 0-1: the factor of each channel
    presence: Tensor | None  #: (B, classes), as in :class:`EncNetOutput`; None without an SE branch


LEAST_PRESENCE = 1e-3
"""Lower clamp on presence before the log in the prior."""
