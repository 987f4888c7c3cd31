"""Disagreement between pixels and presence, against its formula and the Jaccard distance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encnet.metrics.disagreement import SMALL_SHARE, disagreement
from encnet.system.errors import InputError

CLASSES = 4
PROBABILITIES = arrays(np.float32, CLASSES, elements=st.floats(0, 1, width=32))
PIXELS = arrays(np.int64, CLASSES, elements=st.sampled_from([0, 0, 1, 3, 50, 1000])).filter(lambda n: n.any())


@given(PIXELS, PROBABILITIES)
def test_disagreement_equals_the_formula(pixels: np.ndarray, presence: np.ndarray) -> None:
    found = disagreement(pixels / pixels.sum(), presence)
    total = named = 0.0
    for c, p in enumerate(presence.tolist()):
        share = int(pixels[c]) / int(pixels.sum())
        either = max(1.0 if pixels[c] else 0.0, p)
        d = either - share / (share + SMALL_SHARE) * p
        assert found.by_class[c] == pytest.approx(d)
        assert 0 <= found.by_class[c] <= 1
        total, named = total + d, named + either
    assert found.score == pytest.approx(total / named)
    assert 0 <= found.score <= 1


@given(PIXELS, PROBABILITIES, st.permutations(range(CLASSES)))
def test_the_order_of_classes_does_not_matter(pixels: np.ndarray, presence: np.ndarray, order: list[int]) -> None:
    shares = pixels / pixels.sum()
    before, after = disagreement(shares, presence), disagreement(shares[order], presence[order])
    assert after.score == pytest.approx(before.score)
    np.testing.assert_array_equal(after.by_class, before.by_class[order])


@given(PIXELS, st.sets(st.integers(0, CLASSES - 1)))
def test_the_score_of_sets_of_classes_is_at_least_the_jaccard_distance(pixels: np.ndarray, present: set[int]) -> None:
    """And close to it if every class has many pixels."""
    predicted = set(np.flatnonzero(pixels).tolist())
    distance = 1 - len(predicted & present) / len(predicted | present)
    presence = np.array([float(c in present) for c in range(CLASSES)])
    assert disagreement(pixels / pixels.sum(), presence).score >= distance - 1e-9
    even = np.array([float(c in predicted) for c in range(CLASSES)]) / len(predicted)
    assert disagreement(even, presence).score == pytest.approx(distance, abs=0.05)


def test_the_score_is_low_for_agreement_and_high_for_contradiction() -> None:
    half = np.array([0.5, 0.5, 0, 0])
    assert disagreement(half, np.array([1.0, 1, 0, 0])).score == pytest.approx(0, abs=0.03)
    assert disagreement(half, np.array([0.0, 0, 1, 1])).score == 1
    assert disagreement(half, np.array([1.0, 1, 1, 0])).score == pytest.approx(1 / 3, abs=0.03)
    assert disagreement(np.zeros(4), np.zeros(4)).score == 0


def test_a_class_with_few_pixels_is_doubtful_even_with_sure_presence() -> None:
    few, many = (disagreement(np.array([1 - s, s]), np.array([1.0, 1.0])) for s in (1e-4, 0.3))
    assert few.score > many.score + 0.4
    assert [row.name for row in few.doubtful(["sky", "bird"])] == ["bird"]
    assert many.doubtful(["sky", "bird"]) == []
    assert few.contradictions(["sky", "bird"]) == []


def test_contradictions_are_described_in_words_and_sorted_by_disagreement() -> None:
    found = disagreement(np.array([0.88, 0.1, 0, 0, 0.02]), np.array([0.97, 0.03, 0.75, 0.2, 0.6]))
    names = ["sky", "road", "car", "tree", "sign"]
    expected = ["road: presence 0.03, pixels 10 %", "car: presence 0.75, no pixels"]
    assert [str(row) for row in found.contradictions(names)] == expected
    assert [row.name for row in found.doubtful(names)] == ["road", "car", "sign"]
    assert [row.name for row in found.doubtful(names, most=1)] == ["road"]
    assert found.contradictory.tolist() == [False, True, True, False, False]


def test_different_numbers_of_classes_are_an_error() -> None:
    with pytest.raises(InputError, match=r"shares have the shape \(3,\) and presence has the shape \(2,\)"):
        disagreement(np.zeros(3), np.zeros(2))
