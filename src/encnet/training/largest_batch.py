"""The largest batch whose steps fit into memory, found by trying."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from pytorch_lightning.utilities.memory import garbage_collection_cuda

from encnet.checkpoint.encnet import EncNet
from encnet.data.dataset import DatasetIndex
from encnet.losses.loss import Loss
from encnet.system.errors import InputError
from encnet.system.text import counted
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.trial import device_of, trial_step

SPARE = 0.9
"""Share of the largest batch that a run takes: later steps need a little more than the first ones."""


def with_largest_batch(
    config: TrainConfig, model: EncNet, loss: Loss, index: DatasetIndex, tell: Callable[[str], None]
) -> TrainConfig:
    """Returns the settings with the largest batch that fits, if ``config.largest_batch`` asks for it.

    The learning rate follows the batch where ``optimizer.lr_batch`` says which batch it is meant for.

    Args:
        config: the settings of the run.
        model: the network to train, which stays as it is.
        loss: its loss.
        index: the data set.
        tell: shows the user what was found.

    Raises:
        InputError: not even one image fits, or this system has no limit of memory to try against.
    """
    if not config.largest_batch:
        return config
    device = device_of(config.accelerator)

    def fits(batch: int) -> bool:
        tried = dataclasses.replace(config, data=dataclasses.replace(config.data, batch_size=batch))
        return _runs(tried, model, loss, index)

    with torch.random.fork_rng(), _limited(device):
        largest = largest_that_fits(fits, most=len(index.split(config.data.train)))
    if largest == 0:
        raise InputError(
            f"a step with one image of {config.data.crop[0]} x {config.data.crop[1]} pixels does not fit into memory; "
            "give a smaller crop or network",
            "data.crop",
        )
    batch = max(1, int(SPARE * largest))
    tell(f"batch of {batch}: the memory of {device} takes up to {counted(largest, 'image')}")
    return dataclasses.replace(config, data=dataclasses.replace(config.data, batch_size=batch), largest_batch=False)


def largest_that_fits(fits: Callable[[int], bool], most: int) -> int:
    """Returns the largest number from 1 to ``most`` that fits, or 0; whatever is larger than one that does not fit does
    not fit either. It is found by doubling, then by halving the gap."""
    fitting, tried = 0, 1
    while tried <= most and fits(tried):
        fitting, tried = tried, 2 * tried
    too_many = min(tried, most + 1)
    while too_many - fitting > 1:
        middle = (fitting + too_many) // 2
        fitting, too_many = (middle, too_many) if fits(middle) else (fitting, middle)
    return fitting


def _runs(config: TrainConfig, model: EncNet, loss: Loss, index: DatasetIndex) -> bool:
    """Whether two steps find their memory. The second one has the optimiser's state too."""
    try:
        step = trial_step(config, model, loss, TrainingData(index, config, model.info))
        step()
        step()
    except (MemoryError, RuntimeError):  # each kind of device and each library words it in its own way
        return False
    finally:
        garbage_collection_cuda()
    return True


@contextmanager
def _limited(device: torch.device) -> Iterator[None]:
    """Lets a CPU refuse memory that the machine does not have: without a limit, Linux ends the process instead."""
    if device.type != "cpu":
        yield
        return
    try:
        import resource

        known = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines())
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    except (ImportError, OSError) as error:
        raise InputError(
            "the largest batch is found on GPUs and on Linux; give data.batch_size", "largest_batch"
        ) from error
    before = resource.getrlimit(resource.RLIMIT_AS)
    limit = used + 1024 * int(known["MemAvailable"].removesuffix("kB"))
    soft = limit if before[0] == resource.RLIM_INFINITY else min(limit, before[0])
    resource.setrlimit(resource.RLIMIT_AS, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
