"""The picture of the first batches of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from comparing import same_weights
from PIL import Image

import encnet
from encnet.reports.batches import batches_picture
from encnet.system.errors import InputError
from encnet.training.config import TrainConfig
from encnet.training.first_batches import FirstBatches
from encnet.training.module import TrainingModule
from encnet.training.run import resume, train


@pytest.mark.parametrize(("steps", "drawn"), [(4, 3), (2, 2)])
def test_the_picture_shows_what_the_network_sees(
    steps: int, drawn: int, squares: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    original = TrainingModule.training_step

    def training_step(self: TrainingModule, batch: Any, batch_idx: int) -> torch.Tensor:
        images, labels = batch
        seen.append((images.numpy().copy(), labels.numpy().copy()))
        return original(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    settings.steps = steps
    train(squares, settings, tmp_path / "run", quiet=True)
    info = encnet.load(tmp_path / "run/last.safetensors").info
    palette = [(red, green, blue) for red, green, blue in info.palette]
    expected = batches_picture(seen[:drawn], info.mean, info.std, ["ground", "square"], palette)
    with Image.open(tmp_path / "run/batches.png") as written:
        assert np.array_equal(np.asarray(written), np.asarray(expected))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_is_the_same_with_and_without_the_picture(
    workers: int, squares: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.data.workers, settings.steps = workers, 5
    train(squares, settings, tmp_path / "with", quiet=True)
    monkeypatch.setattr(FirstBatches, "on_train_batch_start", lambda *_: None)
    train(squares, settings, tmp_path / "without", quiet=True)
    assert (tmp_path / "with/batches.png").is_file()
    assert not (tmp_path / "without/batches.png").exists()
    assert same_weights(tmp_path / "with/last.safetensors", tmp_path / "without/last.safetensors")


def test_resuming_keeps_the_picture(run: Path) -> None:
    before = (run / "batches.png").read_bytes()
    resume(run, steps=7)
    assert (run / "batches.png").read_bytes() == before


def test_a_run_that_fails_at_once_leaves_its_picture(
    squares: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def training_step(self: TrainingModule, batch: Any, batch_idx: int) -> torch.Tensor:
        raise InputError("the loss became nan")

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    with pytest.raises(InputError, match="the loss became nan"):
        train(squares, settings, tmp_path / "run", quiet=True)
    with Image.open(tmp_path / "run/batches.png") as picture:
        assert picture.width > 300
