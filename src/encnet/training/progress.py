"""What a run shows while it goes on."""

from __future__ import annotations

import sys
import time
from collections import deque
from typing import Any

import pytorch_lightning as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class TrainingProgress(pl.Callback):
    """One bar for the whole run: loss, learning rate of the head, images a second, time left.

    Where standard error is no terminal, a line an epoch takes its place.
    """

    def __init__(self, images_per_step: int) -> None:
        self.console = Console(stderr=True)
        self.images_per_step = images_per_step
        self._times: deque[float] = deque(maxlen=20)
        self._speed = "-"
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_global_zero:
            return
        self._bar = Progress(
            TextColumn("[bold]epoch {task.fields[epoch]}"),
            BarColumn(bar_width=None),  # what 80 columns leave
            TextColumn("loss {task.fields[loss]} lr {task.fields[lr]} {task.fields[speed]} images/s, left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(
            "training",
            total=trainer.estimated_stepping_batches * trainer.accumulate_grad_batches,
            completed=trainer.global_step * trainer.accumulate_grad_batches,
            epoch=f"{trainer.current_epoch + 1}/{trainer.max_epochs}",
            loss="-",
            lr="-",
            speed="-",
        )
        self._bar.start()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._bar is None:
            return
        self._times.append(time.perf_counter())
        if len(self._times) > 1:
            self._speed = f"{(len(self._times) - 1) * self.images_per_step / (self._times[-1] - self._times[0]):.1f}"
        fields: dict[str, Any] = {"epoch": self._epoch(trainer), **self._figures(trainer)}
        self._bar.update(self._task, advance=1, **fields)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._bar is not None and self._bar.disable:
            figures = self._figures(trainer)
            self.console.print(
                f"epoch {self._epoch(trainer)}  loss {figures['loss']}  lr {figures['lr']}  {figures['speed']} images/s"
            )

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._times.clear()  # a validation is no slow step

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _epoch(self, trainer: pl.Trainer) -> str:
        return f"{trainer.current_epoch + 1}" + ("" if trainer.max_epochs in (None, -1) else f"/{trainer.max_epochs}")

    def _figures(self, trainer: pl.Trainer) -> dict[str, str]:
        loss = trainer.callback_metrics.get("train/total_loss")
        return {
            "loss": "-" if loss is None else f"{loss.item():.3f}",
            "lr": f"{trainer.optimizers[0].param_groups[-1]['lr']:.2e}",
            "speed": self._speed,
        }
