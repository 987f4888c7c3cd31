"""The raw labels of all label maps together: which of them are classes, which are ignored, and which are doubtful.

The whole distribution decides, not the presence of one value: a pixel more or less must not turn the value 255 from a
class into an ignored label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from encnet.data.class_indices import IGNORE

_TINY_SHARE, _TINY_PIXELS, _SMALL_SHARE = 1e-4, 4, 1e-2
"""A stray value has at most the first share of all pixels, or at most so many pixels and the second share."""
_FEW_FILES = 0.02
"""A stray value is in at most this share of the files, or in one."""
_SAME_STEP, _OTHER_STEP = 1.25, 8.0
"""255 continues a row of values if its step is at most the first times as long as the longest other one; it stands
apart from the second on. Between them, nobody can tell."""


@dataclass(frozen=True)
class Distribution:
    """Raw labels over all files.

    Attributes:
        levels: (n,) all raw labels, in rising order.
        pixels: (n,) number of pixels of each.
        files: (n,) number of files that hold each.
        first: (n,) the first file that holds each.
        present: (files, n) bool, whether a file holds a label.
        paths: the files.
    """

    levels: np.ndarray
    pixels: np.ndarray
    files: np.ndarray
    first: tuple[Path, ...]
    present: np.ndarray
    paths: tuple[Path, ...]

    @classmethod
    def of(cls, levels: dict[Path, np.ndarray], pixels: dict[Path, np.ndarray]) -> Distribution:
        """Adds up the labels of files: file -> its raw labels, and the number of pixels of each."""
        found = np.unique(np.concatenate([*levels.values(), np.empty(0, np.int64)]))
        total = np.zeros(len(found), np.int64)
        present = np.zeros((len(levels), len(found)), bool)
        for row, path in enumerate(levels):
            columns = np.searchsorted(found, levels[path])
            np.add.at(total, columns, pixels[path])
            present[row, columns] = True
        paths = tuple(levels)
        first = tuple(paths[row] for row in present.argmax(axis=0)) if len(found) else ()
        return cls(found, total, present.sum(axis=0), first, present, paths)

    def share(self, level: int) -> float:
        """The share of all pixels that have a raw label, 0 to 1."""
        return float(self.pixels[self.levels == level].sum() / max(1, self.pixels.sum()))

    @property
    def tiny(self) -> np.ndarray:
        """The labels of few pixels in few files, which may be slips."""
        total = self.pixels.sum()
        few_pixels = self.pixels <= max(min(_TINY_PIXELS, _SMALL_SHARE * total), _TINY_SHARE * total)
        few_files = self.files <= max(1, _FEW_FILES * len(self.paths))
        return self.levels[few_pixels & few_files]

    def without(self, ignored: Sequence[int]) -> Distribution:
        """The distribution without some labels."""
        kept = ~np.isin(self.levels, ignored)
        first = tuple(path for path, keep in zip(self.first, kept, strict=True) if keep)
        return Distribution(
            self.levels[kept], self.pixels[kept], self.files[kept], first, self.present[:, kept], self.paths
        )


@dataclass(frozen=True)
class Verdict:
    """What 255 is beside some other values.

    Attributes:
        ignored: whether it is ignored; None if that cannot be told.
        reason: why, as the end of a sentence.
        files: files that show a contradiction.
    """

    ignored: bool | None
    reason: str
    files: tuple[Path, ...] = ()


def verdict_on_255(distribution: Distribution) -> Verdict:
    """Decides whether the value 255 is a class or ignored; the distribution holds it."""
    others = [int(level) for level in distribution.levels if level != IGNORE]
    if others in ([0], []):
        return Verdict(False, "there is no value but 0 and 255, as in a mask of one class")
    if others == [0, 1]:
        return _beside_0_and_1(distribution)
    steps = np.diff(others)
    if len(others) >= 2 and others[0] <= 1 and (steps == 1).all():
        return Verdict(True, f"the others count from {others[0]} to {others[-1]}")
    ratio = (IGNORE - others[-1]) / max(steps.max() if len(steps) else 0, others[0], 1)
    if others[-1] > IGNORE:
        even = len(set(np.diff(distribution.levels).tolist())) == 1
        return Verdict(False, "all values rise in even steps") if even else Verdict(None, "there are others above it")
    if len(others) >= 3 and ratio >= _OTHER_STEP:
        return Verdict(True, f"it stands apart from the others, which end at {others[-1]}")
    even = len(steps) > 0 and steps.min() * _SAME_STEP >= steps.max()
    if even and 1 / _SAME_STEP <= ratio <= _SAME_STEP:
        return Verdict(False, "the values rise to it in even steps")
    return Verdict(None, "it neither continues the row of the other values nor stands far apart from it")


def _beside_0_and_1(distribution: Distribution) -> Verdict:
    """Masks of 0 and 1 with ignored pixels have 255 beside 1; two kinds of masks have either."""
    has = {int(level): distribution.present[:, column] for column, level in enumerate(distribution.levels)}
    both, only_255, only_1 = has[1] & has[IGNORE], has[IGNORE] & ~has[1], has[1] & ~has[IGNORE]
    if both.sum() >= only_255.sum() or not only_255.any():
        return Verdict(True, "the others are 0 and 1, and label maps with 1 have it too")
    examples = [distribution.paths[rows.argmax()] for rows in (only_1 if only_1.any() else both, only_255)]
    return Verdict(
        None, f"{examples[0]} has the value 1, and {examples[1]} has 255 without it", (examples[0], examples[1])
    )
