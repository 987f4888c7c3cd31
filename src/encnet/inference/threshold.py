"""Two classes told apart at another probability than one half: better a crack too many than one that is missed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from encnet.data.class_indices import label_dtype
from encnet.inference.engines.engine import Engine, Scores
from encnet.system.checks import require
from encnet.system.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def with_threshold(engine: Engine, threshold: float | None) -> Engine:
    """An engine whose second class has the higher score where its probability is at least a threshold t::

        p₁ ≥ t  ⇔  z₁ - log(t / (1 - t)) ≥ z₀,   p = softmax(z)

    So everything that compares scores, in tiles, rasters and videos too, decides by the threshold. A protocol that sees
    the image more than once averages the probabilities of these scores.

    Args:
        engine: an engine of two classes; the network of one that holds a network is changed.
        threshold: probability of the second class, above 0 and below 1; None changes nothing.

    Raises:
        InputError: there are not two classes, the threshold is not between 0 and 1, or the head ends in another layer
            than a convolution with a bias.
    """
    if threshold is None:
        return engine
    require(0 < threshold < 1, "threshold", threshold, "a probability above 0 and below 1")
    names = engine.description.names
    if len(names) != 2:
        raise InputError(
            f"a threshold tells two classes apart, and the model has {len(names)}; leave it out", "threshold"
        )
    if engine.name not in ("pytorch", "compile"):
        return _Shifted(engine, _shift(threshold))
    network: Any = engine
    bias = getattr(getattr(network.network.head, "classifier", None), "bias", None)
    if bias is None:
        raise InputError("the head of this model has no classifier with a bias; leave out the threshold", "threshold")
    bias.data[1] -= _shift(threshold)
    return engine


class PixelMaps(NamedTuple):
    """What is known of the pixels of images of one size."""

    labels: np.ndarray  #: class indices (B, H, W), uint8, or uint16 with more than 255 classes
    confidences: Sequence[np.ndarray | None]  #: B times the probability (H, W) of the pixel's class, float32, 0-1
    probabilities: Sequence[np.ndarray | None]  #: B times the probabilities (classes, H, W), float32, 0-1


def pixel_maps(probabilities: Tensor, threshold: float | None, confidence: bool, all_classes: bool) -> PixelMaps:
    """The class of each pixel, and what is wanted beside it.

    Args:
        probabilities: (B, classes, H, W) from the scores of an engine, that of :func:`with_threshold` if there is a
            threshold. The shift of the scores is taken back in what is returned: with a threshold below one half, a
            pixel can have the less probable class.
        threshold: that of the engine.
        confidence: whether the probability of the pixel's class is wanted; else it is None for each image.
        all_classes: whether the probabilities of all classes are; else they are None.
    """
    labels = probabilities.argmax(dim=1, keepdim=True)
    if threshold is not None:
        second = (probabilities[:, 1:].logit(eps=1e-7) + _shift(threshold)).sigmoid()
        probabilities = second.new_empty(probabilities.shape)
        probabilities[:, :1], probabilities[:, 1:] = 1 - second, second
    nothing = [None] * len(labels)
    return PixelMaps(
        labels[:, 0].cpu().numpy().astype(label_dtype(probabilities.shape[1])),
        [*probabilities.gather(1, labels)[:, 0].float().cpu().numpy()] if confidence else nothing,
        [*probabilities.float().cpu().numpy()] if all_classes else nothing,
    )


def _shift(threshold: float) -> float:
    return math.log(threshold / (1 - threshold))


class _Shifted:
    """An engine of an exported model whose second class has lower scores, by ``shift``."""

    def __init__(self, engine: Engine, shift: float) -> None:
        self.engine, self.shift = engine, shift
        self.name, self.precision, self.device = engine.name, engine.precision, engine.device
        self.description = engine.description

    def __call__(self, images: np.ndarray) -> Scores:
        scores = self.engine(images)
        logits: Any = scores.logits
        logits = logits.copy() if isinstance(logits, np.ndarray) else logits.clone()
        logits[:, 1] -= self.shift
        return Scores(logits, scores.presence)
