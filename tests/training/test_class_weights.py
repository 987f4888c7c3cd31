"""Class weights against the formula, and fading in a real run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encnet.losses.options import LossOptions
from encnet.system.errors import InputError
from encnet.training.class_weights import class_weights
from encnet.training.config import TrainConfig
from encnet.training.module import TrainingModule
from encnet.training.run import train


def test_class_weights_follow_the_formula() -> None:
    pixels = np.array([100, 400, 0, 1600])
    weights = class_weights(pixels, power=0.5)
    raw = np.sqrt(400 / np.array([100, 400, 100, 1600]))
    expected = raw / (raw * pixels).sum() * pixels.sum()
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)
    assert class_weights(np.zeros(3, np.int64), 0.5).tolist() == [1, 1, 1]


def test_fading_weights_end_equal_for_all_classes(
    squares: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []
    original = TrainingModule.training_step

    def training_step(self: TrainingModule, batch: Any, batch_idx: int) -> torch.Tensor:
        assert self.loss.class_weights is not None
        seen.append(self.loss.class_weights.clone())
        return original(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    settings.loss = LossOptions(class_weight_power=0.8, class_weight_fade=True)
    settings.steps = 4
    train(squares, settings, tmp_path / "run", quiet=True)
    assert len(seen) == 4
    # The squares are the rare class: the ratio of two classes' weights is that of their frequencies to the power.
    ratios = [float(weights[1] / weights[0]) for weights in seen]
    assert ratios[0] > 1
    powers = [np.log(ratio) / np.log(ratios[0]) for ratio in ratios]
    np.testing.assert_allclose(powers, [1, 0.75, 0.5, 0.25], rtol=1e-5)


def test_fading_without_class_weights_is_refused() -> None:
    with pytest.raises(InputError, match="class_weight_fade is True; it must be false where class_weight_power is 0"):
        LossOptions(class_weight_fade=True)
