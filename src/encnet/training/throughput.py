"""Speed of training, share of time spent waiting for data, and peak memory."""

from __future__ import annotations

import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch

from encnet.training.datamodule import TrainingData


@dataclass(frozen=True)
class Pace:
    """Images and time of one or more training steps."""

    images: int = 0
    """Images of these steps, over all devices."""
    seconds: float = 0.0
    """Time from the end of the step before to the end of these steps."""
    waiting: float = 0.0
    """Part of this time in which the first process waited for data, in seconds."""

    def __add__(self, other: Pace) -> Pace:
        return Pace(self.images + other.images, self.seconds + other.seconds, self.waiting + other.waiting)

    @property
    def images_per_second(self) -> float:
        """Images per second; 0 if there was no step."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def share_waiting(self) -> float:
        """Share of the time that was spent waiting for data, 0-1."""
        return self.waiting / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        speed = f"{self.images_per_second:.1f}" if self.seconds else "-"
        waiting = f"{100 * self.share_waiting:.0f}" if self.seconds else "-"
        return f"{speed} images/s, waiting for data {waiting} %"


class Throughput(pl.Callback):
    """Measures each training step, without validations, and logs the figures of each epoch.

    The figures are ``speed/images_per_second``, ``speed/waiting_for_data`` (share, 0-1) and ``memory/peak_megabytes``
    (:func:`peak_megabytes`). Must come before the callbacks that show them.
    """

    def __init__(self) -> None:
        self.epoch: Pace = Pace()
        """Pace of the current epoch, or of the last one between epochs."""
        self.run: Pace = Pace()
        """Pace of all steps of this process."""
        self._recent: deque[Pace] = deque(maxlen=20)
        self._time = 0.0
        self._waited = 0.0

    @property
    def recent(self) -> Pace:
        """Pace of the last 20 steps or fewer."""
        return sum(self._recent, Pace())

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer)  # an epoch that is resumed has no on_train_epoch_start

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.epoch = Pace()
        self._start(trainer)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        time_before, waited_before = self._time, self._waited
        self._start(trainer)
        images = len(batch[0]) * trainer.world_size
        step = Pace(images, self._time - time_before, self._waited - waited_before)
        self.epoch += step
        self.run += step
        self._recent.append(step)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        pl_module.log_dict(
            {
                "speed/images_per_second": self.epoch.images_per_second,
                "speed/waiting_for_data": self.epoch.share_waiting,
                "memory/peak_megabytes": peak_megabytes(pl_module.device),
            }
        )

    def _start(self, trainer: pl.Trainer) -> None:
        """Notes that a step begins now."""
        self._time = time.perf_counter()
        data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(data, TrainingData)
        self._waited = data.waited


def peak_megabytes(device: torch.device) -> float:
    """The peak memory of this process in 10⁶ bytes: of its tensors on a GPU, or of the whole process on a CPU.

    Processes that read images are not counted. The result is nan if the system does not report it.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, where getrusage counts the memory of the parent before it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # Windows
        return float("nan")
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
