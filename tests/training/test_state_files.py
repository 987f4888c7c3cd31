"""The state that a run resumes from: the last one that is intact."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from encnet.system.errors import InputError
from encnet.system.outputs import Records
from encnet.training.state_files import (
    LAST_STATE,
    PART,
    PREVIOUS_STATE,
    add_state,
    intact_state,
    replace_part_of_state,
    way_on,
)


def add(folder: Path, step: int, keep: bool = True) -> None:
    torch.save({"step": step, "weights": torch.zeros(1000), "scores": {"best": 0.1}}, folder / PART)
    add_state(folder, keep)


def step_of(path: Path) -> int:
    return torch.load(path, weights_only=True)["step"]


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # a weight
    path.write_bytes(content)


def test_the_last_two_states_are_kept_and_are_encnets_own(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        add(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".encnet", LAST_STATE, PREVIOUS_STATE]
    assert (step_of(tmp_path / LAST_STATE), step_of(tmp_path / PREVIOUS_STATE)) == (3, 2)
    records = Records()
    assert records.wrote(tmp_path / LAST_STATE) and records.wrote(tmp_path / PREVIOUS_STATE)
    assert intact_state(tmp_path) == (tmp_path / LAST_STATE, "")


@pytest.mark.parametrize(
    ("harm", "damage"),
    [
        (flip_a_byte, r"last\.ckpt cannot be read as the state of a run \(the checksum of .* is wrong\)"),
        (lambda path: path.write_bytes(b""), r"last\.ckpt cannot be read as the state of a run \(BadZipFile: "),
        (lambda path: path.write_bytes(path.read_bytes()[:3000]), r"last\.ckpt cannot be read as the state of a run"),
        (Path.unlink, r"last\.ckpt is missing"),  # the power went between two renamings
    ],
    ids=["flipped", "empty", "cut", "missing"],
)
def test_the_state_before_a_damaged_one_is_taken(harm: object, damage: str, tmp_path: Path) -> None:
    add(tmp_path, 1)
    add(tmp_path, 2)
    assert callable(harm)
    harm(tmp_path / LAST_STATE)
    state = intact_state(tmp_path)
    assert state.path == tmp_path / PREVIOUS_STATE
    assert step_of(state.path) == 1
    with pytest.raises(InputError, match=damage):
        raise InputError(state.damage)
    add(tmp_path, 3, keep=False)  # the damaged state must not replace the intact one
    assert (step_of(tmp_path / LAST_STATE), step_of(tmp_path / PREVIOUS_STATE)) == (3, 1)


def test_a_folder_without_an_intact_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no last\.ckpt: the run ended before its state was saved"):
        intact_state(tmp_path)
    add(tmp_path, 1)
    add(tmp_path, 2)
    flip_a_byte(tmp_path / LAST_STATE)
    flip_a_byte(tmp_path / PREVIOUS_STATE)
    with pytest.raises(InputError, match=r"last\.ckpt .*; .*previous\.ckpt .*; start a new run from .*last\.safe"):
        intact_state(tmp_path)


def test_one_value_of_the_last_state_is_replaced(tmp_path: Path) -> None:
    add(tmp_path, 1)
    replace_part_of_state(tmp_path, "scores", "best", 0.5)
    state = torch.load(tmp_path / LAST_STATE, weights_only=True)
    assert (state["step"], state["scores"]) == (1, {"best": 0.5})
    assert intact_state(tmp_path).damage == ""


def test_the_way_on_needs_a_state(tmp_path: Path) -> None:
    assert way_on(tmp_path) == ""
    add(tmp_path, 1)
    assert way_on(tmp_path) == f"continue with `encnet train --resume {tmp_path}`"
