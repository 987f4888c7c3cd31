"""Quantities derived from the arrays of an explanation, against loops."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from listing import visible
from PIL import Image

from encnet.explanation.result import ALIKE, Exchange, Explanation
from encnet.explanation.use import CodewordUse
from encnet.system.errors import InputError

CLASSES = 4


@st.composite
def explanations(draw: st.DrawFn) -> Explanation:
    """Random arrays of matching shapes; image and logits are 8 and 2 times as large as the feature map."""
    h, w, K = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
    raw = draw(arrays(np.float32, (K, h, w), elements=st.sampled_from([0.0, 0.125, 1.0, 3.0]))).copy()
    raw[0] += raw.sum(axis=0) == 0
    labels = arrays(np.uint8, (8 * h, 8 * w), elements=st.integers(0, CLASSES - 1))
    contribution = arrays(np.float32, (CLASSES, 2 * h, 2 * w), elements=st.floats(-9, 9, width=32))
    return Explanation(
        image=Image.new("RGB", (8 * w, 8 * h)),
        path=None,
        names=("sky", "road", "car", "tree"),
        palette=((0, 0, 9), (0, 9, 0), (9, 0, 0), (9, 9, 0)),
        labels=draw(labels),
        presence=np.full(CLASSES, 0.5, np.float32),
        assignment=raw / raw.sum(axis=0),
        semantics_by_codeword=np.ones((K, 3), np.float32),
        gamma=np.array([0.1, 0.9, 0.5], np.float32),
        contribution=draw(contribution),
        channel_group=np.array([1, 0, 0]),
        group_contribution=np.zeros((2, CLASSES), np.float32),
        exchanges=(Exchange("no context", np.zeros(3, np.float32), draw(labels)),),
    )


@given(explanations())
@settings(max_examples=40)
def test_entropy_and_usage_equal_loops(explanation: Explanation) -> None:
    A = explanation.assignment.astype(np.float64)
    K, h, w = A.shape
    for y in range(h):
        for x in range(w):
            bits = -sum(a * math.log(a) for a in A[:, y, x] if a > 0)
            expected = 0.0 if K == 1 else bits / math.log(K)
            assert explanation.entropy[y, x] == pytest.approx(expected, abs=1e-5)
            assert A[explanation.strongest[y, x], y, x] == A[:, y, x].max()
    assert explanation.entropy.dtype == np.float32
    usage = [A[k].sum() / (h * w) for k in range(K)]
    np.testing.assert_allclose(explanation.usage, usage, atol=1e-6)
    effective = math.exp(-sum(u * math.log(u) for u in usage if u > 0))
    assert explanation.effective_codewords == pytest.approx(effective, rel=1e-4)
    assert explanation.unused.tolist() == [k for k in range(K) if usage[k] < 0.1 / K]


@given(explanations())
@settings(max_examples=40)
def test_codeword_classes_equal_loops(explanation: Explanation) -> None:
    K, h, w = explanation.assignment.shape
    mass = np.zeros((K, CLASSES))
    for k in range(K):
        for y in range(h):
            for x in range(w):
                mass[k, explanation.labels[8 * y + 4, 8 * x + 4]] += explanation.assignment[k, y, x]
    total = mass.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(explanation.codeword_classes() * total, mass, atol=1e-5)


@given(explanations())
@settings(max_examples=40)
def test_class_contributions_equal_loops(explanation: Explanation) -> None:
    favour, at_class = explanation.class_contribution()
    assert favour.sum() == pytest.approx(0, abs=1e-3)
    contribution = explanation.contribution.astype(np.float64)
    sums, pixels = np.zeros(CLASSES), np.zeros(CLASSES)
    _, h, w = contribution.shape
    for y in range(h):
        for x in range(w):
            c = int(explanation.labels[4 * y + 2, 4 * x + 2])
            sums[c] += contribution[c, y, x] - contribution[:, y, x].mean()
            pixels[c] += 1
    for c in range(CLASSES):
        if pixels[c]:
            assert at_class[c] == pytest.approx(sums[c] / pixels[c], abs=1e-4)
        else:
            assert np.isnan(at_class[c])


@given(explanations())
@settings(max_examples=40)
def test_codewords_that_look_the_same_are_together(explanation: Explanation) -> None:
    maps = [a / a.max() if a.max() else a for a in explanation.assignment.astype(np.float64)]
    used = [k for k in np.argsort(-explanation.usage, kind="stable").tolist() if k not in explanation.unused]
    groups = explanation.alike()
    assert sorted(chain(*groups)) == sorted(used)
    assert [group[0] for group in groups] == [k for k in used if k in {group[0] for group in groups}]
    for number, group in enumerate(groups):
        assert group == [k for k in used if k in group]
        for k in group:
            differences = [math.sqrt(((maps[k] - maps[other[0]]) ** 2).mean()) for other in groups[: number + 1]]
            assert differences[-1] <= ALIKE + 1e-6
            assert all(difference > ALIKE - 1e-6 for difference in differences[:-1])


@given(explanations())
@settings(max_examples=1)
def test_equal_maps_of_other_strength_look_the_same(explanation: Explanation) -> None:
    pattern = np.array([[0.1, 0.2, 0.4]], np.float32)
    assignment = np.stack([0.3 * pattern, 0.7 * pattern, 0.7 - pattern, np.full((1, 3), 0.3, np.float32)])
    assert replace(explanation, assignment=assignment).alike() == [[2], [3], [1, 0]]


@given(explanations())
@settings(max_examples=40)
def test_transitions_and_gains_equal_counts(explanation: Explanation) -> None:
    (exchange,) = explanation.exchanges
    transitions = explanation.transitions(exchange)
    shares = [transition.share for transition in transitions]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(explanation.changed(exchange).mean())
    gains = np.zeros(CLASSES)
    for before, after, share in transitions:
        assert before != after
        both = (explanation.labels == before) & (exchange.labels == after)
        assert share == pytest.approx(both.mean())
        gains[after] += share
        gains[before] -= share
    np.testing.assert_allclose(explanation.gains(exchange), gains, atol=1e-12)


@given(explanations())
@settings(max_examples=3)
def test_saved_arrays_are_those_documented(tmp_path_factory: pytest.TempPathFactory, explanation: Explanation) -> None:
    path = tmp_path_factory.mktemp("arrays") / "folder/one.npz"
    K = len(explanation.assignment)
    use = CodewordUse("garden", 2, np.ones(K) / K, np.zeros(K), np.ones(K) / K, np.ones(3, np.float32))
    object.__setattr__(explanation, "use", use)
    assert explanation.save_arrays(path) == path
    with np.load(path, allow_pickle=False) as saved:
        assert saved["exchanges"].tolist() == ["no context"]
        assert saved["classes"].tolist() == list(explanation.names)
        np.testing.assert_array_equal(saved["exchange_0_labels"], explanation.exchanges[0].labels)
        assert saved["dead"].tolist() == list(range(K))
        for name in ("labels", "presence", "assignment", "entropy", "usage", "gamma", "contribution", "semantics"):
            np.testing.assert_array_equal(saved[name], getattr(explanation, name))
        written = set(saved.files)
    documented = set((Explanation.save_arrays.__doc__ or "").split("``")[1::2])
    assert written <= documented
    assert visible(path.parent) == [path.name]


def test_an_unwritable_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        _smallest().save_arrays(tmp_path / "file/one.npz")


def _smallest() -> Explanation:
    one = np.ones((1, 1, 1), np.float32)
    labels = np.zeros((1, 1), np.uint8)
    vector, matrix = np.ones(1, np.float32), np.ones((1, 1), np.float32)
    return Explanation(
        Image.new("RGB", (1, 1)), None, ("sky",), ((0, 0, 9),), labels, None, one, matrix, vector, one, labels[0],
        matrix, (),
    )  # fmt: skip
