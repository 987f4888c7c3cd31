"""The boundary F-score: how well the outlines of classes agree, whatever their areas."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt

TOLERANCE = 0.0075
"""Distance to which outlines agree, as a share of the image's diagonal."""


class BoundaryScores:
    """The boundary F-score of each class over a set of images (Csurka et al., BMVC 2013)::

        F = 2 P R / (P + R)

    P is the share of the predicted boundary pixels that lie within the tolerance of a true one, R the share of the true
    ones that lie within it of a predicted one. Both are sums over all images, as in mean IoU. A boundary pixel of a
    class is one of its pixels that has a pixel of another class above, below, left or right of it; where truth is
    ignored, and at the border of the image, there is no boundary.

    Args:
        classes: number of classes.
        ignore: index in the truth that is no class.
    """

    def __init__(self, classes: int, ignore: int = 255) -> None:
        self.classes: int = classes
        self.ignore: int = ignore
        self._predicted: np.ndarray = np.zeros((2, classes))  # near a true one, all
        self._true: np.ndarray = np.zeros((2, classes))

    def update(self, predicted: np.ndarray, truth: np.ndarray) -> None:
        """Adds an image: class indices (H, W) each."""
        radius = TOLERANCE * float(np.hypot(*truth.shape))
        known = truth != self.ignore
        for c in range(self.classes):
            ours, theirs = outline(predicted == c, known), outline(truth == c, known)
            for counts, boundary, other in ((self._predicted, ours, theirs), (self._true, theirs, ours)):
                counts[0, c] += (boundary & _near(other, radius)).sum()
                counts[1, c] += boundary.sum()

    @property
    def f_scores(self) -> np.ndarray:
        """(classes,) float64, 0-1; nan for a class that is nowhere in the truth."""
        found, precision_of = self._predicted
        hit, recall_of = self._true
        precision, recall = found / np.maximum(precision_of, 1), hit / np.maximum(recall_of, 1)
        f = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        return np.where(recall_of > 0, f, np.nan)


def outline(mask: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The boundary pixels of a mask (H, W) bool, where it and the pixel beyond are known."""
    edge = np.zeros_like(mask)
    for axis in (0, 1):
        low = [slice(None), slice(None)]
        high = [slice(None), slice(None)]
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        first, second = tuple(low), tuple(high)
        differs = (mask[first] != mask[second]) & known[first] & known[second]
        edge[first] |= differs & mask[first]
        edge[second] |= differs & mask[second]
    return edge


def _near(boundary: np.ndarray, radius: float) -> np.ndarray:
    if not boundary.any():
        return np.zeros_like(boundary)
    distances = np.asarray(distance_transform_edt(~boundary))
    return distances <= radius
