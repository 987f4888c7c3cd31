"""The learning-rate schedule, frozen stages, and a loss that diverges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch.optim.optimizer import register_optimizer_step_post_hook

import encnet
from encnet.checkpoint.create import create_model
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


def test_frozen_stages_keep_weights_and_statistics(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    torch.manual_seed(1)
    first = create_model("encnet_tiny", 2, **settings.model.changes())
    first.save(tmp_path / "first.safetensors")
    settings.initial, settings.optimizer.frozen_stages, settings.ema = str(tmp_path / "first.safetensors"), 2, 0.5
    after = encnet.load(train(squares, settings, tmp_path / "run", quiet=True).parent / "last.safetensors").state_dict()
    changed = {name for name, tensor in first.state_dict().items() if not torch.equal(tensor, after[name])}
    frozen = ("conv1.", "bn1.", "layer1.", "layer2.")
    assert [name for name in changed if name.startswith(tuple(f"backbone.network.{part}" for part in frozen))] == []
    trained = [name for name, _ in first.named_parameters() if "network" not in name or "layer3." in name]
    assert set(trained) <= changed
    assert "backbone.network.layer3.0.bn1.running_mean" in changed


def test_random_stages_cannot_be_frozen(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.optimizer.frozen_stages = 1
    with pytest.raises(InputError, match="frozen_stages is 1, but the backbone starts from random weights"):
        train(squares, settings, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "precision"), [("adamw", "bf16"), ("sgd", "fp32")])
def test_the_norm_of_the_gradient_is_clipped_before_a_fused_step(
    squares: Path, settings: TrainConfig, tmp_path: Path, name: Any, precision: Any
) -> None:
    norms: list[float] = []

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        assert optimizer.defaults["fused"]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    settings.steps, settings.precision, settings.optimizer.name = 2, precision, name
    settings.optimizer.clip_norm, settings.optimizer.lr = 0.01, 1e-4
    watch = register_optimizer_step_post_hook(note)
    try:
        train(squares, settings, tmp_path / "run", quiet=True)
    finally:
        watch.remove()
    assert norms == pytest.approx([0.01] * 2, rel=1e-3)
