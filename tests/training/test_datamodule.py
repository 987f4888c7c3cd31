"""Training images at the size that the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from encnet.data.formats import read_dataset
from encnet.model.info import ModelInfo
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData


@pytest.mark.parametrize("side", ["long", "short"])
def test_base_size_is_the_length_of_base_side(squares: Path, settings: TrainConfig, side: Any) -> None:
    data = settings.data
    data.base_size, data.base_side, data.scale, data.rotation, data.jitter = 96, side, (1.0, 1.0), 0.0, 0.0
    data.crop = (96, 128)
    info = ModelInfo("custom", {}, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    _, labels = TrainingData(read_dataset(squares), data, info, seed=0).train_dataloader().dataset[0]
    # The images are 48 x 64, all labelled but for the last 4 rows: they become 96 x 128, or 72 x 96 and filled up.
    rows = (labels != 255).any(dim=1).sum()
    assert rows == (66 if side == "long" else 88)
