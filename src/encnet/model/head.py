"""The interface of a head: features of the backbone's stages -> class scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from encnet.model.backbone import Stages
from encnet.model.context import ContextEncoding


class HeadFeatures(NamedTuple):
    """The output of :meth:`Head.prepare`: the features before the context encoding."""

    features: Tensor  #: (B, C, h, w): the context is encoded from them, and γ scales them
    finer: tuple[Tensor, ...] = ()  #: further features, of higher resolution, for :meth:`Head.classify`


class Head(nn.Module, ABC):
    """Stages -> class scores and presence, in two halves with the context encoding between them::

        stages -> prepare -> X -> context: e, γ -> ReLU(X + X ⊙ γ) -> classify -> logits
                                         └─ presence: linear of e -> which classes exist

    A head has two halves and the layers between them; :class:`encnet.model.network.Network` connects them. Prediction
    of large images calls the halves separately, so that all tiles share one context.

    A new head is a subclass with the attributes below, and an entry in :data:`encnet.model.heads.HEADS` that builds it
    from :class:`encnet.model.options.ModelOptions`.
    """

    context: ContextEncoding | None
    """The Context Encoding Module between the halves; None leaves the features unchanged."""
    presence: nn.Linear | None
    """Encoded semantics (B, C) -> presence (B, classes); None without an SE branch."""
    classifier: nn.Conv2d
    """The last layer: its output channels are the classes."""
    context_stage: int = 4
    """The stage, 1 to 4, at whose resolution the context is encoded."""
    needs_autocast: bool = False
    """True if half precision requires autocast: the head computes with the weights of several layers at once."""

    @abstractmethod
    def prepare(self, stages: Stages) -> HeadFeatures:
        """The first half: stages -> features before the context encoding."""

    @abstractmethod
    def classify(self, features: Tensor, finer: Sequence[Tensor] = ()) -> Tensor:
        """The second half: scaled features (B, C, h, w) and finer features -> logits (B, classes, h', w')."""
