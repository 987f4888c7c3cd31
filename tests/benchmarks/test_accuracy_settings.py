"""The settings of the trainings whose accuracy is compared."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from benchmarks import rival_heads
from benchmarks.accuracy_networks import CHANGES
from benchmarks.accuracy_settings import CHOSEN, report_for, settings_of
from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.scenes import write_scenes
from encnet.training.choice import choose
from encnet.training.config import TrainConfig


@pytest.fixture(autouse=True)
def rivals() -> None:
    rival_heads.register()


def test_a_change_replaces_one_setting_of_the_recipe(tmp_path: Path) -> None:
    index = read_dataset(write_scenes(tmp_path / "scenes", train=2, val=1, test=0))
    report = report_for(index, "camvid_lite0_15min")
    assert report is None
    ours = settings_of(index, report, "camvid_lite0_15min", "encnet", 3)
    assert (ours.seed, ours.data.long_side, ours.minutes) == (3, 640, 15)
    for name in CHANGES.keys() - {"encnet"}:
        other = settings_of(index, report, "camvid_lite0_15min", name, 3)
        different = [f.name for f in dataclasses.fields(ours) if getattr(ours, f.name) != getattr(other, f.name)]
        same = name in ("long side 640", "stride 32", "MSE for presence")
        assert len(different) == 1 or (same and not different), name


def test_chosen_settings_are_those_of_a_training_without_a_recipe(tmp_path: Path) -> None:
    index = read_dataset(write_scenes(tmp_path / "scenes", train=4, val=1, test=0))
    report = report_for(index, CHOSEN)
    expected = choose(TrainConfig(), index, check_dataset(index), given=("minutes",)).config
    ours = settings_of(index, report, CHOSEN, "encnet", 0)
    assert (ours.model, ours.loss, ours.optimizer, ours.ema) == (
        expected.model,
        expected.loss,
        expected.optimizer,
        expected.ema,
    )
    assert ours.data == dataclasses.replace(expected.data, workers=0)
    rival = settings_of(index, report, CHOSEN, "smp FPN", 0)
    assert rival.model.head == f"{rival_heads.PREFIX}FPN"
    assert (rival.data, rival.loss, rival.optimizer) == (ours.data, ours.loss, ours.optimizer)
    larger = settings_of(index, report, CHOSEN, "long side 480", 0)
    assert larger.data.long_side == 480
    assert larger.data.crop[0] * larger.data.crop[1] > ours.data.crop[0] * ours.data.crop[1]
