"""Models and files for the tests of checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet


@pytest.fixture
def model() -> EncNet:
    """A small model in eval mode, with classes, colours and scores, some of which are markup."""
    torch.manual_seed(0)
    model = create_model("encnet_tiny", 3)
    model.info.classes = ["lawn", "path | way", "<b>roof</b>"]
    model.info.palette = [[90, 180, 60], [200, 190, 170], [0, 0, 255]]
    model.info.long_side = 640
    model.info.training = {"dataset": "garden", "epoch": 7, "validation": {"mean_iou": 0.51239, "pixel_accuracy": 1.0}}
    return model.eval()


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The file of a model whose options differ from the defaults."""
    model = create_model("encnet_tiny", 3, stage3_se=True, lateral=True, presence_loss="mse", mean=(0.1, 0.2, 0.3))
    model.info.classes = ["a", "b", "c"]
    model.info.palette = [[0, 0, 0], [1, 2, 3], [255, 0, 0]]
    model.info.long_side = 640
    model.info.training = {"dataset": "x", "validation": {"mean_iou": 0.5}}
    model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"
