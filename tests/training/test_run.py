"""Whole runs: the files that they write, their reproducibility, and the input that they refuse."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from comparing import same_weights
from listing import visible
from PIL import Image

import encnet
from encnet.data.formats import read_dataset
from encnet.system.errors import InputError
from encnet.training.config import ModelConfig, TrainConfig
from encnet.training.network import build_model
from encnet.training.run import resume, train


def test_a_run_writes_a_usable_model_logs_and_settings(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.epochs = 6
    best = train(squares, settings, tmp_path / "run")
    model = encnet.load(best)
    assert model.info.classes == ["ground", "square"]
    assert model.info.training["dataset"] == "squares"
    assert model.info.training["everywhere"] == ["ground", "square"]
    assert set(visible(tmp_path / "run")) == {
        "batches.png", "best.safetensors", "check.html", "config.yaml", "csv", "last.ckpt", "last.safetensors",
        "previous.ckpt", "tensorboard",
    }  # fmt: skip
    segmentation = encnet.Predictor(model)(squares / "images/val/0.png")
    truth = np.asarray(Image.open(squares / "labels/val/0.png"))
    right = (segmentation.labels == truth)[truth != 255].mean()
    assert right > 0.8  # far above the share of the ground, which is what an untrained network may get
    log = (tmp_path / "run/csv/version_0/metrics.csv").read_text()
    assert "val/mean_iou" in log


def test_runs_with_equal_seeds_are_equal_and_with_different_seeds_differ(
    squares: Path, settings: TrainConfig, tmp_path: Path
) -> None:
    for name, seed, workers in (("a", 1, 0), ("b", 1, 2), ("c", 2, 0)):
        settings.seed, settings.data.workers = seed, workers
        train(squares, settings, tmp_path / name, quiet=True)
    assert same_weights(tmp_path / "a/last.safetensors", tmp_path / "b/last.safetensors")
    assert not same_weights(tmp_path / "a/last.safetensors", tmp_path / "c/last.safetensors")


def test_scale_context_stores_the_pixels_of_a_training_crop(squares: Path, settings: TrainConfig) -> None:
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


def test_networks_for_other_bands_than_those_of_the_data_set_are_refused(
    squares: Path, settings: TrainConfig, tmp_path: Path
) -> None:
    expected = r"model\.in_channels is 4, but .*squares is read as RGB photographs; name 4 bands in dataset\.yaml"
    four = {"in_channels": 4, "mean": (0.5,) * 4, "std": (0.5,) * 4}
    settings.model = ModelConfig(variant="encnet_tiny", in_channels=4)  # without mean and std, which must fit too
    with pytest.raises(InputError, match=expected):
        train(squares, settings, tmp_path / "run", quiet=True)
    encnet.create_model("encnet_tiny", 2, **four).save(tmp_path / "four.safetensors")
    settings.model, settings.initial = ModelConfig(), str(tmp_path / "four.safetensors")
    expected = r"the network takes images of 4, but .*squares is read as RGB photographs"
    with pytest.raises(InputError, match=expected):
        train(squares, settings, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_bad_data_is_refused_before_anything_is_written(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    label = np.asarray(Image.open(squares / "labels/train/3.png")).copy()
    label[0, :5] = 7
    Image.fromarray(label).save(squares / "labels/train/3.png")
    with pytest.raises(InputError, match=r"3\.png.*value 7.*5 pixels"):
        train(squares, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_folder_that_holds_a_run_is_not_overwritten(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("kept")
    with pytest.raises(InputError, match="holds a run already"):
        train(squares, settings, tmp_path / "run")
    with pytest.raises(InputError, match="is not the configuration of a run"):
        resume(tmp_path / "run")
    assert (tmp_path / "run/config.yaml").read_text() == "kept"


def test_the_error_for_a_missing_split_lists_the_splits(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.data.val = "validation"
    with pytest.raises(InputError, match="no split 'validation'; its splits are train, val"):
        train(squares, settings, tmp_path / "run")


def test_missing_devices_are_refused_in_one_sentence(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.accelerator = "abacus"
    with pytest.raises(InputError, match="accelerator abacus"):
        train(squares, settings, tmp_path / "run")
    settings.accelerator, settings.precision = "cpu", "fp16"
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="precision fp16 needs a GPU"):
            train(squares, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_one_command_trains_with_several_processes(squares: Path, tmp_path: Path) -> None:
    settings = ["--model.variant", "encnet_tiny", "--data.crop", "[32,32]", "--data.batch_size", "2", "--epochs", "2"]
    command = [sys.executable, "-m", "encnet.cli", "train", str(squares), *settings, "--data.workers", "0"]
    several = ["--accelerator", "cpu", "--devices", "2", "--out", str(tmp_path / "run")]
    done = subprocess.run([*command, *several], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    # 10 images dealt to 2 processes in batches of 2: 2 steps an epoch.
    assert encnet.load(tmp_path / "run/last.safetensors").info.training["step"] == 4


def test_a_run_among_the_photographs_is_refused(squares: Path, settings: TrainConfig) -> None:
    """Its pictures would be read as photographs without label maps."""
    with pytest.raises(InputError, match="images/val lies among the photographs or label maps of") as error:
        train(squares, settings, squares / "images/val", quiet=True)
    assert error.value.argument == "out"
    assert "batches.png" not in visible(squares / "images/val")
