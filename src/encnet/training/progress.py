"""The progress that a training run shows."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from encnet.system.terminal import Terminal
from encnet.training.throughput import Throughput, peak_megabytes

HALF_STEP = 0.28
"""Time of a step at half the resolution, in steps at the whole one; measured with encnet_lite0 on two cores."""


class TrainingProgress(pl.Callback):
    """One bar for the whole run on standard error: loss, images per second, share of time waiting for data, time left.

    If standard error or standard output is not a terminal, one line per epoch is printed to standard output, so that
    log files hold the same figures.

    Args:
        throughput: the callback that measures; it must come before this one in the list of callbacks.
    """

    def __init__(self, throughput: Throughput) -> None:
        self.console: Terminal = Terminal(stderr=True)
        self._lines = Terminal()
        self.throughput: Throughput = throughput
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._started = 0.0
        self._steps_before = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._started, self._steps_before = time.perf_counter(), trainer.global_step
        if not trainer.is_global_zero:
            return
        self._bar = Progress(
            TextColumn("[bold]epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),  # the width that is left over
            TextColumn("loss {task.fields[loss]} {task.fields[pace]}, left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(
            "training",
            total=self._work(trainer, int(trainer.estimated_stepping_batches)),
            epoch=self._epoch(trainer),
            loss="-",
            pace=str(self.throughput.recent),
        )
        self._bar.update(self._task, completed=self._work(trainer, trainer.global_step))
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is not None:
            loss = self._logged(trainer, "train/total_loss", ".3f")
            fields: dict[str, Any] = {"epoch": self._epoch(trainer), "loss": loss, "pace": str(self.throughput.recent)}
            self._bar.update(self._task, completed=self._work(trainer, trainer.global_step), **fields)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero or (sys.stdout.isatty() and sys.stderr.isatty()):
            return
        self._lines.print(
            f"epoch {self._epoch(trainer)}  loss {self._logged(trainer, 'train/total_loss', '.3f')}  "
            f"lr {self._logged(trainer, 'learning_rate', '.2e')}  {self.throughput.epoch}, "
            f"peak memory {peak_megabytes(pl_module.device) / 1000:.1f} GB, left {self._left(trainer)}",
            soft_wrap=True,  # log files have no width
            highlight=False,
        )

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        self.teardown(trainer, pl_module, "fit")  # else the bar stays on the line of the message

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _epoch(self, trainer: pl.Trainer) -> str:
        return f"{trainer.current_epoch + 1}" + ("" if trainer.max_epochs in (None, -1) else f"/{trainer.max_epochs}")

    def _logged(self, trainer: pl.Trainer, name: str, form: str) -> str:
        value = trainer.callback_metrics.get(name)
        return "-" if value is None else format(value.item(), form)

    def _left(self, trainer: pl.Trainer) -> str:
        """Estimated time for the remaining steps, with their validations, from the speed of this process so far."""
        now = self._work(trainer, trainer.global_step)
        done = now - self._work(trainer, self._steps_before)
        left = self._work(trainer, int(trainer.estimated_stepping_batches)) - now
        seconds = (time.perf_counter() - self._started) * left / done if done else 0.0
        return str(timedelta(seconds=round(seconds)))

    @staticmethod
    def _work(trainer: pl.Trainer, steps: int) -> float:
        """The time of the first ``steps`` steps of the run, in steps at the whole resolution."""
        data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        half = min(steps, data.half_batches / trainer.accumulate_grad_batches)
        return HALF_STEP * half + steps - half
