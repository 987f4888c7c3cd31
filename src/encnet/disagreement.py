"""How far what the pixels of an image say of its classes is from what presence says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from encnet.errors import InputError

SMALL_SHARE = 1e-2
"""Share of an image's pixels at which a class counts as half seen."""


class ClassDisagreement(NamedTuple):
    """A class on which pixels and presence disagree."""

    name: str
    disagreement: float  #: d of :class:`Disagreement`, 0-1
    presence: float  #: probability, 0-1, that the class is in the image
    share: float  #: of the pixels, 0-1

    def __str__(self) -> str:
        pixels = f"pixels {100 * self.share:.2g} %" if self.share else "no pixels"
        return f"{self.name}: presence {self.presence:.2f}, {pixels}"


@dataclass(frozen=True, eq=False)
class Disagreement:
    """How far pixels and presence of one image are from each other.

    With s_c the share of the pixels that have class c and p_c its presence::

        h_c = 1 if s_c > 0 else 0            whether the pixels name the class
        q_c = s_c / (s_c + SMALL_SHARE)      how firmly they do: 1/2 at a small share
        d_c = max(h_c, p_c) − q_c p_c        disagreement on a class, 0-1
        score = Σ_c d_c / Σ_c max(h_c, p_c)  disagreement on the image, 0-1

    The score is the mean of "not named by both" over the classes that either side names, as the mean IoU of an image is
    a mean over the classes that truth or prediction has. A class that is not there (pixels, but p near 0) and one that
    is overlooked (p near 1, but no pixels) have an IoU of 0, and one of few pixels is rarely cut well: so the score
    tells images with a low mean IoU, and needs no truth. With every q at 1 and p at 0 or 1 it is Jaccard's distance of
    the two sets of classes.

    Form and SMALL_SHARE are a compromise, out of some dozens that were compared: the rank correlation of score and mean
    IoU is -0.60 on CamVid's training images, -0.51 on its validation images, and -0.29 and -0.49 on generated scenes.
    All of these were in view when the choice was made, so expect less on other images. Where presence is sure of every
    class, as on CamVid's validation images, the score tells little more than how small the classes are.
    """

    score: float
    """Of the image, 0-1; 0 where neither side names a class."""
    by_class: np.ndarray
    """(classes,) float64, d_c."""
    presence: np.ndarray
    """(classes,) p_c, 0-1."""
    shares: np.ndarray
    """(classes,) s_c, 0-1."""

    @property
    def contradictory(self) -> np.ndarray:
        """(classes,) bool, whether the two say the opposite: pixels, but presence up to 0.5, or none, but above it."""
        return (self.shares > 0) != (self.presence > 0.5)

    def contradictions(self, names: Sequence[str]) -> list[ClassDisagreement]:
        """The classes on which the two say the opposite, the worst first."""
        return self._classes(names, self.contradictory)

    def doubtful(self, names: Sequence[str], most: int = 3) -> list[ClassDisagreement]:
        """The classes that the score is made of for the most part: those with a d_c above 0.5, the worst first."""
        return self._classes(names, self.by_class > 0.5)[:most]

    def _classes(self, names: Sequence[str], which: np.ndarray) -> list[ClassDisagreement]:
        order: list[int] = np.argsort(-self.by_class, kind="stable").tolist()
        return [
            ClassDisagreement(names[c], float(self.by_class[c]), float(self.presence[c]), float(self.shares[c]))
            for c in order
            if which[c]
        ]


def disagreement(shares: np.ndarray, presence: np.ndarray) -> Disagreement:
    """The disagreement of an image, see :class:`Disagreement`.

    Args:
        shares: (classes,) share of the pixels that have each class, 0-1.
        presence: (classes,) probability, 0-1, that each class is in the image.

    Raises:
        InputError: the two are not of as many classes.
    """
    s, p = np.asarray(shares, np.float64), np.asarray(presence, np.float64)
    if s.shape != p.shape or s.ndim != 1:
        raise InputError(f"shares of shape {s.shape} and presence of shape {p.shape}; give one number a class in each")
    named = np.maximum(s > 0, p)
    by_class = named - s / (s + SMALL_SHARE) * p
    total = named.sum()
    return Disagreement(float(by_class.sum() / total) if total else 0.0, by_class, p, s)
