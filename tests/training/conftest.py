"""A data set and settings so small that a run takes seconds."""

from __future__ import annotations

import dataclasses
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.labels import LabelSet
from encnet.training.config import DataConfig, ModelConfig, OptimizerConfig, TrainConfig
from encnet.training.module import TrainingModule
from encnet.training.run import train


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives each test its own cache folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """A data set of bright squares on dark ground: 10 training images, 3 validation images of another size."""
    return write_squares(tmp_path / "squares")


def write_squares(root: Path) -> Path:
    """Writes the data set of :func:`squares`."""
    rng = np.random.default_rng(0)
    for split, number, height, width in (("train", 10, 48, 64), ("val", 3, 40, 56)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for i in range(number):
            label = np.zeros((height, width), np.uint8)
            top, left = rng.integers(0, 20, 2)
            label[top : top + 16, left : left + 16] = 1
            label[-4:] = 255
            image = rng.integers(0, 60, (height, width, 3)) + 150 * (label == 1)[..., None]
            Image.fromarray(image.astype(np.uint8)).save(root / "images" / split / f"{i}.png")
            Image.fromarray(label).save(root / "labels" / split / f"{i}.png")
    splits = {name: {"images": f"images/{name}", "labels": f"labels/{name}"} for name in ("train", "val")}
    write_dataset_yaml(root / "dataset.yaml", LabelSet.plain(["ground", "square"]), splits, "squares")
    return root


@pytest.fixture
def settings() -> TrainConfig:
    """Two epochs of three steps with a tiny network."""
    return small_settings()


@pytest.fixture(scope="module")
def complete_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a complete run with :func:`small_settings`, beside its data set; copy it before you change it."""
    return _run(tmp_path_factory.mktemp("complete"), small_settings())


@pytest.fixture(scope="module")
def run_of_one_epoch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As :func:`complete_run`, of one epoch."""
    return _run(tmp_path_factory.mktemp("one_epoch"), dataclasses.replace(small_settings(), epochs=1))


def _run(folder: Path, settings: TrainConfig) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        train(write_squares(folder / "squares"), settings, folder / "run", quiet=True)
    return folder / "run"


@pytest.fixture
def run(complete_run: Path, tmp_path: Path) -> Path:
    """A copy of :func:`complete_run`."""
    return Path(shutil.copytree(complete_run, tmp_path / "run"))


def small_settings() -> TrainConfig:
    """Two epochs of three steps with a tiny network."""
    return TrainConfig(
        model=ModelConfig(variant="encnet_tiny", output_stride=16, num_codes=4, head_channels=16),
        data=DataConfig(batch_size=3, workers=0, crop=(32, 32)),
        optimizer=OptimizerConfig(name="sgd", lr=0.02, head_lr_factor=2.0, warmup_steps=2),
        epochs=2,
        accelerator="cpu",
    )


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """A function that makes the next run receive Ctrl-C in the middle of the given step."""

    def arrange(step: int) -> None:
        original, sent = TrainingModule.training_step, []

        def training_step(self: TrainingModule, batch: Any, batch_idx: int) -> torch.Tensor:
            if self.global_step == step and not sent:
                sent.append(step)
                signal.raise_signal(signal.SIGINT)
            return original(self, batch, batch_idx)

        monkeypatch.setattr(TrainingModule, "training_step", training_step)

    return arrange
