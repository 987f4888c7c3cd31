"""How far a run has come, from the state that it saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encnet.system.errors import InputError
from encnet.training.config import OptimizerConfig, TrainConfig
from encnet.training.position import Position


def test_the_position_of_a_run_is_read_from_its_state(complete_run: Path) -> None:
    position = Position.of(complete_run)
    # 10 images in batches of 3 are 3 steps an epoch; the first of two epochs has the best mean IoU or the second has.
    assert (position.step, position.batches, position.processes, position.validated) == (6, 3, 1, 6)
    assert position.waited in (0, 1)


@pytest.mark.parametrize(
    ("config", "goal", "epochs", "complete"),
    [
        (TrainConfig(epochs=2), 6, 2.0, "its epochs, 2, are done; give more epochs to continue it"),
        (TrainConfig(epochs=3), 9, 2.0, ""),
        (TrainConfig(steps=6), 6, 2.0, "its steps, 6, are done; give more steps to continue it"),
        (TrainConfig(steps=7, epochs=1), 7, 2.0, ""),
        (TrainConfig(epochs=2, optimizer=OptimizerConfig(accumulate=2)), 4, 3.0, "its epochs, 2, are done"),
        (TrainConfig(epochs=9, patience=3), 27, 2.0, "it stopped after 3 validations without a better mean IoU; "),
        (TrainConfig(epochs=9, patience=4), 27, 2.0, ""),
        (TrainConfig(epochs=9, patience=0), 27, 2.0, ""),
    ],
)
def test_goal_and_what_is_left(config: TrainConfig, goal: int, epochs: float, complete: str) -> None:
    position = Position(step=6, batches=3, processes=1, validated=6, waited=3)
    assert (position.goal(config), position.epochs(config)) == (goal, epochs)
    assert position.complete(config).startswith(complete)
    assert bool(position.complete(config)) is bool(complete)


def test_a_run_whose_last_validation_is_missing_is_not_complete() -> None:
    assert Position(step=6, batches=3, processes=1, validated=3, waited=0).complete(TrainConfig(epochs=2)) == ""


def test_the_state_of_version_0_1_has_fewer_figures(tmp_path: Path) -> None:
    torch.save({"global_step": 6, "callbacks": {"Validation": {"best": 0.5}}}, tmp_path / "last.ckpt")
    position = Position.of(tmp_path)
    assert position == Position(step=6, batches=None, processes=None, validated=None, waited=0)
    assert (position.epochs(TrainConfig()), position.goal(TrainConfig())) == (None, None)
    assert position.complete(TrainConfig(epochs=2)) == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"has no last\.ckpt: the run ended before its state was saved; start it again"),
        (b"", r"last\.ckpt cannot be read as the state of a run \(.*\); start a new run from .*last\.safetensors"),
        (b"PK\x03\x04 half of a file", r"last\.ckpt cannot be read as the state of a run"),
    ],
)
def test_a_missing_or_damaged_state_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        Position.of(tmp_path)
    assert "\n" not in str(error.value)
