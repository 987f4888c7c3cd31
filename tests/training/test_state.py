"""States saved by time and when a signal comes: a run that resumes from them equals one without the interruption."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from comparing import same_weights

import encnet
from encnet.data.formats import read_dataset
from encnet.losses.options import LossOptions
from encnet.system.errors import InputError
from encnet.system.signals import Stopped
from encnet.training.config import TrainConfig
from encnet.training.loader import EpochBatches
from encnet.training.module import TrainingModule
from encnet.training.position import Position
from encnet.training.run import resume, train


class Killed(Exception):  # noqa: N818 (it stands for SIGKILL)
    """Ends a run without giving it time to save anything."""


@pytest.fixture
def at_image(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int, Callable[[], object]], None]:
    """A function that makes the next run call something once, at the given call of a step of the module."""

    def arrange(name: str, call: int, act: Callable[[], object]) -> None:
        original, calls = getattr(TrainingModule, name), []

        def step(self: TrainingModule, batch: Any, batch_idx: int) -> Any:
            calls.append(batch_idx)
            if len(calls) == call:
                act()
            return original(self, batch, batch_idx)

        monkeypatch.setattr(TrainingModule, name, step)

    return arrange


def kill() -> None:
    raise Killed


def assert_equal(whole: Path, part: Path) -> None:
    for name in ("best.safetensors", "last.safetensors"):
        assert same_weights(whole / name, part / name)
    a, b = (encnet.load(folder / "last.safetensors").info.training for folder in (whole, part))
    assert a == b


@pytest.mark.parametrize(
    ("step", "accumulate", "ema"),
    [
        (4, 2, 0.9),
        pytest.param(3, 1, 0.0, marks=pytest.mark.slow),
        pytest.param(5, 1, 0.9, marks=pytest.mark.slow),
    ],
)
def test_a_run_resumes_from_a_state_saved_by_time(
    step: int, accumulate: int, ema: float, squares: Path, settings: TrainConfig, tmp_path: Path, at_image: Any
) -> None:
    settings.epochs, settings.ema, settings.validate_every = 3, ema, 2
    settings.optimizer.accumulate, settings.save_every_minutes = accumulate, 1e-9
    settings.loss = LossOptions(class_weight_power=0.5, class_weight_fade=True)
    train(squares, settings, tmp_path / "whole", quiet=True)
    at_image("training_step", step, kill)
    with pytest.raises(Killed):
        train(squares, settings, tmp_path / "part", quiet=True)
    assert Position.of(tmp_path / "part").step > 0
    resume(tmp_path / "part")
    assert_equal(tmp_path / "whole", tmp_path / "part")


def test_a_state_is_saved_as_often_as_the_setting_says(squares: Path, settings: TrainConfig, tmp_path: Path) -> None:
    settings.validate_every, settings.epochs = 5, 1
    for minutes, name, steps in ((1e-9, "often", [2, 3]), (1e9, "seldom", [3])):
        settings.save_every_minutes = minutes
        train(squares, settings, tmp_path / name, quiet=True)
        states = sorted((tmp_path / name).glob("*.ckpt"), reverse=True)  # previous.ckpt, last.ckpt
        assert [torch.load(state, weights_only=True)["global_step"] for state in states] == steps


@pytest.mark.parametrize(  # three images each in three validations
    ("image", "ema"),
    [(5, 0.9), *(pytest.param(image, ema, marks=pytest.mark.slow) for image in (2, 3, 5, 9) for ema in (0.0, 0.9))],
)
def test_a_run_stopped_in_a_validation_validates_again(
    image: int, ema: float, squares: Path, settings: TrainConfig, tmp_path: Path, at_image: Any
) -> None:
    settings.epochs, settings.ema, settings.patience = 3, ema, 2
    train(squares, settings, tmp_path / "whole", quiet=True)
    at_image("validation_step", image, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped) as stopped:
        train(squares, settings, tmp_path / "part", quiet=True)
    assert stopped.value.status == 143
    assert stopped.value.way_on == f"continue with `encnet train --resume {tmp_path / 'part'}`"
    encnet.load(tmp_path / "part/last.safetensors")  # usable at once
    resume(tmp_path / "part")
    assert_equal(tmp_path / "whole", tmp_path / "part")


@pytest.mark.parametrize("length", [{"epochs": 4}, pytest.param({"steps": 4}, marks=pytest.mark.slow)], ids=str)
def test_a_run_whose_epochs_are_one_step_stops_and_resumes(
    length: dict[str, int], squares: Path, settings: TrainConfig, tmp_path: Path, at_image: Any
) -> None:
    settings = dataclasses.replace(settings, validate_every=3, ema=0.9, **length)
    settings.data.batch_size = 10
    train(squares, settings, tmp_path / "whole", quiet=True)
    at_image("training_step", 2, lambda: signal.raise_signal(signal.SIGTERM))
    with pytest.raises(Stopped):
        train(squares, settings, tmp_path / "part", quiet=True)
    assert Position.of(tmp_path / "part").step == 2
    resume(tmp_path / "part")
    assert_equal(tmp_path / "whole", tmp_path / "part")


def test_a_step_of_several_batches_is_finished_first(
    squares: Path, settings: TrainConfig, tmp_path: Path, at_image: Any
) -> None:
    settings.optimizer.accumulate, settings.epochs = 2, 2
    train(squares, settings, tmp_path / "whole", quiet=True)
    at_image("training_step", 1, lambda: signal.raise_signal(signal.SIGHUP))
    with pytest.raises(Stopped):
        train(squares, settings, tmp_path / "part", quiet=True)
    assert Position.of(tmp_path / "part").step == 1
    resume(tmp_path / "part")
    assert_equal(tmp_path / "whole", tmp_path / "part")


def test_a_run_goes_on_from_the_state_before_a_damaged_one(
    squares: Path, settings: TrainConfig, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(squares, settings, tmp_path / "run", quiet=True)
    whole = encnet.load(tmp_path / "run/last.safetensors").state_dict()
    state = tmp_path / "run/last.ckpt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    resume(tmp_path / "run")
    assert "is wrong); resumes from " in (out := capsys.readouterr().out)
    assert "previous.ckpt, step 3\n" in out
    assert Position.of(tmp_path / "run").step == 6
    again = encnet.load(tmp_path / "run/last.safetensors").state_dict()
    assert all(torch.equal(tensor, again[name]) for name, tensor in whole.items())


def test_a_loss_that_is_not_finite_names_the_step_the_images_and_the_last_good_state(
    squares: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    original = TrainingModule.training_step

    def training_step(self: TrainingModule, batch: Any, batch_idx: int) -> Any:
        seen.append(self.global_step)
        loss = original(self, batch, batch_idx)
        return loss * float("nan") if len(seen) == 5 else loss

    monkeypatch.setattr(TrainingModule, "training_step", training_step)
    settings.save_every_minutes = 1e-9
    expected = (
        r"^the loss became nan at step 4 with the images (images/train/\d\.png(, )?){3}; the last good state is "
        r".*last\.ckpt, step 4; lower optimizer\.lr"
    )
    with pytest.raises(InputError, match=expected) as error:
        train(squares, settings, tmp_path / "run", quiet=True)
    named = [name.removesuffix(",") for name in str(error.value).split(";")[0].split("images ")[1].split()]
    batches = EpochBatches(10, 3, settings.seed)
    batches.epoch = 1
    files = read_dataset(squares).split("train")
    assert named == [f"images/train/{Path(str(files[key.index].image)).name}" for key in list(batches)[1]]
    monkeypatch.setattr(TrainingModule, "training_step", original)
    train(squares, settings, tmp_path / "whole", quiet=True)
    resume(tmp_path / "run")
    assert_equal(tmp_path / "whole", tmp_path / "run")
