"""The learning rate at the start of a run, and where a run resumes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl

from encnet.system.text import counted
from encnet.training.module import TrainingModule


class StartOfSchedule(pl.Callback):
    """Puts the learning rate on the schedule of the run, and says what a user would not expect.

    The rate at a step is that of a run that had its length from the start. It changes suddenly where a run resumes with
    another length, whose state still has the rate of the old schedule.

    Args:
        moved: whether the end of the schedule moved since the state was saved.
        tell: shows a line to the user, in the first process.
    """

    def __init__(self, moved: bool, tell: Callable[[str], None]) -> None:
        self.moved: bool = moved
        self.tell: Callable[[str], None] = tell

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        scheduler: Any = trainer.lr_scheduler_configs[0].scheduler
        groups = scheduler.optimizer.param_groups
        before = groups[-1]["lr"]
        for group, rate, factor in zip(groups, scheduler.base_lrs, scheduler.lr_lambdas, strict=True):
            group["lr"] = rate * factor(scheduler.last_epoch)
        if not trainer.is_global_zero:
            return
        steps, warmup = int(trainer.estimated_stepping_batches), pl_module.optimizer_config.warmup_steps
        if self.moved:
            self.tell(
                f"the learning rate goes on from {groups[-1]['lr']:.2e} at step {trainer.global_step} (it was "
                f"{before:.2e}); the schedule now ends at step {steps}"
            )
        if warmup >= steps:
            self.tell(
                f"the warm-up takes {counted(warmup, 'step')} and the run only {steps}, so the learning rate stays"
                " below optimizer.lr; lower optimizer.warmup_steps, or train longer"
            )
