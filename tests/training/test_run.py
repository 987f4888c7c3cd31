"""Whole runs: what they leave behind, that they repeat, and that an interruption changes nothing."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from safetensors.torch import load_file

import encnet
from encnet.data.formats import read_dataset
from encnet.errors import InputError
from encnet.model.info import ModelInfo
from encnet.training.callbacks import Interrupted
from encnet.training.config import LossConfig, ModelConfig, TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.initial import start_from
from encnet.training.module import TrainingModule
from encnet.training.run import build_model, resume, train


def same_weights(a: Path, b: Path) -> bool:
    first, second = load_file(a), load_file(b)
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sends Ctrl-C in the middle of the given step of the next run."""

    def arrange(step: int) -> None:
        original, sent = TrainingModule.training_step, []

        def training_step(self: TrainingModule, batch: Any, batch_idx: int) -> torch.Tensor:
            if self.global_step == step and not sent:
                sent.append(step)
                signal.raise_signal(signal.SIGINT)
            return original(self, batch, batch_idx)

        monkeypatch.setattr(TrainingModule, "training_step", training_step)

    return arrange


def test_leaves_a_usable_model_logs_and_settings(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.epochs = 6
    best = train(squares, settings, tmp_path / "run")
    model = encnet.load(best)
    assert model.info.classes == ["ground", "square"]
    assert model.info.training["dataset"] == "squares"
    assert {file.name for file in (tmp_path / "run").iterdir()} == {
        "best.safetensors", "config.yaml", "csv", "last.ckpt", "last.safetensors", "tensorboard",
    }  # fmt: skip
    segmentation = encnet.Predictor(model)(squares / "images/val/0.png")
    truth = np.asarray(Image.open(squares / "labels/val/0.png"))
    right = (segmentation.labels == truth)[truth != 255].mean()
    assert right > 0.8  # far above the share of the ground, which is what an untrained network may get
    log = (tmp_path / "run/csv/version_0/metrics.csv").read_text()
    assert "val/mean_iou" in log


def test_two_runs_with_one_seed_are_equal_and_with_another_are_not(
    squares: Path, settings: TrainConfig, tmp_path: Path
) -> None:
    for name, seed, workers in (("a", 1, 0), ("b", 1, 2), ("c", 2, 0)):
        settings.seed, settings.data.workers = seed, workers
        train(squares, settings, tmp_path / name, quiet=True)
    assert same_weights(tmp_path / "a/last.safetensors", tmp_path / "b/last.safetensors")
    assert not same_weights(tmp_path / "a/last.safetensors", tmp_path / "c/last.safetensors")


@pytest.mark.parametrize("step", [1, 2, 4])  # mid-epoch, the last step of an epoch, mid-epoch again
@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_an_interrupted_run_resumes_as_if_nothing_had_happened(
    squares: Path, settings: TrainConfig, tmp_path: Path, interrupt_at: Any, step: int, ema: float
) -> None:
    settings.epochs, settings.ema = 3, ema
    settings.loss = LossConfig(class_weight_power=0.5, class_weight_fade=True)
    train(squares, settings, tmp_path / "whole", quiet=True)
    interrupt_at(step)
    with pytest.raises(Interrupted):
        train(squares, settings, tmp_path / "stopped", quiet=True)
    encnet.load(tmp_path / "stopped/last.safetensors")  # usable at once
    resume(tmp_path / "stopped")
    assert same_weights(tmp_path / "whole/last.safetensors", tmp_path / "stopped/last.safetensors")


@pytest.mark.parametrize(
    "change",
    [
        {"precision": "bf16"},
        {"ema": 0.5},
        {"channels_last": False},
        {"loss": LossConfig(se_weight=1.0)},
        {"loss": LossConfig(aux_weight=1.0)},
        {"loss": LossConfig(class_weight_power=1.0)},
        {"loss": LossConfig(hard_pixels=True)},
        {"loss": LossConfig(jaccard_weight=1.0)},
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
        {"model.full_resolution": True},
        {"model.dropout": 0.5},
        {"model.presence_loss": "mse"},
        {"steps": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_changes_the_result(
    squares: Path, settings: TrainConfig, tmp_path: Path, change: dict[str, Any]
) -> None:
    settings.epochs = 1
    train(squares, settings, tmp_path / "before", quiet=True)
    for name, value in change.items():
        *path, last = name.split(".")
        target: Any = getattr(settings, path[0]) if path else settings
        if dataclasses.is_dataclass(target):
            setattr(target, last, value)
    if "channels_last" in change:  # another layout is another order of sums, not another result
        train(squares, settings, tmp_path / "after", quiet=True)
        a, b = (load_file(tmp_path / run / "last.safetensors") for run in ("before", "after"))
        for key in a:
            torch.testing.assert_close(a[key], b[key], rtol=1e-3, atol=1e-3)
        return
    train(squares, settings, tmp_path / "after", quiet=True)
    assert not same_weights(tmp_path / "before/last.safetensors", tmp_path / "after/last.safetensors")


def test_a_model_can_scale_its_context_to_the_crop(squares: Path, settings: TrainConfig) -> None:
    index = read_dataset(squares)
    model, _ = build_model(index, settings)
    assert model.info.context_pixels is None
    settings.model.scale_context = True
    model, _ = build_model(index, settings)
    with torch.no_grad():
        features = model.eval().prepare(torch.zeros(1, 3, *settings.data.crop)).features
    assert model.info.context_pixels == features.shape[2] * features.shape[3]
    settings.model.context = False
    with pytest.raises(InputError, match="no context encoding"):
        build_model(index, settings)


def test_early_stopping_ends_a_run_that_does_not_improve(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.epochs, settings.patience, settings.optimizer.lr = 30, 2, 1e-12
    train(squares, settings, tmp_path / "run", quiet=True)
    assert encnet.load(tmp_path / "run/last.safetensors").info.training["epoch"] < 30


def test_a_diverging_loss_is_one_sentence(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.optimizer.lr, settings.epochs = 1e20, 5
    with pytest.raises(InputError, match=r"the loss became .* lower optimizer\.lr"):
        train(squares, settings, tmp_path / "run", quiet=True)


def test_bad_data_stops_before_anything_is_written(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    label = np.asarray(Image.open(squares / "labels/train/3.png")).copy()
    label[0, :5] = 7
    Image.fromarray(label).save(squares / "labels/train/3.png")
    with pytest.raises(InputError, match=r"3\.png.*value 7.*5 pixels"):
        train(squares, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_with_a_run_is_not_overwritten(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("kept")
    with pytest.raises(InputError, match="holds a run already"):
        train(squares, settings, tmp_path / "run")
    with pytest.raises(InputError, match="is not the configuration of a run"):
        resume(tmp_path / "run")
    assert (tmp_path / "run/config.yaml").read_text() == "kept"


def test_missing_splits_are_named(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.data.val = "validation"
    with pytest.raises(InputError, match="no split 'validation'; its splits are train, val"):
        train(squares, settings, tmp_path / "run")


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


def test_schedule_warms_up_and_decays_to_zero(
    squares: Path, settings: TrainConfig, tmp_path: Path, rates: list[tuple[float, float]]
) -> None:
    settings.epochs = 4  # of 3 steps each
    train(squares, settings, tmp_path / "run", quiet=True)
    expected = [0.02 * min(1, (step + 1) / 3) * (1 - step / 12) ** 0.9 for step in range(12)]
    assert [rate for rate, _ in rates] == pytest.approx(expected)
    assert [rate for _, rate in rates] == pytest.approx([2 * rate for rate in expected])


def test_schedule_ends_at_the_least_rate(
    squares: Path, settings: TrainConfig, tmp_path: Path, rates: list[tuple[float, float]]
) -> None:
    settings.epochs, settings.optimizer.warmup_steps, settings.optimizer.min_lr = 4, 0, 0.004
    train(squares, settings, tmp_path / "run", quiet=True)
    for part, rate in enumerate((0.02, 0.04)):
        expected = [(rate - 0.004) * (1 - step / 12) ** 0.9 + 0.004 for step in range(12)]
        assert [pair[part] for pair in rates] == pytest.approx(expected)


def test_the_rate_follows_the_images_in_a_step(
    squares: Path, settings: TrainConfig, tmp_path: Path, rates: list[tuple[float, float]]
) -> None:
    settings.epochs, settings.optimizer.warmup_steps = 2, 0
    settings.optimizer.lr_batch, settings.optimizer.accumulate = 24, 2  # 3 images x 2 batches
    train(squares, settings, tmp_path / "run", quiet=True)
    assert rates[0] == pytest.approx((0.02 / 4, 0.04 / 4))


@pytest.mark.parametrize("side", ["long", "short"])
def test_the_base_is_of_the_side_that_is_asked_for(squares: Path, settings: TrainConfig, side: Any) -> None:
    data = settings.data
    data.base_size, data.base_side, data.scale, data.rotation, data.jitter = 96, side, (1.0, 1.0), 0.0, 0.0
    data.crop = (96, 128)
    info = ModelInfo("custom", {}, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])
    _, labels = TrainingData(read_dataset(squares), data, info, seed=0).train_dataloader().dataset[0]
    # The images are 48 x 64, all labelled but for the last 4 rows: they become 96 x 128, or 72 x 96 and filled up.
    rows = (labels != 255).any(dim=1).sum()
    assert rows == (66 if side == "long" else 88)


def test_a_run_starts_from_another_ones_checkpoint(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
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


def test_a_run_that_started_from_a_checkpoint_resumes_without_it(
    squares: Path, settings: TrainConfig, tmp_path: Path, interrupt_at: Any
) -> None:
    settings.epochs = 1
    first = train(squares, settings, tmp_path / "first", quiet=True)
    settings.initial, settings.epochs = str(first), 2
    train(squares, settings, tmp_path / "whole", quiet=True)
    interrupt_at(4)
    with pytest.raises(Interrupted):
        train(squares, settings, tmp_path / "stopped", quiet=True)
    first.unlink()
    resume(tmp_path / "stopped")
    assert same_weights(tmp_path / "whole/last.safetensors", tmp_path / "stopped/last.safetensors")


def test_devices_that_are_not_there_are_one_sentence(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.accelerator = "abacus"
    with pytest.raises(InputError, match="accelerator abacus"):
        train(squares, settings, tmp_path / "run")
    settings.accelerator, settings.precision = "cpu", "fp16"
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="precision fp16 needs a GPU"):
            train(squares, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_several_processes_train_with_the_same_command(squares: Path, tmp_path: Path) -> None:
    settings = ["--model.variant", "encnet_tiny", "--data.crop", "[32,32]", "--data.batch_size", "2", "--epochs", "2"]
    command = [sys.executable, "-m", "encnet.cli", "train", str(squares), *settings, "--data.workers", "0"]
    several = ["--accelerator", "cpu", "--devices", "2", "--out", str(tmp_path / "run")]
    done = subprocess.run([*command, *several], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    # 10 images dealt to 2 processes in batches of 2: 2 steps an epoch.
    assert encnet.load(tmp_path / "run/last.safetensors").info.training["step"] == 4
