"""Decoded samples, kept in memory for the next epoch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from encnet.data.pixels import Pixels
from encnet.system.memory import free_memory

_MOST_SHARE = 0.25
"""Share of the free memory that is taken at most."""


class DecodedSamples:
    """Photographs and label maps as they were decoded, from the first one read until there is no room.

    Decoding the PNGs of a small data set takes a tenth of a training step on two cores, in every epoch again. A sample
    that was kept is never dropped: in the random order of an epoch, no other choice saves more.

    Args:
        megabytes: room, in millions of bytes, but no more than a quarter of the memory that is free at first.
    """

    def __init__(self, megabytes: float) -> None:
        free = free_memory()
        self.room: float = 1e6 * megabytes if free is None else min(1e6 * megabytes, _MOST_SHARE * free)
        """Bytes that may still be taken."""
        self._samples: dict[int, tuple[Pixels, np.ndarray]] = {}

    def __len__(self) -> int:
        return len(self._samples)

    def sample(self, index: int, read: Callable[[], tuple[Pixels, np.ndarray]]) -> tuple[Pixels, np.ndarray]:
        """The pixels and the label map (H, W) of a sample, which nobody may change.

        Args:
            index: number of the sample.
            read: reads it, if it is not there.
        """
        if index in self._samples:
            return self._samples[index]
        pixels, label = read()
        if (taken := _bytes(pixels) + label.nbytes) <= self.room:
            self.room -= taken
            self._samples[index] = pixels, label
        return pixels, label


def _bytes(pixels: Pixels) -> int:
    """The memory of a decoded photograph; Pillow keeps four bytes a pixel of an RGB image."""
    return 4 * pixels.width * pixels.height if isinstance(pixels, Image.Image) else pixels.nbytes
