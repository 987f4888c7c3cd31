"""The context of a video: the sums of the context encoding, averaged over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encnet.system.checks import require

if TYPE_CHECKING:
    from encnet.model.encoding import EncodingSums


class ContextMemory:
    """Averages the sums S_t of the images of a video, each over N pixels, so that γ does not flicker::

        M_t = weight · M_{t-1} + (1 - weight) · S_t / N,   M_0 = S_0 / N

    The context of image t is computed from the sums N · M_t. The labels are still those of image t; only its context
    also depends on the images before it.

    Args:
        weight: weight of the past, at least 0 and below 1; at 0.9 the weight of an image halves after 7 more images.

    Raises:
        InputError: the weight is out of range.
    """

    def __init__(self, weight: float) -> None:
        require(0 <= weight < 1, "context_memory", weight, "at least 0 and below 1")
        self.weight: float = weight
        self._mean: EncodingSums | None = None

    def __call__(self, sums: EncodingSums) -> EncodingSums:
        """Takes the sums of the next image, and returns the sums of its context."""
        mean = sums * (1 / sums.pixels)
        self._mean = mean if self._mean is None else self.weight * self._mean + (1 - self.weight) * mean
        return self._mean * sums.pixels
