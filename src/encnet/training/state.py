"""The callback that saves what resuming needs: by time, at validations, at the end, and when a signal stops the run."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import pytorch_lightning as pl
import torch
from pytorch_lightning.trainer.states import TrainerFn

from encnet.system.signals import DelayedStop, Stopped
from encnet.training.callbacks import LAST_MODEL, AveragedWeights, Validation
from encnet.training.datamodule import TrainingData
from encnet.training.finite import require_finite_loss, require_finite_weights
from encnet.training.module import TrainingModule
from encnet.training.state_files import PART, add_state, replace_part_of_state


class ResumableState(pl.Callback):
    """Saves the state of the run after each validation, the last step, so many minutes, and when a signal stops it.

    It must come after the other callbacks that have a state. States are saved between two steps, also one in the middle
    of a validation: this validation then begins again. A run is stopped there too, so that it never waits for a
    validation of many images. A state that is not finite is not saved.

    Args:
        folder: folder of the run.
        minutes: minutes after which the state is saved again.
        validation: the callback that keeps the best score.
        average: the callback that averages the weights, if any; its weights are saved as the last model.
        stop: notes the signals that stop the run.
    """

    def __init__(
        self,
        folder: Path,
        minutes: float,
        validation: Validation,
        average: AveragedWeights | None,
        stop: DelayedStop,
    ) -> None:
        self.folder: Path = folder
        self.minutes: float = minutes
        self.validation: Validation = validation
        self.average: AveragedWeights | None = average
        self.stop: DelayedStop = stop
        self.last_is_intact: bool = True
        """Whether the last state, if there is one, may become the one before."""
        self.saved: int | None = None
        """Step of the last state."""
        self._due: float = 0.0
        self._between: Literal["epochs", "images"] | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.saved = trainer.global_step or None
        self._due = time.monotonic() + 60 * self.minutes
        self.stop.delays = True
        # A state from the middle of a validation says so in these counts, which must not say so in the next one.
        trainer.fit_loop.epoch_loop.val_loop.batch_progress.total.reset()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        in_step = (batch_idx + 1) % trainer.accumulate_grad_batches != 0 and not trainer.is_last_batch
        step = trainer.global_step if in_step else trainer.global_step - 1
        require_finite_loss(outputs["loss"], trainer, step, self.folder, self.saved)
        if in_step or trainer.is_last_batch:  # the end of the epoch saves, or the validation that comes before it
            return
        number, due = self._agreed(trainer)
        # Lightning counts an epoch as complete after the last step of the run, and more steps would skip its rest.
        if number or due or trainer.global_step == trainer.max_steps:
            self._save(trainer)
        if number:
            self._stop(trainer, number)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.is_last_batch or self.validation.step == trainer.global_step:  # saved at the validation
            return
        number, due = self._agreed(trainer)
        # The averaged weights replace the weights after the last step of the run.
        ends = trainer.current_epoch + 1 == trainer.max_epochs or trainer.global_step == trainer.max_steps
        if number or due or ends:
            self._between = None if ends else "epochs"
            self._save(trainer)
            self._between = None
        if number:
            self._stop(trainer, number)

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        data: Any = trainer.datamodule  # pyright: ignore[reportAttributeAccessIssue]
        assert isinstance(data, TrainingData)
        # Processes that have one image more than others do not meet them after it.
        if trainer.state.fn != TrainerFn.FITTING or batch_idx >= data.validation_images // trainer.world_size:
            return
        number, due = self._agreed(trainer)
        if not number and (not due or self.saved == trainer.global_step):
            return
        with self.average.applied(pl_module) if self.average else nullcontext():  # validation has exchanged them
            self._between = "images"
            self._save(trainer)
            self._between = None
        if number:
            # The averaged weights, which are being validated, are in the module.
            self._stop(trainer, number, averaged=True)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn != TrainerFn.FITTING:
            if trainer.is_global_zero:  # the validation after the last step changes only the scores
                key = self.validation.state_key
                replace_part_of_state(self.folder, "callbacks", key, self.validation.state_dict())
            return
        self._save(trainer)
        number, _ = self._agreed(trainer)
        if number:
            raise Stopped(number)

    def on_save_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        loops = checkpoint["loops"]["fit_loop"]
        if self._between == "epochs":  # tells Lightning, which counts it later, that the epoch is complete
            for progress in (loops["epoch_progress"]["current"], loops["epoch_progress"]["total"]):
                progress["completed"] = progress["processed"]
            loops["epoch_loop.batch_progress"]["current"].update(ready=0, started=0, processed=0, completed=0)
            loops["epoch_loop.batch_progress"]["is_last_batch"] = False
        if self._between == "images":  # tells Lightning to begin with the first image of this validation
            progress = loops["epoch_loop.val_loop.batch_progress"]
            progress["current"].update(ready=0, started=0, processed=0, completed=0)
            progress["total"].update(ready=1, started=1, processed=0, completed=0)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.stop.delays = False

    def _agreed(self, trainer: pl.Trainer) -> tuple[int, bool]:
        """The signal that stops the run, or 0, and whether the state is due; the same in all processes."""
        number, due = self.stop.number, time.monotonic() >= self._due
        if trainer.world_size > 1:
            both = torch.tensor([number, int(due)], device=trainer.strategy.root_device)
            number, due = map(int, trainer.strategy.reduce(both, reduce_op="max"))
            self.stop.number = number
        return number, bool(due)

    def _save(self, trainer: pl.Trainer) -> None:
        require_finite_weights(trainer, self.folder, self.saved)
        try:
            trainer.save_checkpoint(self.folder / PART)  # in every process, because some strategies gather it from all
            if trainer.is_global_zero:
                add_state(self.folder, keep=self.last_is_intact)
        except BaseException:
            if trainer.is_global_zero:  # what fits of it would fill the disk until the next start
                (self.folder / PART).unlink(missing_ok=True)
            raise
        self.last_is_intact = True
        self.saved = trainer.global_step
        self._due = time.monotonic() + 60 * self.minutes

    def _stop(self, trainer: pl.Trainer, number: int, averaged: bool = False) -> None:
        """Saves the model as it is between two steps, and stops the run."""
        module = trainer.lightning_module
        assert isinstance(module, TrainingModule)
        if trainer.is_global_zero:
            with self.average.applied(module) if self.average and not averaged else nullcontext():
                module.model.save(self.folder / LAST_MODEL)
        raise Stopped(number)
