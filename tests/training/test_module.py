"""The learning-rate schedule, and a loss that diverges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl

from encnet.system.errors import InputError
from encnet.training.config import TrainConfig
from encnet.training.run import train


@pytest.fixture
def rates(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    """Fills with the learning rates of backbone and head at each step of the next run."""
    found: list[tuple[float, float]] = []
    original = pl.Trainer.fit

    def fit(self: pl.Trainer, model: Any, **arguments: Any) -> None:
        class Rates(pl.Callback):
            def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
                found.append(tuple(group["lr"] for group in optimizer.param_groups))

        self.callbacks.append(Rates())  # pyright: ignore[reportAttributeAccessIssue]
        original(self, model, **arguments)

    monkeypatch.setattr(pl.Trainer, "fit", fit)
    return found


def test_the_learning_rate_warms_up_and_decays_to_zero(
    squares: Path, settings: TrainConfig, tmp_path: Path, rates: list[tuple[float, float]]
) -> None:
    settings.epochs = 4  # of 3 steps each
    train(squares, settings, tmp_path / "run", quiet=True)
    expected = [0.02 * min(1, (step + 1) / 3) * (1 - step / 12) ** 0.9 for step in range(12)]
    assert [rate for rate, _ in rates] == pytest.approx(expected)
    assert [rate for _, rate in rates] == pytest.approx([2 * rate for rate in expected])


def test_the_learning_rate_ends_at_min_lr(
    squares: Path, settings: TrainConfig, tmp_path: Path, rates: list[tuple[float, float]]
) -> None:
    settings.epochs, settings.optimizer.warmup_steps, settings.optimizer.min_lr = 4, 0, 0.004
    train(squares, settings, tmp_path / "run", quiet=True)
    for part, rate in enumerate((0.02, 0.04)):
        expected = [(rate - 0.004) * (1 - step / 12) ** 0.9 + 0.004 for step in range(12)]
        assert [pair[part] for pair in rates] == pytest.approx(expected)


def test_the_learning_rate_is_proportional_to_the_images_per_step(
    squares: Path, settings: TrainConfig, tmp_path: Path, rates: list[tuple[float, float]]
) -> None:
    settings.epochs, settings.optimizer.warmup_steps = 2, 0
    settings.optimizer.lr_batch, settings.optimizer.accumulate = 24, 2  # 3 images x 2 batches
    train(squares, settings, tmp_path / "run", quiet=True)
    assert rates[0] == pytest.approx((0.02 / 4, 0.04 / 4))


def test_a_diverging_loss_is_reported_in_one_sentence(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.optimizer.lr, settings.epochs = 1e20, 5
    with pytest.raises(InputError, match=r"the loss became .* lower optimizer\.lr"):
        train(squares, settings, tmp_path / "run", quiet=True)
