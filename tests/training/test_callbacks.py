"""Interrupted and resumed runs, and early stopping."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from comparing import same_weights
from torch import nn
from torch.optim.swa_utils import AveragedModel

import encnet
from encnet.losses.options import LossOptions
from encnet.system.signals import Stopped
from encnet.training.callbacks import AveragedWeights
from encnet.training.config import TrainConfig
from encnet.training.run import resume, train


@pytest.mark.parametrize(
    ("step", "ema"),
    [  # mid-epoch, the last step of an epoch, mid-epoch again
        *((1, 0.9), (2, 0.0)),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((1, 0.0), (2, 0.9), (4, 0.0), (4, 0.9))),
    ],
)
def test_an_interrupted_and_resumed_run_equals_an_uninterrupted_one(
    squares: Path, settings: TrainConfig, tmp_path: Path, interrupt_at: Callable[[int], None], step: int, ema: float
) -> None:
    settings.epochs, settings.ema = 3, ema
    settings.loss = LossOptions(class_weight_power=0.5, class_weight_fade=True)
    train(squares, settings, tmp_path / "whole", quiet=True)
    interrupt_at(step)
    with pytest.raises(Stopped):
        train(squares, settings, tmp_path / "stopped", quiet=True)
    encnet.load(tmp_path / "stopped/last.safetensors")  # usable at once
    resume(tmp_path / "stopped")
    assert same_weights(tmp_path / "whole/last.safetensors", tmp_path / "stopped/last.safetensors")


def test_patience_ends_a_run_that_does_not_improve(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.epochs, settings.patience, settings.optimizer.lr = 30, 2, 1e-12
    train(squares, settings, tmp_path / "run", quiet=True)
    assert encnet.load(tmp_path / "run/last.safetensors").info.training["epoch"] < 30


def test_the_average_follows_its_definition() -> None:
    torch.manual_seed(0)
    network = nn.BatchNorm1d(3)
    average = AveragedModel(network, use_buffers=True, **AveragedWeights(0.6)._kwargs)
    averaged: Any = average.module
    expected, number = np.zeros(3), 0
    for step in range(12):
        network(torch.randn(4, 3))
        with torch.no_grad():
            network.weight.normal_()
        average.update_parameters(network)
        decay = 0.0 if step == 0 else min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * network.weight.detach().double().numpy()
        number += 1
    np.testing.assert_allclose(averaged.weight.detach().numpy(), expected, rtol=1e-5)
    assert network.num_batches_tracked is not None
    assert int(averaged.num_batches_tracked) == int(network.num_batches_tracked) == number
