"""The trainer of a run: Lightning's, with the callbacks that the settings ask for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher

from encnet.evaluation import scores_table
from encnet.metrics.scores import Scores
from encnet.system.errors import InputError, first_line
from encnet.system.signals import DelayedStop
from encnet.system.terminal import Terminal
from encnet.training.callbacks import AveragedWeights, Validation
from encnet.training.compiled import CompiledSteps
from encnet.training.config import TrainConfig
from encnet.training.launching import Launcher
from encnet.training.precision import LIGHTNING_NAMES, resolve_precision
from encnet.training.progress import TrainingProgress
from encnet.training.state import ResumableState
from encnet.training.throughput import Throughput


def build_trainer(
    config: TrainConfig, folder: Path, console: Terminal, throughput: Throughput, stop: DelayedStop
) -> tuple[pl.Trainer, Validation, ResumableState]:
    """Builds the trainer of a run.

    Args:
        config: all settings.
        folder: folder of the run.
        console: shows the scores of each validation.
        throughput: the callback that measures speed.
        stop: notes the signals that stop the run.

    Returns:
        The trainer, and its callbacks that keep the best score and save the state.

    Raises:
        InputError: the devices or the precision are not available.
    """
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # hides its notes on devices

    def show(scores: Scores, epoch: int, better: bool) -> None:
        title = f"validation after epoch {epoch}" + (": the best so far" if better else "")
        console.print(scores_table(scores, title))

    average = AveragedWeights(config.ema) if config.ema else None
    validation = Validation(folder, show, config.patience)
    progress = TrainingProgress(throughput)
    state = ResumableState(folder, config.save_every_minutes, validation, average, stop)
    callbacks: list[pl.Callback] = [validation, *([average] if average else []), throughput, progress]
    if config.compile:
        callbacks.append(CompiledSteps())
    callbacks.append(state)
    trainer = _lightning_trainer(
        accelerator=config.accelerator,
        devices=config.devices,
        num_nodes=config.nodes,
        precision=LIGHTNING_NAMES[resolve_precision(config.precision, config.accelerator)],
        # True on one GPU too: Lightning converts batch norm only if the strategy has a process group.
        sync_batchnorm=config.accelerator != "cpu" and torch.cuda.is_available(),
        max_epochs=config.epochs if config.steps is None else -1,
        max_steps=config.steps or -1,
        check_val_every_n_epoch=config.validate_every,
        gradient_clip_val=config.optimizer.clip_norm or None,
        accumulate_grad_batches=config.optimizer.accumulate,
        use_distributed_sampler=False,  # TrainingData distributes the samples
        num_sanity_val_steps=0,
        log_every_n_steps=10,
        logger=[CSVLogger(folder, name="csv"), TensorBoardLogger(folder, name="tensorboard")],
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    stop.tell = progress.console.print if trainer.is_global_zero else str
    # Lightning's own handler of SIGTERM ends a run with status 0, or hangs on one of several processes.
    trainer._signal_connector.register_signal_handlers = lambda: None
    launcher = trainer.strategy.launcher
    if isinstance(launcher, _SubprocessScriptLauncher):
        trainer.strategy._launcher = Launcher(launcher, stop)
        stop.before_end = trainer.strategy._launcher.end
    return trainer, validation, state


def _lightning_trainer(**arguments: Any) -> pl.Trainer:
    try:
        return pl.Trainer(**arguments)
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise InputError(
            f"accelerator {arguments['accelerator']} with {arguments['devices']} devices cannot be used "
            f"({first_line(error)}); choose cpu, or devices that this machine has",
            argument="accelerator",
        ) from error
