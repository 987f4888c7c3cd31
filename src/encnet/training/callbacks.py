"""Callbacks around the training steps: validation, which saves the models, and averaged weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import WeightAveraging
from pytorch_lightning.trainer.states import TrainerFn
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from encnet.checkpoint.hub import BEST_MODEL
from encnet.metrics.scores import Scores
from encnet.training.module import TrainingModule

LAST_MODEL = "last.safetensors"


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
