"""Scores of presence, against loops, torchmetrics and scikit-learn."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torchmetrics.functional.classification import binary_calibration_error

from encnet.metrics.presence import BINS, Calibration, calibration, presence_scores


@st.composite
def records(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, many of them on the edges of bins, and the truth; (images, classes) each."""
    shape = draw(st.integers(0, 8)), draw(st.integers(1, 4))
    probability = st.one_of(st.integers(0, 20).map(lambda i: i / 20), st.floats(0, 1))
    return draw(arrays(np.float64, shape, elements=probability)), draw(arrays(np.bool_, shape))


@given(records())
def test_calibration_equals_loops(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, truth = drawn
    found = calibration(probabilities, truth)
    for c in range(probabilities.shape[1]):
        error = 0.0
        for b in range(BINS):
            inside = [
                (p, t)
                for p, t in zip(probabilities[:, c], truth[:, c], strict=True)
                if b <= p * BINS < b + 1 or (b == BINS - 1 and p == 1)
            ]
            assert found.images[c, b] == len(inside)
            assert found.positives[c, b] == sum(t for _, t in inside)
            if inside:
                mean, share = (sum(values) / len(inside) for values in zip(*inside, strict=True))
                assert found.mean_probability[c, b] == pytest.approx(mean)
                assert found.frequency[c, b] == pytest.approx(share)
                error += len(inside) / len(probabilities) * abs(mean - share)
            else:
                assert math.isnan(found.frequency[c, b])
        assert found.error[c] == pytest.approx(error) if len(probabilities) else math.isnan(found.error[c])


def test_the_calibration_error_is_that_of_torchmetrics() -> None:
    random = np.random.default_rng(0)
    probabilities = random.beta(0.4, 0.6, (500, 3))
    truth = random.random((500, 3)) < probabilities**1.5
    found = calibration(probabilities, truth)
    for c in range(3):
        p, t = torch.from_numpy(probabilities[:, c].copy()), torch.from_numpy(truth[:, c]).long()
        assert found.error[c] == pytest.approx(float(binary_calibration_error(p, t, n_bins=BINS)), abs=1e-6)
    p, t = torch.from_numpy(probabilities).flatten(), torch.from_numpy(truth).long().flatten()
    assert found.overall.error[0] == pytest.approx(float(binary_calibration_error(p, t, n_bins=BINS)), abs=1e-6)


def test_the_calibration_curve_is_that_of_scikit_learn() -> None:
    curve = pytest.importorskip("sklearn.calibration").calibration_curve
    random = np.random.default_rng(1)
    probabilities = random.random((300, 1))
    truth = random.random((300, 1)) < probabilities
    found = calibration(probabilities, truth)
    frequency, mean = curve(truth[:, 0], probabilities[:, 0], n_bins=BINS)
    np.testing.assert_allclose(found.frequency[0], frequency)
    np.testing.assert_allclose(found.mean_probability[0], mean)


def test_calibrated_probabilities_have_a_low_error_and_overconfident_ones_a_high_error() -> None:
    random = np.random.default_rng(2)
    probabilities = random.random((20000, 1))
    truth = random.random((20000, 1)) < probabilities
    assert calibration(probabilities, truth).error[0] < 0.02
    overconfident = np.clip(2 * probabilities - 0.5, 0, 1)
    assert calibration(overconfident, truth).error[0] > 0.08


@settings(max_examples=20)
@given(records())
def test_the_dict_of_a_calibration_is_strict_json(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    found = calibration(*drawn)
    names = [f"class {c}" for c in range(drawn[0].shape[1])]
    read = json.loads(json.dumps(found.to_dict(names), allow_nan=False))
    assert list(read["by_class"]) == names
    assert len(read["edges"]) == BINS + 1
    assert sum(read["all_classes"]["images"]) == drawn[0].size
    for name, images in zip(names, found.images, strict=True):
        row = read["by_class"][name]
        assert [value is None for value in row["frequency"]] == (images == 0).tolist()


def test_scores_without_images_are_undefined() -> None:
    scores = presence_scores(torch.zeros(0, 3), torch.zeros(0, 3, dtype=torch.bool))
    for values in (scores.average_precision, scores.f1, scores.calibration.error):
        assert values.shape == (3,)
        assert np.isnan(values).all()
    assert isinstance(scores.calibration, Calibration)
