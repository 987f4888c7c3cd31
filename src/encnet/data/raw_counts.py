"""Counts pixels by raw value or colour, before label maps are decoded."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from encnet.data.labels import LabelSet
from encnet.data.raw_labels import pack_color

OTHERS: int = -1
"""The key of all undeclared colours beyond the ``MOST_UNDECLARED`` most frequent ones."""

MOST_UNDECLARED: int = 64
"""Number of undeclared values or colours of a label map that are counted one by one, most frequent first."""

_STRIP_PIXELS = 2**18  # few enough that intermediate results stay in a processor's cache


class RawCounter:
    """Counts the pixels of raw label maps by value or packed colour.

    Args:
        labels: the meaning of the label maps.
    """

    def __init__(self, labels: LabelSet) -> None:
        self.targets: Mapping[int, int] = {
            raw if isinstance(raw, int) else pack_color(raw): target for raw, target in labels.raw.items()
        }
        """Declared value or packed colour -> class index or the index of ignored pixels."""
        self._positions: np.ndarray | None = None
        if labels.encoding == "color":
            # 0 is undeclared, so that the pages of the 2^24 colours that nobody declared are never written.
            self._positions = np.zeros(2**24, np.uint16 if len(self.targets) < 2**16 else np.uint32)
            self._positions[list(self.targets)] = np.arange(1, len(self.targets) + 1)

    def count(self, raw: np.ndarray) -> dict[int, int]:
        """Value or packed colour -> number of pixels, for each that occurs; the rarest undeclared are :data:`OTHERS`.

        Args:
            raw: (H, W) int32 from :meth:`encnet.data.labels.LabelSet.read`.
        """
        flat = np.require(raw, np.int32, ["C", "W"]).reshape(-1)
        counts = _by_value(flat) if self._positions is None else self._by_color(flat, self._positions)
        undeclared = sorted((key for key in counts if key not in self.targets), key=lambda key: (-counts[key], key))
        rest = undeclared[MOST_UNDECLARED:]
        if rest:
            counts[OTHERS] = sum(counts.pop(key) for key in rest)
        return counts

    def _by_color(self, flat: np.ndarray, positions: np.ndarray) -> dict[int, int]:
        """Pixels of each packed colour. Colours are looked up, since sorting millions of pixels takes a second."""
        declared = np.zeros(len(self.targets) + 1, np.int64)
        undeclared: dict[int, int] = {}
        for start in range(0, flat.size, _STRIP_PIXELS):
            strip = flat[start : start + _STRIP_PIXELS]
            position = positions.take(strip)
            declared += np.bincount(position, minlength=declared.size)
            if not position.all():
                values, pixels = np.unique(strip[position == 0], return_counts=True)
                for value, number in zip(values.tolist(), pixels.tolist(), strict=True):
                    undeclared[value] = undeclared.get(value, 0) + number
        known = zip(self.targets, declared[1:].tolist(), strict=True)
        return {**{color: number for color, number in known if number}, **undeclared}


def _by_value(flat: np.ndarray) -> dict[int, int]:
    """Pixels of each value. PyTorch takes a third of NumPy's time, and other threads go on meanwhile."""
    import torch  # here, since a check whose files are unchanged does without

    counts = torch.bincount(torch.from_numpy(flat)).numpy()
    return {int(value): int(counts[value]) for value in np.flatnonzero(counts)}
