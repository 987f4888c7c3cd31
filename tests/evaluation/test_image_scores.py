"""Scores of single images and the ranking by disagreement, against SciPy."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from encnet.evaluation.image_scores import (
    ImageScore,
    by_disagreement,
    contradiction_rate,
    correlation,
    ranking_quality,
    ranks,
    write_files_table,
)
from encnet.metrics.disagreement import disagreement

NUMBERS = arrays(np.float64, st.integers(1, 12), elements=st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0]))


def image(name: str, mean_iou: float, presence: float | None) -> ImageScore:
    """An image whose pixels all have the first of two classes; ``presence`` is that of the second class."""
    if presence is None:
        return ImageScore(name, mean_iou, mean_iou, None)
    return ImageScore(name, mean_iou, mean_iou, disagreement(np.array([1.0, 0.0]), np.array([1.0, presence])))


@given(NUMBERS)
def test_ranks_equal_those_of_scipy(values: np.ndarray) -> None:
    stats = pytest.importorskip("scipy.stats")
    np.testing.assert_array_equal(ranks(values), stats.rankdata(values))


@given(st.data(), NUMBERS)
def test_correlations_equal_those_of_scipy(data: st.DataObject, x: np.ndarray) -> None:
    stats = pytest.importorskip("scipy.stats")
    y = data.draw(arrays(np.float64, len(x), elements=st.floats(0, 1, width=16)))
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        assert math.isnan(correlation(x, y))
        assert math.isnan(correlation(ranks(x), ranks(y)))
    else:
        assert correlation(ranks(x), ranks(y)) == pytest.approx(stats.spearmanr(x, y).statistic)
        centred = [values - values.mean() for values in (x, y)]
        expected = (centred[0] @ centred[1]) / math.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1]))
        assert correlation(x, y) == pytest.approx(expected)


def test_a_ranking_that_finds_the_bad_images_has_a_negative_correlation() -> None:
    images = [image(str(i), 0.9 - 0.1 * i, 0.1 * i) for i in range(8)]
    quality = ranking_quality([*images, image("nothing labelled", math.nan, 0.9)])
    assert quality is not None
    assert quality.images == 8
    assert quality.spearman == pytest.approx(-1)
    assert -1 < quality.pearson < -0.95
    assert quality.worst_quarter == pytest.approx((0.3 + 0.2) / 2)
    assert quality.others == pytest.approx(np.mean([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]))


def test_the_ranking_of_too_few_images_has_undefined_values_and_is_strict_json() -> None:
    quality = ranking_quality([image("a", 0.5, 0.1)])
    assert quality is not None
    written = json.loads(json.dumps(quality.to_dict(), allow_nan=False))
    assert written == {"images": 1, "spearman": None, "pearson": None, "worst_quarter": 0.5, "others": None}
    nothing = ranking_quality([image("a", math.nan, 0.1)])
    assert nothing is not None
    assert nothing.images == 0


def test_without_presence_there_is_no_ranking() -> None:
    images = [image("a", 0.5, None)]
    assert ranking_quality(images) is None
    assert by_disagreement(images) == []
    assert contradiction_rate(images) is None
    assert images[0].to_dict(["sky", "car"]) == {"file": "a", "mean_iou": 0.5, "pixel_accuracy": 0.5}


def test_images_are_sorted_by_disagreement_and_list_their_contradictions() -> None:
    images = [image("good", 0.9, 0.1), image("bad", 0.3, 0.8), image("fair", 0.6, 0.3)]
    assert [score.file for score in by_disagreement(images)] == ["bad", "fair", "good"]
    assert images[1].to_dict(["sky", "car"])["contradictions"] == {"car": [0.8, 0]}
    assert images[0].to_dict(["sky", "car"])["contradictions"] == {}
    rate = contradiction_rate(images)
    assert rate is not None
    np.testing.assert_allclose(rate, [0, 1 / 3])


def test_a_name_in_the_ledger_is_no_formula_of_a_spreadsheet(tmp_path: Path) -> None:
    rows = write_files_table(tmp_path, ["@a.png"], {}).read_text(encoding="utf-8").splitlines()
    assert rows[1] == '\'@a.png,"of another share, not yet",,'
