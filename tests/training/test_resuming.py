"""Resuming with changes: what a run may change on its way, and what it must keep."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from comparing import same_weights
from full_disk import largest_file

import encnet
from encnet.cli import main
from encnet.system.errors import InputError
from encnet.training.config import OptimizerConfig, TrainConfig
from encnet.training.module import TrainingModule
from encnet.training.position import Position
from encnet.training.recipes import load_run_config
from encnet.training.run import resume, train
from encnet.training.state_files import PART

KEPT: dict[str, Any] = {
    "model.variant": "encnet_lite0",
    "model.backbone": "resnet18",
    "model.pretrained": "timm",
    "model.dropout": 0.5,
    "model.num_codes": 8,
    "data.crop": [48, 48],
    "data.batch_size": 2,
    "data.train": "val",
    "data.flip": False,
    "loss.se_weight": 1.0,
    "loss.hard_pixels": True,
    "optimizer.lr": 1e-5,
    "optimizer.power": 1.0,
    "optimizer.accumulate": 2,
    "initial": "other.safetensors",
    "ema": 0.9,
    "seed": 1,
    "channels_last": False,
}
"""Settings that a resumed run keeps, with another value than that of the run."""


def nested(name: str, value: Any) -> dict[str, Any]:
    group, dot, last = name.partition(".")
    return {group: {last: value}} if dot else {name: value}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_run_learns_is_kept_and_nothing_is_written(name: str, run: Path, tmp_path: Path) -> None:
    before = contents(tmp_path)
    message = rf"run keeps {name} as it began, .*; leave it out, or start a new run: `"
    with pytest.raises(InputError, match=message) as refused:
        resume(run, epochs=5, **nested(name, KEPT[name]))
    assert (refused.value.argument, contents(tmp_path)) == (name, before)


@pytest.mark.parametrize(("name", "value"), [("seed", "0"), ("optimizer.lr", "0.02"), ("ema", "0.0")])
def test_a_kept_setting_is_refused_even_with_the_value_of_the_run(
    name: str, value: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--resume", str(run), "--epochs", "5", f"--{name}={value}"]) == 2
    assert f"run keeps {name} as it began" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--optimizer.lr", "1e-5"], ["--data.crop", "[48,48]", "--model.dropout=0.3"]])
def test_the_new_run_that_a_refusal_advises_trains(
    words: list[str], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--resume", str(run), *words]) == 2
    advised = capsys.readouterr().err.split("`")[1]
    assert main([*shlex.split(advised)[1:], "--epochs", "1"]) == 0
    _, new = load_run_config(run.with_name("run-2") / "config.yaml")
    _, old = load_run_config(run / "config.yaml")
    assert new.initial == str(run / "best.safetensors")
    assert (new.optimizer.name, new.data.batch_size) == (old.optimizer.name, old.data.batch_size) == ("sgd", 3)
    assert (new.optimizer.lr, new.data.crop) == ((1e-5, (32, 32)) if len(words) == 2 else (0.02, (48, 48)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 1}, r"^epochs is 1; it must be at least 3, because .*run has done 2 epochs already$"),
        ({"epochs": 2}, r"^epochs is 2; it must be at least 3"),
        ({"steps": 6}, r"^steps is 6; it must be at least 7, because .*run has done 6 steps already$"),
        ({"epochs": 0}, r"epochs is 0; it must be a whole number from 1"),
        ({"epochs": 3, "steps": 9}, r"^give epochs or steps, not both$"),
        ({"epoch": 3}, r"^there is no setting 'epoch'; resuming can change epochs, steps, patience, "),
        ({"data": {"worker": 3}}, r"^there is no setting 'data\.worker'"),
        ({"patience": -1}, r"patience is -1; it must be a whole number from 0"),
        ({"precision": "int8"}, r"precision"),
        ({"data": {"workers": 1}}, r"run is complete, and data\.workers would change nothing: its epochs, 2, are done"),
        ({"patience": 3, "compile": True}, r"patience and compile would change nothing"),
        ({"epochs": 5, "devices": 2}, r"run trains 3 images per step on 1 device, and 2 would train 6"),
        ({"epochs": 5, "accelerator": "abacus"}, r"accelerator is 'abacus'; it must be 'auto', 'cpu'"),
    ],
)
def test_changes_that_do_not_fit_are_refused_and_nothing_is_written(
    changes: dict[str, Any], message: str, run: Path, tmp_path: Path
) -> None:
    before = contents(tmp_path / "run")
    with pytest.raises(InputError, match=message) as error:
        resume(run, **changes)
    assert "\n" not in str(error.value)
    assert contents(tmp_path / "run") == before


def test_another_number_of_devices_that_the_environment_brings_is_refused_too(run: Path) -> None:
    content = yaml.safe_load((run / "config.yaml").read_text())
    content["config"]["devices"] = 2  # as "auto" on a machine with two GPUs
    (run / "config.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="resume it on 1, or start a new run from its weights"):
        resume(run, epochs=3)
    resume(run, epochs=3, devices=1)
    assert encnet.load(run / "last.safetensors").info.training["step"] == 9


def test_a_complete_run_says_so_and_is_not_touched(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(run)
    assert resume(run) == run / "best.safetensors"
    assert capsys.readouterr().out == f"{run} is complete: its epochs, 2, are done; give more epochs to continue it\n"
    assert contents(run) == before


@pytest.mark.parametrize("resumed_by", ["command", pytest.param("function", marks=pytest.mark.slow)])
def test_a_complete_run_goes_on_with_more_epochs(
    resumed_by: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if resumed_by == "command":
        assert main(["train", "--resume", str(run), "--epochs", "4", "--data.workers", "1"]) == 0
    else:
        resume(run, epochs=4, data={"workers": 1})
    out = capsys.readouterr().out
    assert "resumes at step 6 with data.workers 1 (was 0), epochs 4 (was 2)" in out
    rate = 0.04 * (1 - 6 / 12) ** 0.9  # of the head: lr 0.02 times head_lr_factor 2
    assert (
        f"the learning rate goes on from {rate:.2e} at step 6 (it was 0.00e+00); the schedule now ends at step 12"
        in out
    )
    assert encnet.load(run / "last.safetensors").info.training["step"] == 12
    content = yaml.safe_load((run / "config.yaml").read_text())
    assert content["resumed"] == [
        {"step": 6, "before": {"data.workers": 0, "epochs": 2}, "after": {"data.workers": 1, "epochs": 4}}
    ]
    config = load_run_config(run / "config.yaml")[1]
    assert (config.epochs, config.data.workers) == (4, 1)
    resume(run)  # the new goal is the goal of the run
    assert "its epochs, 4, are done" in capsys.readouterr().out


def test_the_steps_after_resuming_have_the_rates_of_the_longer_schedule(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: dict[int, list[float]] = {}
    original = TrainingModule.training_step

    def training_step(self: TrainingModule, batch: Any, batch_idx: int) -> torch.Tensor:
        rates[self.global_step] = [group["lr"] for group in self.trainer.optimizers[0].param_groups]
        return original(self, batch, batch_idx)

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    dataset, config = load_run_config(run / "config.yaml")
    train(dataset, dataclasses.replace(config, epochs=4), tmp_path / "whole", quiet=True)
    whole = dict(rates)
    rates.clear()
    resume(run, epochs=4)
    assert list(rates) == [6, 7, 8, 9, 10, 11]
    assert rates == {step: whole[step] for step in rates}


@pytest.mark.parametrize(
    ("first", "then", "ema"),
    [
        pytest.param({"epochs": 1}, {"epochs": 2}, 0.0, marks=pytest.mark.slow),
        ({"epochs": 3, "validate_every": 2}, {"epochs": 4}, 0.0),  # ends without a validation
        pytest.param({"epochs": 1, "validate_every": 2}, {"epochs": 2}, 0.9, marks=pytest.mark.slow),
        ({"steps": 4}, {"steps": 7}, 0.9),  # ends within an epoch
        pytest.param({"steps": 4}, {"epochs": 3}, 0.0, marks=pytest.mark.slow),
        ({"epochs": 1}, {"steps": 4}, 0.0),
        pytest.param({"steps": 3}, {"steps": 4}, 0.0, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_run_that_goes_on_equals_a_longer_run(
    first: dict[str, int], then: dict[str, int], ema: float, squares: Path, settings: TrainConfig, tmp_path: Path
) -> None:
    constant = OptimizerConfig(name="sgd", lr=0.02, power=0.0, warmup_steps=0)  # else the schedules differ
    settings = dataclasses.replace(settings, optimizer=constant, ema=ema, **first)
    longer = dataclasses.replace(settings, **{**({"steps": None} if "epochs" in then else {}), **then})
    train(squares, longer, tmp_path / "whole", quiet=True)
    train(squares, settings, tmp_path / "part", quiet=True)
    resume(tmp_path / "part", **then)
    whole, part = (encnet.load(tmp_path / name / "last.safetensors").info.training for name in ("whole", "part"))
    assert (part["epoch"], part["step"]) == (whole["epoch"], whole["step"])
    assert same_weights(tmp_path / "whole/last.safetensors", tmp_path / "part/last.safetensors")


def test_a_run_without_patience_left_goes_on_with_more(
    squares: Path, settings: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.epochs, settings.patience, settings.optimizer.lr = 60, 2, 1e-12
    train(squares, settings, tmp_path / "run", quiet=True)
    resume(tmp_path / "run")
    advice = "it stopped after 2 validations without a better mean IoU; give a patience above 2, or 0, to continue it"
    assert advice in capsys.readouterr().out
    with pytest.raises(InputError, match="give a patience above 2"):
        resume(tmp_path / "run", epochs=70)
    stopped = encnet.load(tmp_path / "run/last.safetensors").info.training["epoch"]
    resume(tmp_path / "run", patience=4)
    assert encnet.load(tmp_path / "run/last.safetensors").info.training["epoch"] >= stopped + 2
    assert Position.of(tmp_path / "run").waited == 4


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"precision": "bf16"}, True),
        pytest.param({"validate_every": 2}, False, marks=pytest.mark.slow),
        pytest.param({"data": {"workers": 1}}, False, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_what_computes_may_change(changes: dict[str, Any], differs: bool, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "unchanged")
    resume(tmp_path / "unchanged", epochs=3)
    resume(run, epochs=3, **changes)
    assert same_weights(tmp_path / "unchanged/last.safetensors", run / "last.safetensors") is not differs


def test_the_best_score_of_a_run_that_ended_within_an_epoch_is_kept(
    squares: Path, settings: TrainConfig, tmp_path: Path
) -> None:
    settings.steps = 4
    train(squares, settings, tmp_path / "run", quiet=True)
    state = torch.load(tmp_path / "run/last.ckpt", weights_only=True)["callbacks"]["Validation"]
    stored = encnet.load(tmp_path / "run/best.safetensors").info.training["validation"]["mean_iou"]
    assert (state["best"], state["step"]) == (stored, 4)


def test_settings_of_a_run_are_a_recipe(run: Path, tmp_path: Path) -> None:
    words = ["--recipe", str(run / "config.yaml"), "--epochs", "1", "--out", str(tmp_path / "new")]
    assert main(["train", yaml.safe_load((run / "config.yaml").read_text())["dataset"], *words]) == 0
    new, old = (load_run_config(folder / "config.yaml")[1] for folder in (tmp_path / "new", run))
    assert new == dataclasses.replace(old, epochs=1)
    assert json.dumps(dataclasses.asdict(new.model)) == json.dumps(dataclasses.asdict(old.model))


def test_a_state_that_cannot_be_written_stops_the_run_and_the_one_before_stays(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file.name: file.read_bytes() for file in run.iterdir() if file.suffix in (".ckpt", ".safetensors")}
    assert len(before) == 4
    with largest_file(20_000):
        assert main(["train", "--resume", str(run), "--epochs", "3"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "cannot write" in line and "free there" in line] == [lines[-1]]
    assert {name: (run / name).read_bytes() for name in before} == before
    assert not (run / PART).exists()
