"""Counts of raw values and colours, against loops over all pixels."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from encnet.data.labels import IGNORE, LabelSet
from encnet.data.raw_counts import MOST_UNDECLARED, OTHERS, RawCounter
from encnet.data.raw_labels import pack_color

VALUES = LabelSet(("a", "b"), ((1, 2, 3), (4, 5, 6)), "value", {0: 0, 7: 1, 40000: 1, 255: IGNORE})
COLORS = LabelSet(("a", "b"), ((1, 2, 3), (4, 5, 6)), "color", {(1, 2, 3): 0, (4, 5, 6): 1, (0, 0, 0): IGNORE})


@pytest.mark.parametrize(
    ("labels", "raws"),
    [
        (VALUES, [0, 7, 40000, 255]),
        (VALUES, [0, 3, 65535]),
        (COLORS, [0x010203, 0x040506, 0]),
        (COLORS, [0x010203, 0xFFFFFF, 0x0A0B0C]),
    ],
    ids=["values", "undeclared values", "colours", "undeclared colours"],
)
@pytest.mark.parametrize("shape", [(1, 1), (13, 17), (700, 800)], ids=str)
def test_counts_equal_those_of_a_loop(labels: LabelSet, raws: list[int], shape: tuple[int, int]) -> None:
    raw = np.random.default_rng(0).choice(np.array(raws, np.int32), shape)
    raw.setflags(write=False)  # as arrays made of bytes are
    assert RawCounter(labels).count(raw) == Counter(raw.ravel().tolist())


def test_targets_are_those_of_the_label_set() -> None:
    assert RawCounter(VALUES).targets == VALUES.raw
    assert RawCounter(COLORS).targets == {pack_color((1, 2, 3)): 0, pack_color((4, 5, 6)): 1, 0: IGNORE}


@pytest.mark.parametrize("labels", [VALUES, COLORS], ids=["values", "colours"])
def test_the_rarest_of_many_undeclared_are_counted_together(labels: LabelSet) -> None:
    undeclared = np.arange(1000, 1000 + MOST_UNDECLARED + 6, dtype=np.int32)
    raw = np.repeat(undeclared, np.arange(len(undeclared), 0, -1))[None]  # the first is the most frequent
    counts = RawCounter(labels).count(raw)
    assert len(counts) == MOST_UNDECLARED + 1
    assert counts[1000] == len(undeclared)
    assert counts[OTHERS] == 6 + 5 + 4 + 3 + 2 + 1
    assert sum(counts.values()) == raw.size
