"""The progress that a training run shows."""

from __future__ import annotations

import sys
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from encnet.training.throughput import Throughput, peak_megabytes


class TrainingProgress(pl.Callback):
    """One bar for the whole run on standard error: loss, images per second, share of time waiting for data, time left.

    If standard error or standard output is not a terminal, one line per epoch is printed to standard output, so that
    log files hold the same figures.

    Args:
        throughput: the callback that measures; it must come before this one in the list of callbacks.
    """

    def __init__(self, throughput: Throughput) -> None:
        self.console: Console = Console(stderr=True)
        self._lines = Console()
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
            total=trainer.estimated_stepping_batches * trainer.accumulate_grad_batches,
            completed=trainer.global_step * trainer.accumulate_grad_batches,
            epoch=self._epoch(trainer),
            loss="-",
            pace=str(self.throughput.recent),
        )
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is not None:
            loss = self._logged(trainer, "train/total_loss", ".3f")
            fields: dict[str, Any] = {"epoch": self._epoch(trainer), "loss": loss, "pace": str(self.throughput.recent)}
            self._bar.update(self._task, advance=1, **fields)

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
        done = trainer.global_step - self._steps_before
        left = int(trainer.estimated_stepping_batches) - trainer.global_step
        return str(timedelta(seconds=round((time.perf_counter() - self._started) / max(1, done) * left)))
