"""One context for the images of a video: what the context encoding sums up, averaged over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from encnet.errors import InputError

if TYPE_CHECKING:
    from encnet.model.encoding import EncodingSums


class ContextMemory:
    """Averages the sums S_t of the images of a video, those of N pixels each, so that γ does not flicker::

        M_t = weight · M_{t-1} + (1 - weight) · S_t / N,   M_0 = S_0 / N

    The context of image t is that of the sums N · M_t. The labels stay those of image t: only what it is told of the
    scene comes from the images before it too.

    Args:
        weight: 0 to below 1; at 0.9 an image counts half as much after 7 further ones.

    Raises:
        InputError: the weight is out of its range.
    """

    def __init__(self, weight: float) -> None:
        if not 0 <= weight < 1:
            raise InputError(f"the context memory is {weight}; it must be at least 0 and below 1")
        self.weight = weight
        self._mean: EncodingSums | None = None

    def __call__(self, sums: EncodingSums) -> EncodingSums:
        """The sums of the next image -> those of its context."""
        now = sums * (1 / sums.pixels)
        self._mean = now if self._mean is None else self.weight * self._mean + (1 - self.weight) * now
        return self._mean * sums.pixels
