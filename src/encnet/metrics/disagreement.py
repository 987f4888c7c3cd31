"""Disagreement between predicted pixels and predicted class presence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from encnet.system.errors import InputError

SMALL_SHARE: float = 1e-2
"""Share of an image's pixels at which a class counts half."""


class ClassDisagreement(NamedTuple):
    """The disagreement between pixels and presence on one class."""

    name: str  #: name of the class
    disagreement: float  #: d_c of :class:`Disagreement`, 0-1
    presence: float  #: probability, 0-1, that the class is in the image
    share: float  #: share of the pixels that have the class, 0-1

    def __str__(self) -> str:
        pixels = f"pixels {100 * self.share:.2g} %" if self.share else "no pixels"
        return f"{self.name}: presence {self.presence:.2f}, {pixels}"


@dataclass(frozen=True, eq=False)
class Disagreement:
    """Disagreement between pixels and presence of one image.

    With s_c the share of the pixels that have class c and p_c its presence::

        h_c = 1 if s_c > 0 else 0            whether any pixel has the class
        q_c = s_c / (s_c + SMALL_SHARE)      weight of these pixels: 1/2 at SMALL_SHARE
        d_c = max(h_c, p_c) − q_c p_c        disagreement on the class, 0-1
        score = Σ_c d_c / Σ_c max(h_c, p_c)  disagreement on the image, 0-1

    The score is a mean over the classes that pixels or presence predict, as the mean IoU of an image is a mean over the
    classes of its truth or prediction. A class that is predicted but not in the image (pixels, p near 0) and a class
    that is overlooked (p near 1, no pixels) have an IoU of 0, and the outline of a class with few pixels is rarely
    right. So a high score indicates a low mean IoU, without any truth. If every q is 1 and every p is 0 or 1, the score
    is the Jaccard distance between the two sets of classes.

    The formula and SMALL_SHARE are a compromise among some dozens of variants. The rank correlation of score and mean
    IoU is -0.60 on CamVid's training images, -0.51 on its validation images, and -0.29 and -0.49 on generated scenes.
    The choice was made on these same images, so expect less on others. Where presence is sure of every class, as on
    CamVid's validation images, the score says little more than how small the classes are.
    """

    score: float
    """Disagreement on the image, 0-1; 0 if neither pixels nor presence predict a class."""
    by_class: np.ndarray
    """(classes,) float64: d_c, 0-1."""
    presence: np.ndarray
    """(classes,) float64: p_c, 0-1."""
    shares: np.ndarray
    """(classes,) float64: s_c, 0-1."""

    @property
    def contradictory(self) -> np.ndarray:
        """(classes,) bool: classes with pixels but presence up to 0.5, or with presence above 0.5 but no pixels."""
        return (self.shares > 0) != (self.presence > 0.5)

    def contradictions(self, names: Sequence[str]) -> list[ClassDisagreement]:
        """The classes of :attr:`contradictory`, largest disagreement first."""
        return self._classes(names, self.contradictory)

    def doubtful(self, names: Sequence[str], most: int = 3) -> list[ClassDisagreement]:
        """The classes that contribute most to the score: at most ``most`` with d_c above 0.5, the largest first."""
        return self._classes(names, self.by_class > 0.5)[:most]

    def _classes(self, names: Sequence[str], selected: np.ndarray) -> list[ClassDisagreement]:
        order: list[int] = np.argsort(-self.by_class, kind="stable").tolist()
        return [
            ClassDisagreement(names[c], float(self.by_class[c]), float(self.presence[c]), float(self.shares[c]))
            for c in order
            if selected[c]
        ]


def disagreement(shares: np.ndarray, presence: np.ndarray) -> Disagreement:
    """The disagreement on an image; see :class:`Disagreement`.

    Args:
        shares: (classes,) share of the pixels that have each class, 0-1.
        presence: (classes,) probability, 0-1, that each class is in the image.

    Raises:
        InputError: the shapes differ.
    """
    s, p = np.asarray(shares, np.float64), np.asarray(presence, np.float64)
    if s.shape != p.shape or s.ndim != 1:
        raise InputError(
            f"shares have the shape {s.shape} and presence has the shape {p.shape}; give one number per class in each"
        )
    predicted = np.maximum(s > 0, p)
    by_class = predicted - s / (s + SMALL_SHARE) * p
    total = predicted.sum()
    return Disagreement(float(by_class.sum() / total) if total else 0.0, by_class, p, s)
