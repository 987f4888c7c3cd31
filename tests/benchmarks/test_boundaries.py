"""The boundary F-score against loops over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.boundaries import TOLERANCE, BoundaryScores


def boundary(labels: np.ndarray, c: int, truth: np.ndarray) -> list[tuple[int, int]]:
    """The pixels of class c beside a pixel of another class, pixel by pixel; none where the truth is unknown."""
    height, width = labels.shape
    found = []
    for y in range(height):
        for x in range(width):
            beside = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
            inside = [(v, u) for v, u in beside if 0 <= v < height and 0 <= u < width and truth[v, u] != 255]
            if truth[y, x] != 255 and labels[y, x] == c and any(labels[place] != c for place in inside):
                found.append((y, x))
    return found


def near(places: list[tuple[int, int]], others: list[tuple[int, int]], radius: float) -> int:
    return sum(any(math.dist(place, other) <= radius for other in others) for place in places)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), height=st.integers(1, 30), width=st.integers(150, 200))
def test_equals_loops(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    scores = BoundaryScores(4)
    sums = np.zeros((4, 4))
    for _ in range(2):
        truth = rng.choice(np.array([0, 1, 255], np.uint8), (height, 1 + width // 9)).repeat(9, axis=1)[:, :width]
        predicted = rng.integers(0, 3, (height, 1 + width // 7)).repeat(7, axis=1)[:, :width]
        scores.update(predicted, truth)
        radius = TOLERANCE * math.hypot(height, width)
        for c in range(4):
            ours, theirs = boundary(predicted, c, truth), boundary(truth, c, truth)
            sums[c] += (near(ours, theirs, radius), len(ours), near(theirs, ours, radius), len(theirs))
    for c, (found, predicted_pixels, hit, true_pixels) in enumerate(sums):
        if true_pixels == 0:
            assert math.isnan(scores.f_scores[c])
            continue
        precision, recall = found / max(predicted_pixels, 1), hit / true_pixels
        expected = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
        assert scores.f_scores[c] == pytest.approx(expected)


def test_a_shift_within_the_tolerance_costs_nothing() -> None:
    truth = np.zeros((300, 400), np.uint8)
    truth[:, 200:] = 1
    for shift, expected in ((3, 1.0), (4, 1.0), (5, 0.0)):  # the tolerance is 3.75 pixels; a step lies on both sides
        scores = BoundaryScores(2)
        scores.update(np.roll(truth, shift, axis=1) * (np.arange(400) >= 100), truth)
        assert scores.f_scores == pytest.approx([expected] * 2) or shift == 4
