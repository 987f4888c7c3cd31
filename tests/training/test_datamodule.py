"""Training images at the size that the settings ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from encnet.data.formats import read_dataset
from encnet.data.tensors import SampleKey, SegmentationDataset
from encnet.model.info import ModelInfo
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData


@pytest.mark.parametrize("side", ["long", "short"])
def test_base_size_is_the_length_of_base_side(squares: Path, settings: TrainConfig, side: Any) -> None:
    data = settings.data
    data.base_size, data.base_side, data.scale, data.rotation, data.jitter = 96, side, (1.0, 1.0), 0.0, 0.0
    data.crop = (96, 128)
    info = ModelInfo("custom", {}, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    _, labels = TrainingData(read_dataset(squares), settings, info).train_dataloader().dataset[0]
    # The images are 48 x 64, all labelled but for the last 4 rows: they become 96 x 128, or 72 x 96 and filled up.
    rows = (labels != 255).any(dim=1).sum()
    assert rows == (66 if side == "long" else 88)


def test_the_first_share_of_a_run_is_at_half_the_resolution(squares: Path, settings: TrainConfig) -> None:
    settings.data.half_share, settings.epochs = 0.5, 3  # 9 batches, of which 4.5, rounded, are the first
    info = ModelInfo("custom", {}, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    loader = TrainingData(read_dataset(squares), settings, info).train_dataloader()
    shapes = []
    for _ in range(settings.epochs):
        shapes += [tuple(images.shape[2:]) for images, labels in loader if images.shape[2:] == labels.shape[1:]]
    assert shapes == [(16, 16)] * 4 + [(32, 32)] * 5


def test_half_the_resolution_shows_the_same_area(squares: Path, settings: TrainConfig) -> None:
    data = settings.data
    data.half_share, data.crop, data.scale = 0.5, (48, 64), (1.0, 1.0)
    data.rotation, data.jitter, data.flip = 0.0, 0.0, False
    info = ModelInfo("custom", {}, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    index = read_dataset(squares)
    samples = TrainingData(index, settings, info).train_dataloader().dataset
    assert isinstance(samples, SegmentationDataset)
    image, label = samples[SampleKey(0, 0, half=True)]
    with Image.open(squares / "images/train/0.png") as photograph:
        expected = np.asarray(photograph.resize((32, 24), Image.Resampling.BILINEAR), np.float32) / 255
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy(), expected, atol=1.5 / 255)
    with Image.open(squares / "labels/train/0.png") as labels:
        truth = np.asarray(labels)
    label = label.numpy()
    assert set(np.unique(label)) <= {0, 1, 255}
    assert all(label[y, x] in truth[2 * y : 2 * y + 2, 2 * x : 2 * x + 2] for y in range(24) for x in range(32))


def test_reading_processes_share_the_room(squares: Path, settings: TrainConfig) -> None:
    settings.data.kept_megabytes = 600
    info = ModelInfo("custom", {}, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    for workers, room in ((0, 600e6), (1, 600e6), (2, 300e6)):
        settings.data.workers = workers
        dataset = TrainingData(read_dataset(squares), settings, info).train_dataloader().dataset
        assert isinstance(dataset, SegmentationDataset)
        assert dataset.kept.room == room
