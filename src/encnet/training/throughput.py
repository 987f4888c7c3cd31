"""How fast a run goes, how much of its time it waits for data, and what memory it takes."""

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
    """What some training steps took.

    Attributes:
        images: in these steps, on all devices.
        seconds: from the end of the step before them to their own.
        waiting: seconds of these in which the first process waited for data.
    """

    images: int = 0
    seconds: float = 0.0
    waiting: float = 0.0

    def __add__(self, other: Pace) -> Pace:
        return Pace(self.images + other.images, self.seconds + other.seconds, self.waiting + other.waiting)

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def share_waiting(self) -> float:
        return self.waiting / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        speed = f"{self.images_per_second:.1f}" if self.seconds else "-"
        waiting = f"{100 * self.share_waiting:.0f}" if self.seconds else "-"
        return f"{speed} images/s, waiting for data {waiting} %"


class Throughput(pl.Callback):
    """Measures each training step, without validations, and logs the figures of each epoch.

    They are ``speed/images_per_second``, ``speed/waiting_for_data`` (share, 0-1) and ``memory/peak_megabytes``
    (:func:`peak_megabytes`). Must come before those callbacks that show them.

    Attributes:
        epoch: pace of the epoch under way, or of the last one.
        run: pace of all steps since this process began.
    """

    def __init__(self) -> None:
        self.epoch = Pace()
        self.run = Pace()
        self._recent: deque[Pace] = deque(maxlen=20)
        self._time = 0.0
        self._waited = 0.0

    @property
    def recent(self) -> Pace:
        """Pace of the last steps, up to 20."""
        return sum(self._recent, Pace())

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._start(trainer)  # an epoch that is resumed has no start

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
        """A step begins now."""
        self._time = time.perf_counter()
        data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(data, TrainingData)
        self._waited = data.waited


def peak_megabytes(device: torch.device) -> float:
    """The most memory that this process has held, in 10⁶ bytes: its tensors on a GPU, or all that it is on a CPU.

    Processes that read images are not counted. Where the system does not tell, it is nan.
    """
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e6
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, where getrusage would count what the parent held before it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # Windows
        return float("nan")
    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
