"""What happens around the steps of a run: validation, checkpoints, the average of the weights, Ctrl-C."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import EMAWeightAveraging
from pytorch_lightning.trainer.states import TrainerFn

from encnet.metrics import Scores
from encnet.training.module import TrainingModule

LAST_STATE = "last.ckpt"
LAST_MODEL = "last.safetensors"
BEST_MODEL = "best.safetensors"


class Interrupted(Exception):  # noqa: N818 (the user did it on purpose)
    """The user stopped the run with Ctrl-C; its state is on disk."""


class AveragedWeights(EMAWeightAveraging):
    """Exponential moving average of weights and batch-norm statistics: validated and saved in place of the weights."""

    def __init__(self, decay: float) -> None:
        super().__init__(decay=decay, use_buffers=True)

    @contextmanager
    def applied(self, module: pl.LightningModule) -> Iterator[None]:
        """Inside the block ``module`` has the averaged weights."""
        self._swap_models(module)
        try:
            yield
        finally:
            self._swap_models(module)


class Validation(pl.Callback):
    """Scores each validation, keeps the model of the best and of the last one.

    Must come before :class:`AveragedWeights` in the list of callbacks: Lightning calls them in this order at the end of
    a validation, and the averaged weights, which were validated, are to be saved.

    Args:
        folder: of the run.
        show: is given the scores of each validation.
    """

    def __init__(self, folder: Path, show: Callable[[Scores, int, bool], None]) -> None:
        self.folder = folder
        self.show = show
        self.best: float | None = None
        self.step: int | None = None

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]

    def on_validation_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        pl_module.metrics.reset()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        assert isinstance(pl_module, TrainingModule)
        scores = pl_module.metrics.compute()
        self.step = trainer.global_step
        # A validation split in which nothing is labelled has a mean of nan; any number is better than none.
        better = self.best is None or not scores.mean_iou <= self.best
        if better:
            self.best = scores.mean_iou
        figures = {
            "mean_iou": scores.mean_iou,
            "pixel_accuracy": scores.pixel_accuracy,
            "presence_ap": scores.mean_presence_average_precision,
        }
        figures = {name: value for name, value in figures.items() if value is not None}
        pl_module.log_dict({f"val/{name}": value for name, value in figures.items()})
        if not trainer.is_global_zero:
            return
        # After the fit its last epoch is counted already.
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
    """Writes everything that resuming needs, after each validation and on Ctrl-C; comes last in the list of callbacks.

    The first Ctrl-C lets the step (or the validation) under way finish, so that the state is that of a whole step; the
    second one ends at once, and the run resumes from its last validation.
    """

    def __init__(self, folder: Path, average: AveragedWeights | None, tell: Callable[[str], None]) -> None:
        self.folder = folder
        self.average = average
        self.tell = tell
        self.interrupted = False
        self._previous: Any = None

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():  # no other thread may handle signals
            self._previous = signal.signal(signal.SIGINT, self._on_signal)

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            self._previous = None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        # At the last batch of an epoch validation comes first: its end is where that state is saved.
        if self._stops(trainer) and not trainer.is_last_batch:
            assert isinstance(pl_module, TrainingModule)
            self._save(trainer)
            if trainer.is_global_zero:
                with self.average.applied(pl_module) if self.average else nullcontext():
                    pl_module.model.save(self.folder / LAST_MODEL)
            raise Interrupted

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._save(trainer)
        if self._stops(trainer):
            raise Interrupted

    def _stops(self, trainer: pl.Trainer) -> bool:
        """Whether any process was interrupted: all must stop after the same step."""
        if trainer.world_size == 1:
            return self.interrupted
        return trainer.strategy.reduce_boolean_decision(self.interrupted, all=False)

    def _save(self, trainer: pl.Trainer) -> None:
        temporary = self.folder / f"{LAST_STATE}.part"
        trainer.save_checkpoint(temporary)  # on every process: some strategies gather what they save
        if trainer.is_global_zero:
            temporary.replace(self.folder / LAST_STATE)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.interrupted = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.tell("stopping after this step; Ctrl-C again ends at once")
