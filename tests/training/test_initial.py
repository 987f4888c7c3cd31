"""Runs that start from the checkpoint of another run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from comparing import same_weights
from safetensors.torch import load_file

import encnet
from encnet.system.errors import InputError
from encnet.system.signals import Stopped
from encnet.training.config import ModelConfig, TrainConfig
from encnet.training.initial import start_from
from encnet.training.run import resume, train


def test_a_run_starts_from_the_checkpoint_of_another_run(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.model.dropout, settings.epochs = 0.3, 1
    first = train(squares, settings, tmp_path / "first", quiet=True)
    settings.optimizer.lr, settings.model = 1e-12, ModelConfig(variant="encnet_lite0")
    settings.initial = str(first)
    second = encnet.load(train(squares, settings, tmp_path / "second", quiet=True))
    assert second.info.variant == "encnet_tiny"
    assert second.info.options["dropout"] == 0.3
    weights, before = second.state_dict(), load_file(first)
    for name, _ in second.named_parameters():
        torch.testing.assert_close(weights[name], before[name])

    model, anew = start_from(first, 3, {})
    assert model.num_classes == 3
    of_classes = ("head.classifier.", "head.presence.", "aux_head.2.")
    assert anew == [name for name in model.state_dict() if name.startswith(of_classes)]
    assert len(anew) == 6
    with pytest.raises(InputError, match="has the backbone resnet10t, which the settings change"):
        start_from(first, 3, {"backbone": "resnet18", "backbone_options": None})


def test_resuming_does_not_need_the_initial_checkpoint(
    squares: Path, settings: TrainConfig, tmp_path: Path, interrupt_at: Callable[[int], None]
) -> None:
    settings.epochs = 1
    first = train(squares, settings, tmp_path / "first", quiet=True)
    settings.initial, settings.epochs = str(first), 2
    train(squares, settings, tmp_path / "whole", quiet=True)
    interrupt_at(4)
    with pytest.raises(Stopped):
        train(squares, settings, tmp_path / "stopped", quiet=True)
    first.unlink()
    resume(tmp_path / "stopped")
    assert same_weights(tmp_path / "whole/last.safetensors", tmp_path / "stopped/last.safetensors")
