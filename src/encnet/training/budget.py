"""The length of a run that may take so many minutes: the time of a step is measured, the number of steps follows."""

from __future__ import annotations

import copy
import dataclasses
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch.utils.data import Subset

from encnet.checkpoint.encnet import EncNet
from encnet.data.dataset import DatasetIndex
from encnet.data.tensors import SegmentationDataset
from encnet.inference.preprocessing import Preprocessing
from encnet.losses.loss import Loss
from encnet.system.errors import InputError
from encnet.system.text import counted
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.trial import device_of, trial_step

REPEATS = 3
"""Timed steps at each resolution, after one that is not counted."""


class Costs(NamedTuple):
    """The seconds that the parts of a run take on this machine."""

    step: float  #: a step, with reading its images
    half_step: float  #: a step at half the resolution; 0 if the run has none
    validation: float  #: a pass over the validation images


def within_minutes(
    config: TrainConfig, model: EncNet, loss: Loss, index: DatasetIndex, tell: Callable[[str], None]
) -> TrainConfig:
    """Returns the settings with the number of steps that ``config.minutes`` allow; without minutes, as they are.

    The schedules of the learning rate, of the class weights and of the resolution then end with the minutes.

    Args:
        config: the settings of the run.
        model: the network to train, which stays as it is.
        loss: its loss.
        index: the data set.
        tell: shows the user what was measured.

    Raises:
        InputError: the run has several devices.
    """
    if config.minutes is None:
        return config
    devices = torch.accelerator.device_count() if config.devices == "auto" and config.accelerator != "cpu" else 1
    if config.nodes > 1 or (config.devices if isinstance(config.devices, int) else devices) > 1:
        raise InputError("minutes are measured on one device; give steps, or devices 1", argument="minutes")
    data = TrainingData(index, config, model.info)
    costs = measured_costs(config, model, loss, data)
    per_epoch = max(1, len(data.train_dataloader()) // config.optimizer.accumulate)
    steps = steps_within(60 * config.minutes, costs, config.data.half_share, per_epoch * config.validate_every)
    half = f", {costs.half_step:.2f} s at half the resolution" if config.data.half_share else ""
    tell(
        f"{counted(config.minutes, 'minute')}: {counted(steps, 'step')}, {steps / per_epoch:.1f} epochs, as a"
        f" step takes {costs.step:.2f} s{half} and a validation {costs.validation:.0f} s"
    )
    return dataclasses.replace(config, steps=steps, minutes=None)


def steps_within(seconds: float, costs: Costs, half_share: float, validate_every: int) -> int:
    """Returns the number of steps, at least 1, that a run can take in so many seconds, with its validations.

    Args:
        seconds: the time of the whole run; its last validation is part of it.
        costs: the seconds that its parts take.
        half_share: share of the steps at half the resolution.
        validate_every: steps from one validation to the next.
    """
    step = half_share * costs.half_step + (1 - half_share) * costs.step
    return max(1, int((seconds - costs.validation) / (step + costs.validation / validate_every)))


def measured_costs(
    config: TrainConfig,
    model: EncNet,
    loss: Loss,
    data: TrainingData,
    clock: Callable[[], float] = time.perf_counter,
) -> Costs:
    """Measures a few steps and predictions on the device of the run, with copies of the network and the loss.

    Args:
        config: the settings of the run.
        model: the network.
        loss: its loss.
        data: the images.
        clock: returns seconds. A clock of the processor's time gives the costs on a machine that does nothing else.
    """
    device = device_of(config.accelerator)
    reading = config.optimizer.accumulate * config.data.batch_size * _seconds_of_reading(data, clock)
    with torch.random.fork_rng():
        step, half_step = (
            reading + _median_seconds(trial_step(config, model, loss, data, half), device, clock)
            if not half or config.data.half_share
            else 0.0
            for half in (False, True)
        )
        return Costs(step, half_step, _seconds_of_validation(model, data, device, clock))


def _seconds_of_validation(
    model: EncNet, data: TrainingData, device: torch.device, clock: Callable[[], float]
) -> float:
    samples = data.val_dataloader().dataset
    assert isinstance(samples, Subset)
    image, _ = samples[0]
    height, width = Preprocessing.of(model.info, model.align_corners).filling(image.shape[1:], image.shape[1:]).size
    images = F.pad(image[None], (0, width - image.shape[2], 0, height - image.shape[1]), mode="replicate").to(device)
    network = copy.deepcopy(model).to(device).eval()

    def predict() -> None:
        with torch.inference_mode():
            network(images).logits.argmax(dim=1)

    return len(samples) * (_median_seconds(predict, device, clock) + _seconds_of_reading(data, clock))


def _seconds_of_reading(data: TrainingData, clock: Callable[[], float]) -> float:
    """The seconds that reading an image takes from training: on a CPU, reading processes share its cores."""
    samples = data.train_dataloader().dataset
    assert isinstance(samples, SegmentationDataset)
    if torch.accelerator.is_available() and data.run.accelerator != "cpu":
        return 0.0
    started, number = clock(), min(8, len(samples))
    for i in range(number):
        samples[i]
    return (clock() - started) / number / torch.get_num_threads()


def _median_seconds(run: Callable[[], None], device: torch.device, clock: Callable[[], float]) -> float:
    run()
    seconds = []
    for _ in range(REPEATS):
        started = clock()
        run()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)
        seconds.append(clock() - started)
    return statistics.median(seconds)
