"""Every setting changes the result of a run."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from comparing import same_weights
from safetensors.torch import load_file

from encnet.losses.options import LossOptions
from encnet.training.config import TrainConfig
from encnet.training.run import train


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "bf16"},
        {"ema": 0.5},
        {"channels_last": False},
        {"loss": LossOptions(se_weight=1.0)},
        {"loss": LossOptions(aux_weight=1.0)},
        {"loss": LossOptions(class_weight_power=1.0)},
        {"loss": LossOptions(hard_pixels=True)},
        {"loss": LossOptions(jaccard_weight=1.0)},
        {"optimizer.name": "adamw"},
        {"optimizer.lr": 0.01},
        {"optimizer.head_lr_factor": 5.0},
        {"optimizer.weight_decay": 0.1},
        {"optimizer.power": 0.1},
        {"optimizer.min_lr": 0.01},
        {"optimizer.lr_batch": 6},
        {"optimizer.warmup_steps": 0},
        {"optimizer.clip_norm": 0.01},
        {"optimizer.accumulate": 2},
        {"data.batch_size": 2},
        {"data.crop": (48, 32)},
        {"data.scale": (1.0, 1.0)},
        {"data.base_size": 100},
        {"data.long_side": 100},
        {"data.max_class_share": 0.6},
        {"data.photometric": True},
        {"data.blur": 1.0},
        {"data.rotation": 0.0},
        {"data.flip": False},
        {"data.jitter": 0.0},
        {"model.stage3_se": True},
        {"model.lateral": True},
        {"model.backbone_dilations": [2, 4]},
        {"model.jpu": True},
        {"model.conv_in_kernel": 1},
        {"model.head": "fullres"},
        {"model.dropout": 0.5},
        {"model.presence_loss": "mse"},
        {"steps": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_changes_the_result(
    squares: Path, settings: TrainConfig, tmp_path: Path, run_of_one_epoch: Path, change: dict[str, Any]
) -> None:
    settings.epochs = 1
    for name, value in change.items():
        *path, last = name.split(".")
        target: Any = getattr(settings, path[0]) if path else settings
        if dataclasses.is_dataclass(target):
            setattr(target, last, value)
    train(squares, settings, tmp_path / "run", quiet=True)
    before, after = run_of_one_epoch / "last.safetensors", tmp_path / "run/last.safetensors"
    if "channels_last" in change:  # another layout is another order of sums, not another result
        a, b = load_file(before), load_file(after)
        for key in a:
            torch.testing.assert_close(a[key], b[key], rtol=1e-3, atol=1e-3)
        return
    assert not same_weights(before, after)
