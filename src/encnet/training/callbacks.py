"""Callbacks around the training steps: validation, checkpoints, averaged weights, Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from encnet.checkpoint.hub import BEST_MODEL
from encnet.metrics.scores import Scores
from encnet.system.files import record, replacing
from encnet.training.module import TrainingModule

LAST_STATE = "last.ckpt"
LAST_MODEL = "last.safetensors"


class Interrupted(Exception):  # noqa: N818 (the user did it on purpose)
    """The user stopped the run with Ctrl-C; its state is saved."""


class AveragedWeights(WeightAveraging):
    """Exponential moving average of weights and batch-norm statistics, validated and saved instead of the weights.

    After step n the average is d·average + (1 - d)·weights, d = min(decay, (1 + n) / (10 + n)): without the second term
    the average of a short run would mostly be its initial weights.

    Args:
        decay: of the average, 0-1.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, multi_avg_fn=partial(_average, decay))

    def should_update(self, step_idx: int | None = None, epoch_idx: int | None = None) -> bool:
        return step_idx is not None

    @contextmanager
    def applied(self, module: pl.LightningModule) -> Iterator[None]:
        """Gives ``module`` the averaged weights inside a ``with`` block."""
        self._swap_models(module)
        try:
            yield
        finally:
            self._swap_models(module)


@torch.no_grad()
def _average(decay: float, averages: list[Tensor], weights: list[Tensor], number: Tensor | int) -> None:
    """Moves averages, all of one type, towards the weights; counters, which are integers, are copied."""
    n = int(number)
    if averages[0].is_floating_point():
        get_ema_multi_avg_fn(min(decay, (1 + n) / (10 + n)))(averages, weights, n)
        return
    for average, weight in zip(averages, weights, strict=True):
        average.copy_(weight)


class Validation(pl.Callback):
    """Computes the scores of each validation, and saves the model of the best and of the last validation.

    Must come before :class:`AveragedWeights` in the list of callbacks. Lightning calls callbacks in this order at the
    end of a validation, and the averaged weights, which were validated, must be the ones that are saved.

    Args:
        folder: folder of the run.
        show: called after each validation with the scores, the epoch, and whether they are the best so far.
        patience: number of validations in a row without a better mean IoU after which the run stops; 0 never stops it.
    """

    def __init__(self, folder: Path, show: Callable[[Scores, int, bool], None], patience: int = 0) -> None:
        self.folder: Path = folder
        self.show: Callable[[Scores, int, bool], None] = show
        self.patience: int = patience
        self.best: float | None = None
        """Highest mean IoU so far."""
        self.step: int | None = None
        """Training step of the last validation."""
        self.waited: int = 0
        """Validations since the best one."""

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "step": self.step, "waited": self.waited}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]
        self.step = state_dict.get("step")  # runs of version 0.1 have only the best
        self.waited = state_dict.get("waited", 0)

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        pl_module.metrics.reset()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        scores = pl_module.metrics.compute()
        self.step = trainer.global_step
        # The mean IoU is nan if nothing is labelled in the validation split; any number is better than nan.
        better = self.best is None or not scores.mean_iou <= self.best
        if better:
            self.best = scores.mean_iou
        self.waited = 0 if better and math.isfinite(scores.mean_iou) else self.waited + 1
        if 0 < self.patience <= self.waited and trainer.state.fn == TrainerFn.FITTING:
            trainer.should_stop = True
        figures = {
            "mean_iou": scores.mean_iou,
            "pixel_accuracy": scores.pixel_accuracy,
            "presence_ap": scores.mean_presence_average_precision,
        }
        figures = {name: value for name, value in figures.items() if value is not None}
        pl_module.log_dict({f"val/{name}": value for name, value in figures.items()})
        if not trainer.is_global_zero:
            return
        # During the fit the current epoch is not counted yet; after it, it is.
        epoch = trainer.current_epoch + (trainer.state.fn == TrainerFn.FITTING)
        pl_module.model.info.training.update(
            epoch=epoch,
            step=trainer.global_step,
            validation={name: value for name, value in figures.items() if math.isfinite(value)},
        )
        pl_module.model.save(self.folder / LAST_MODEL)
        if better:
            pl_module.model.save(self.folder / BEST_MODEL)
        self.show(scores, epoch, better)


class ResumableState(pl.Callback):
    """Saves everything that resuming needs: after each validation and the last step, and on Ctrl-C.

    It must come after the other callbacks that have a state.

    After the first Ctrl-C the current step (or validation) is finished, so that the state is saved between two steps.
    A second Ctrl-C stops at once, and the run resumes from its last validation.

    Args:
        folder: folder of the run.
        validation: the callback that keeps the best score.
        average: the callback that averages the weights, if any; its weights are saved as the last model.
        tell: shows a line to the user.
    """

    def __init__(
        self, folder: Path, validation: Validation, average: AveragedWeights | None, tell: Callable[[str], None]
    ) -> None:
        self.folder: Path = folder
        self.validation: Validation = validation
        self.average: AveragedWeights | None = average
        self.tell: Callable[[str], None] = tell
        self.interrupted: bool = False
        self._previous: Any = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():  # Python handles signals in no other thread
            self._previous = signal.signal(signal.SIGINT, self._on_signal)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # After the last batch of an epoch comes a validation, and the state is saved at its end.
        if self._stops(trainer) and not trainer.is_last_batch:
            assert isinstance(pl_module, TrainingModule)
            self._save(trainer)
            if trainer.is_global_zero:
                with self.average.applied(pl_module) if self.average else nullcontext():
                    pl_module.model.save(self.folder / LAST_MODEL)
            raise Interrupted
        if trainer.global_step == trainer.max_steps and not trainer.is_last_batch:
            self._save(trainer)  # Lightning counts the epoch as complete hereafter, and more steps would skip its rest

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        ends = trainer.current_epoch + 1 == trainer.max_epochs or trainer.global_step == trainer.max_steps
        if ends and trainer.is_last_batch and self.validation.step != trainer.global_step:
            self._save(trainer)  # the averaged weights replace the weights hereafter

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.state.fn == TrainerFn.FITTING:
            self._save(trainer)
        else:
            self._save_scores(trainer)
        if self._stops(trainer):
            raise Interrupted

    def _stops(self, trainer: pl.Trainer) -> bool:
        """True if any process was interrupted: all processes must stop after the same step."""
        if trainer.world_size == 1:
            return self.interrupted
        return trainer.strategy.reduce_boolean_decision(self.interrupted, all=False)

    def _save(self, trainer: pl.Trainer) -> None:
        temporary = self.folder / f"{LAST_STATE}.part"
        trainer.save_checkpoint(temporary)  # in every process, because some strategies gather the state from all
        if trainer.is_global_zero:
            record(temporary, self.folder / LAST_STATE)
            temporary.replace(self.folder / LAST_STATE)

    def _save_scores(self, trainer: pl.Trainer) -> None:
        """Updates only the scores in the state, after the validation that follows the last step of the run."""
        if trainer.is_global_zero:
            state = torch.load(self.folder / LAST_STATE, map_location="cpu", weights_only=True)
            state["callbacks"][self.validation.state_key] = self.validation.state_dict()
            with replacing(self.folder / LAST_STATE) as temporary:
                torch.save(state, temporary)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.tell("stopping after this step; press Ctrl-C again to stop at once")
