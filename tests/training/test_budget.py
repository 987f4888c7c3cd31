"""The number of steps that fit into some minutes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from encnet.data.formats import read_dataset
from encnet.losses import build_loss
from encnet.system.errors import InputError
from encnet.training import budget
from encnet.training.budget import Costs, measured_costs, steps_within, within_minutes
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.network import build_model
from encnet.training.run import train


def seconds_of_run(steps: int, costs: Costs, half_share: float, validate_every: int) -> float:
    """The time of a run, step by step."""
    seconds = costs.validation if steps % validate_every else 0.0
    for step in range(steps):
        seconds += costs.half_step if step < round(half_share * steps) else costs.step
        seconds += costs.validation if (step + 1) % validate_every == 0 else 0.0
    return seconds


@given(
    seconds=st.floats(1, 3000),
    costs=st.builds(Costs, st.floats(0.05, 3), st.floats(0.01, 1), st.floats(0, 30)),
    half_share=st.floats(0, 0.9),
    validate_every=st.integers(1, 200),
)
def test_a_run_takes_the_time_that_it_may(seconds: float, costs: Costs, half_share: float, validate_every: int) -> None:
    steps = steps_within(seconds, costs, half_share, validate_every)
    taken = seconds_of_run(steps, costs, half_share, validate_every)
    one_more = max(costs.step, costs.half_step)  # the share at half the resolution is a whole number of steps
    assert steps == 1 or taken <= seconds + one_more
    assert taken + 2 * one_more + 2 * costs.validation >= seconds


def test_measuring_leaves_the_run_as_it_is(squares: Path, settings: TrainConfig) -> None:
    settings.data.half_share = 0.5
    index = read_dataset(squares)
    model, _ = build_model(index, settings)
    loss = build_loss(settings.loss, model, None)
    before, random = {name: t.clone() for name, t in model.state_dict().items()}, torch.get_rng_state()
    ticks = iter(range(10**6))
    costs = measured_costs(settings, model, loss, TrainingData(index, settings, model.info), lambda: next(ticks))
    reading = settings.data.batch_size / 8 / torch.get_num_threads()  # a tick for 8 images
    assert costs == pytest.approx((1 + reading, 1 + reading, 3 * (1 + 1 / 8 / torch.get_num_threads())))
    assert all(torch.equal(t, before[name]) for name, t in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


def test_a_run_with_minutes_is_one_with_the_steps_that_fit(
    squares: Path,
    settings: TrainConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(budget, "measured_costs", lambda *_: Costs(step=2.0, half_step=1.0, validation=1.0))
    settings.minutes, settings.data.half_share = 0.2, 0.5
    train(squares, settings, tmp_path / "run")
    # 12 seconds: one of the last validation, then 1.5 for a step and a third of a validation, as an epoch has 3 steps.
    assert (
        "0.2 minutes: 6 steps, 2.0 epochs, as a step takes 2.00 s, 1.00 s at half the resolution"
        in capsys.readouterr().out
    )
    config = yaml.safe_load((tmp_path / "run/config.yaml").read_text())["config"]
    assert (config["steps"], config["minutes"]) == (6, None)


@pytest.mark.parametrize("minutes", [0.0, -1.0, math.nan, math.inf])
def test_minutes_are_a_positive_number(minutes: float) -> None:
    with pytest.raises(InputError, match="minutes"):
        TrainConfig(minutes=minutes)


def test_several_devices_are_refused(squares: Path, settings: TrainConfig) -> None:
    settings.minutes, settings.devices = 1.0, 2
    index = read_dataset(squares)
    model, _ = build_model(index, settings)
    with pytest.raises(InputError, match="one device"):
        within_minutes(settings, model, build_loss(settings.loss, model, None), index, print)
