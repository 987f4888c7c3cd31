"""Arguments that are given and have no effect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import encnet
from encnet.cli import _command, main
from encnet.commands.command import make_parser
from encnet.commands.unused import given_values
from encnet.model.backbones.timm_backbone import DilatedBackbone
from encnet.system.ledger import Ledger

WITHOUT_DATA = ["explain", "CHECKPOINT", "photo.jpg"]
REFUSED: list[tuple[list[str], str, str]] = [
    (["evaluate", "CHECKPOINT", "data", "--protocol.crop", "[64,64]"], "protocol.crop", "on whole images"),
    (["evaluate", "CHECKPOINT", "data", "--protocol.stride", "0.5"], "protocol.stride", "without sliding windows"),
    (
        ["evaluate", "CHECKPOINT", "data", "--protocol", "tiled", "--protocol.edge=pad"],
        "protocol.edge",
        "without sliding",
    ),
    (["evaluate", "CHECKPOINT", "data", "--protocol.margin", "128"], "protocol.margin", "without tiles"),
    (["evaluate", "CHECKPOINT", "data", "--protocol.resize", "bilinear"], "protocol.resize", "on images that keep"),
    (["predict", "CHECKPOINT", "a.jpg", "--protocol", "mmseg", "--protocol.resize", "model"], "protocol.resize", "on"),
    (["app", "CHECKPOINT", "--protocol", "tiled", "--protocol.resize", "model"], "protocol.resize", "on images that"),
    (
        ["evaluate", "CHECKPOINT", "data", "--protocol.mode", "sliding", "--protocol.resize", "model"],
        "protocol.resize",
        "on images that keep their size",
    ),
    (["evaluate", "CHECKPOINT", "data", "--overwrite", "true"], "overwrite", "where no file is written"),
    (["app", "CHECKPOINT", "--protocol.absent_classes", "zero"], "protocol.absent_classes", "where nothing is scored"),
    (["app", "CHECKPOINT", "--protocol.crop", "[64,64]"], "protocol.crop", "on whole images"),
    (["predict", "CHECKPOINT", "photo.jpg", "--protocol.margin", "64"], "protocol.margin", "without tiles"),
    (["evaluate", "CHECKPOINT", "data", "--save_prior", "x.safetensors"], "save_prior", "without --choose_prior"),
    (["evaluate", "CHECKPOINT", "data", "--choose_prior", "true", "--workers", "2"], "workers", "with --choose_prior"),
    (["evaluate", "CHECKPOINT", "data", "--choose_prior", "true", "--protocol", "plain"], "protocol", "with --choose"),
    (["evaluate", "CHECKPOINT", "data", "--choose_prior", "true", "--engine", "auto"], "engine", "with --choose_prior"),
    (["evaluate", "CHECKPOINT", "data", "--choose-prior=true", "--precision=fp32"], "precision", "with --choose_prior"),
    ([*WITHOUT_DATA, "--split", "val"], "split", "without --dataset"),
    ([*WITHOUT_DATA, "--format", "voc"], "format", "without --dataset"),
    ([*WITHOUT_DATA, "--limit", "3"], "limit", "without --dataset"),
    (["export", "CHECKPOINT", "--format", "onnx", "--limit", "3"], "limit", "without --calibration"),
    (["export", "CHECKPOINT", "--format", "onnx", "--calibration_images", "64"], "calibration_images", "without --cal"),
    (
        ["export", "CHECKPOINT", "--format", "onnx", "--calibration-format", "voc"],
        "calibration_format",
        "without --cal",
    ),
    (["export", "CHECKPOINT", "--out", "a.pt2", "--winograd", "true"], "winograd", "in other formats than onnx"),
    (["export", "CHECKPOINT", "--format", "openvino", "--winograd", "false"], "winograd", "in other formats"),
    (["benchmark", "CHECKPOINT", "--limit", "3"], "limit", "without a data set"),
    (["benchmark", "CHECKPOINT", "--split", "val"], "split", "without a data set"),
    (["benchmark", "CHECKPOINT", "--format", "voc"], "format", "without a data set"),
    (["convert", "file.pth", "--format", "voc"], "format", "without a data set that gives the names"),
    (["convert", "file.pth", "--format", "voc", "--classes", "names.txt"], "format", "without a data set"),
    (["train", "data", "--steps", "9", "--epochs", "60"], "epochs", "beside --steps"),
    (["train", "data", "--data.base_side", "long"], "data.base_side", "without --data.base_size"),
    (["train", "data", "--optimizer.power", "0", "--optimizer.min_lr", "1e-6"], "optimizer.min_lr", "with --optimizer"),
    (["train", "data", "--initial", "x", "--model.variant", "encnet_lite0"], "model.variant", "with --initial"),
    (["train", "data", "--initial", "x", "--model.pretrained", "timm"], "model.pretrained", "with --initial"),
    (["train", "data", "--model.aux", "false", "--loss.aux_weight", "0.4"], "loss.aux_weight", "without an auxiliary"),
    (["train", "data", "--model.aux=false", "--model.aux_channels=64"], "model.aux_channels", "without an auxiliary"),
    (["train", "data", "--model.se", "false", "--loss.se_weight", "0.2"], "loss.se_weight", "without a branch"),
    (["train", "data", "--model.context", "false", "--model.presence_loss", "bce"], "model.presence_loss", "without a"),
    (["train", "data", "--model.context", "false", "--model.num_codes", "8"], "model.num_codes", "without a context"),
    (["train", "--resume", "run", "--out", "runs/train"], "out", "on a run that is resumed"),
    (["train", "--resume", "run", "--overwrite", "true"], "overwrite", "on a run that is resumed"),
    (["train", "--resume", "run", "--recipe", "scenes_tiny"], "recipe", "on a run that is resumed"),
]
"""Command line, the argument that has no effect, and the beginning of the reason."""


@pytest.mark.parametrize(("words", "name", "reason"), REFUSED, ids=lambda value: " ".join(value)[:70] if value else "")
def test_an_argument_without_an_effect_is_refused_by_name(
    words: list[str], name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"encnet: --{name} has no effect {reason}")
    assert "; leave it out, or " in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        ("evaluate", ["c", "d", "--protocol", "mmseg-slide", "--protocol.crop", "[64,64]", "--protocol.stride", "0.5"]),
        ("evaluate", ["c", "d", "--protocol.margin", "64", "--protocol", "tiled", "--protocol.crop", "[256,256]"]),
        ("evaluate", ["c", "d", "--protocol.absent_classes", "zero"]),
        ("evaluate", ["c", "d", "--protocol", "pytorch-encoding"]),
        ("evaluate", ["c", "d", "--protocol", "pytorch-encoding-single", "--protocol.resize", "bilinear"]),
        ("evaluate", ["c", "d", "--protocol.scales", "[0.5,1]", "--protocol.resize", "bilinear"]),
        ("evaluate", ["c", "d", "--protocol.short_side", "512", "--protocol.resize", "model"]),
        ("evaluate", ["c", "d", "--protocol", "mmseg", "--protocol.fill", "true"]),
        ("evaluate", ["c", "d", "--protocol", "mmseg-slide", "--protocol.fill", "true"]),
        ("predict", ["c", "a.jpg", "--protocol.flip=true", "--protocol.fill=false"]),
        ("evaluate", ["c", "d", "--protocol", "tiled", "--protocol.fill", "false"]),
        ("evaluate", ["c", "d", "--overwrite", "true", "--out", "o"]),
        ("evaluate", ["c", "d", "--choose_prior", "true", "--save_prior", "x", "--overwrite", "true"]),
        ("evaluate", ["c", "d", "--choose_prior", "true", "--save_prior", "x"]),
        ("explain", ["c", "i", "--dataset", "d", "--split", "train", "--limit", "2"]),
        ("export", ["c", "--out", "x.onnx", "--winograd", "false"]),
        ("export", ["c", "--format", "openvino", "--calibration", "d", "--limit", "2"]),
        ("benchmark", ["c", "d", "--split", "train", "--limit", "2"]),
        ("train", ["d", "--recipe", "ade20k_resnet50", "--data.base_side", "short"]),
        ("train", ["d", "--recipe", "own_data_small", "--initial", "x"]),  # the variant is the recipe's, not given
        ("train", ["d", "--steps", "9"]),
        ("train", ["d", "--model.stage3_se", "true", "--model.se", "false", "--loss.se_weight", "0.1"]),
        ("train", ["--resume", "r", "--epochs", "9", "--data.workers", "2"]),
    ],
    ids=lambda value: " ".join(value)[:70],
)
def test_arguments_with_an_effect_are_accepted(verb: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    command: Any = _command(verb)
    received: list[Any] = []

    def run(arguments: Any) -> int:
        received.append(arguments)
        return 7

    monkeypatch.setattr(command, "run", run)
    assert main([verb, *words]) == 7
    assert received[0].given


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["data"], {"dataset": "data"}),
        (["--resume", "run", "--epochs", "60"], {"resume": "run", "epochs": 60}),
        (["--resume=run", "--steps=null"], {"resume": "run", "steps": None}),
        (["data", "--seed", "0", "--data.crop", "[480,480]"], {"dataset": "data", "seed": 0, "data.crop": (480, 480)}),
        (["data", "--data", '{"workers": 0, "blur": 0.0}'], {"dataset": "data", "data.workers": 0, "data.blur": 0.0}),
        (["--recipe", "scenes_tiny", "data"], {"recipe": "scenes_tiny", "dataset": "data"}),
        (["data", "--recipe=scenes_tiny", "--ema", "0"], {"recipe": "scenes_tiny", "dataset": "data", "ema": 0.0}),
        (["--epochs", "3", "--", "--recipe"], {"epochs": 3, "dataset": "--recipe"}),
    ],
)
def test_given_values_are_those_on_the_command_line_whatever_the_defaults(
    words: list[str], expected: dict[str, Any]
) -> None:
    assert given_values(make_parser("encnet train", _command("train")), words) == expected


def test_a_calibration_folder_without_labels_has_no_use_for_a_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    encnet.create_model("encnet_tiny", 2).save(tmp_path / "model.safetensors")
    words = ["export", str(tmp_path / "model.safetensors"), "--format", "torch", "--calibration", str(tmp_path)]
    assert main([*words, "--limit", "2"]) == 2
    assert "--limit has no effect, because" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "argument"),
    [
        (["--mean", "[0.5,0.5,0.5]"], "mean"),
        (["--std", "[0.5,0.5,0.5]"], "std"),
        (["--align_corners", "false"], "align_corners"),
        (["--classes", "names.txt"], "classes"),
    ],
)
def test_settings_of_a_network_are_refused_for_a_backbone(
    words: list[str], argument: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(DilatedBackbone("resnet18").network.state_dict(), "resnet18.pth")
    assert main(["convert", "resnet18.pth", *words]) == 2
    assert f"resnet18.pth holds only a backbone, and {argument} belongs to a whole network" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["resnet18.pth"]
    assert main(["convert", "resnet18.pth"]) == 0


def test_epochs_replace_the_steps_of_a_recipe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trained: list[Any] = []

    def train(dataset: str, config: Any, out: str, overwrite: bool, given: Any) -> Path:
        assert not overwrite
        assert given is None  # a recipe leaves nothing to choose
        trained.append(config)
        return Path("best.safetensors")

    monkeypatch.setattr("encnet.training.run.train", train)
    monkeypatch.setattr("encnet.training.report.report_run", lambda folder: folder / "report.html")
    monkeypatch.setattr("encnet.commands.train._ledger", lambda folder: Ledger())
    assert main(["train", "data", "--recipe", "own_data_small", "--epochs", "5"]) == 0
    assert (trained[0].epochs, trained[0].steps) == (5, None)
    assert "--epochs 5 replaces the steps of the recipe, 1000" in capsys.readouterr().out
    assert main(["train", "data", "--recipe", "own_data_small"]) == 0
    assert trained[1].steps == 1000
