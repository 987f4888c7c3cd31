"""The comparison of an exported model with the original, and the verdict."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import cast

import numpy as np
import pytest
from rich.console import Console

from encnet.checkpoint.encnet import EncNet
from encnet.export.parity import Comparison, Parity, compare, noise_batches, photograph_like, scores
from encnet.inference.engines import Description, Engine, Scores


class Altered:
    """The model itself as an engine, with an error in one class score and in presence."""

    name = "altered"
    precision = "fp32"
    device = "cpu"

    def __init__(self, model: EncNet, logits: float = 0.0, presence: float = 0.0) -> None:
        self.model, self.logits, self.presence = model, logits, presence
        self.description = Description.of(model)

    def __call__(self, images: np.ndarray) -> Scores:
        logits, presence = scores(self.model, images)
        assert presence is not None
        wrong = logits.copy()
        wrong[0, 1, 0, 0] += self.logits * np.ptp(logits)
        return Scores(wrong, presence + self.presence)


@pytest.fixture(scope="module")
def model(network: Callable[..., EncNet]) -> EncNet:
    return network("encnet_tiny")


def parity(engine: Engine, model: EncNet, precision: str = "fp32") -> Parity:
    calls = []
    result = compare(model, engine, noise_batches((48, 64)), precision, lambda: calls.append(1))
    assert len(calls) == len(result.comparisons) == 2
    return result


def test_an_equal_model_has_no_difference(model: EncNet) -> None:
    result = parity(Altered(model), model)
    assert [(batch.batch, batch.height, batch.width) for batch in result.comparisons] == [(1, 48, 64), (3, 48, 64)]
    assert result.failure is None
    for batch in result.comparisons:
        assert (batch.logits, batch.presence, batch.labels) == (0, 0, 1)


def test_one_wrong_score_or_presence_is_a_failure(model: EncNet) -> None:
    assert parity(Altered(model, logits=0.0005), model).failure is None
    assert "class scores differ by 0.002 of their spread" in str(parity(Altered(model, logits=0.002), model).failure)
    assert "class scores differ by nan" in str(parity(Altered(model, logits=np.nan), model).failure)
    assert "presence differs by 0.2" in str(parity(Altered(model, presence=0.2), model).failure)


def comparison(images: str, labels: float) -> Comparison:
    return Comparison(images, 1, 10, 20, logits=0.5, presence=None, labels=labels)


def test_int8_is_judged_by_labels_on_the_users_images() -> None:
    noise = comparison("noise", 0.3)
    assert Parity("int8", (noise, comparison("calibration", 0.99), comparison("calibration", 0.85))).failure is None
    failure = Parity("int8", (noise, comparison("calibration", 0.8), comparison("calibration", 0.7))).failure
    assert failure == "75.0 % of the pixels have the same class, where 90 % must"
    assert Parity("bf16", (noise,)).failure is not None
    assert "class scores" in str(Parity("fp32", (noise, comparison("calibration", 1.0))).failure)


def test_the_result_becomes_a_table_and_json_types() -> None:
    result = Parity("int8", (comparison("noise", 0.5),))
    text = io.StringIO()
    Console(file=text, width=120).print(result.table())
    assert "50.00 %" in text.getvalue() and "10 x 20" in text.getvalue()
    assert cast(dict[str, object], result.to_dict()["comparisons"][0])["labels"] == 0.5


def test_noise_has_the_frequencies_of_photographs() -> None:
    image = photograph_like(np.random.default_rng(0), 120, 90).astype(float)
    assert image.shape == (120, 90, 3)
    assert 30 < image.std() < 70
    # Unlike in white noise, neighbouring pixels are similar, and more similar than distant ones.
    step = np.abs(np.diff(image, axis=0)).mean()
    far = np.abs(image[60:] - image[:60]).mean()
    assert step < far / 4
    assert len(list(noise_batches(None))) == 3
