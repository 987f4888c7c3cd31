"""Training, from a folder of images to a checkpoint."""

from __future__ import annotations

import dataclasses
import logging
import os
import time
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from lightning_fabric.utilities.warnings import PossibleUserWarning
from pytorch_lightning.callbacks import EarlyStopping
from pytorch_lightning.loggers import CSVLogger, TensorBoardLogger
from rich.console import Console

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.evaluation import scores_table
from encnet.losses import build_loss
from encnet.metrics.scores import Scores
from encnet.reports.data_page import CHECK_PAGE, write_check_page
from encnet.system.checks import require
from encnet.system.errors import InputError, first_line
from encnet.system.memory import keep_freed_memory
from encnet.training.callbacks import BEST_MODEL, LAST_MODEL, LAST_STATE, AveragedWeights, ResumableState, Validation
from encnet.training.class_weights import FadingClassWeights, class_weights
from encnet.training.compiled import CompiledSteps, check_compilable
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.initial import start_from
from encnet.training.module import TrainingModule
from encnet.training.precision import LIGHTNING_NAMES, resolve_precision
from encnet.training.progress import TrainingProgress
from encnet.training.recipes import load_run_config, save_config
from encnet.training.throughput import Throughput, peak_megabytes

CONFIG_FILE = "config.yaml"
"""File in the folder of a run that holds all of its settings."""


def train(dataset: str | Path, config: TrainConfig, folder: str | Path, quiet: bool = False) -> Path:
    """Checks a data set, trains on it, and writes everything to ``folder``.

    The folder gets config.yaml (all settings), best.safetensors and last.safetensors (models for ``encnet.load``),
    last.ckpt (for resuming), csv/ and tensorboard/ (logs), check.html (what was read from the data set).

    Args:
        dataset: folder of the data set.
        config: all settings.
        folder: folder of the run, which is created.
        quiet: print no tables.

    Returns:
        The path of the best model.

    Raises:
        InputError: the data set has problems, a setting does not fit, or ``folder`` holds a run already.
        Interrupted: the user pressed Ctrl-C; :func:`resume` continues.
    """
    folder = Path(folder)
    # The first process starts the others with the same command, after it has written its run to the folder.
    first = os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"
    if first and (folder / CONFIG_FILE).exists():
        raise InputError(f"{folder} holds a run already; resume it, or choose another folder", argument="folder")
    return _run(Path(dataset), config, folder, None, quiet)


def resume(folder: str | Path) -> Path:
    """Continues an interrupted run; the result is that of a run without the interruption.

    Args:
        folder: folder of the run.

    Returns:
        The path of the best model.

    Raises:
        InputError: ``folder`` holds no run, or no state to resume from.
        Interrupted: the user pressed Ctrl-C again.
    """
    folder = Path(folder)
    dataset, config = load_run_config(folder / CONFIG_FILE)
    state = folder / LAST_STATE
    if not state.is_file():
        raise InputError(f"{folder} has no {LAST_STATE}: the run stopped before its first validation; start it again")
    return _run(dataset, config, folder, state)


def _run(dataset: Path, config: TrainConfig, folder: Path, state: Path | None, quiet: bool = False) -> Path:
    console = Console(quiet=quiet)
    index = read_dataset(dataset, config.data.format)
    for split in (config.data.train, config.data.val):
        index.split(split)
    report = check_dataset(index, progress=True)
    report.raise_if_problems()
    keep_freed_memory()
    pl.seed_everything(config.seed, verbose=False)
    if config.initial and state is not None:  # the state has all weights; the last model says of which network
        config = dataclasses.replace(config, initial=str(folder / LAST_MODEL))
    model, anew = build_model(index, config)
    throughput = Throughput()
    trainer, validation = _trainer(config, folder, console, throughput)
    if config.compile:
        check_compilable(model, trainer.strategy.root_device)
    if config.loss.class_weight_fade:
        pixels = report.class_pixels[config.data.train]
        trainer.callbacks.append(FadingClassWeights(pixels, config.loss.class_weight_power))  # pyright: ignore[reportAttributeAccessIssue]
    if trainer.is_global_zero and state is None:
        console.print(index.labels.table(), markup=False, highlight=False)
        console.print(report.table())
        write_check_page(index, report, folder / CHECK_PAGE, config.data.long_side)
        if config.initial:
            console.print(
                f"starts from {config.initial}; initialised anew: {', '.join(anew) or 'nothing'}", highlight=False
            )
        save_config(config, dataset.resolve(), folder / CONFIG_FILE)
    power, pixels = config.loss.class_weight_power, report.class_pixels[config.data.train]
    loss = build_loss(config.loss, model, class_weights(pixels, power) if power else None)
    module = TrainingModule(model, loss, config.optimizer, config.data.batch_size, config.seed, config.channels_last)
    started = time.perf_counter()
    with warnings.catch_warnings():
        # Lightning's advice (more workers, a shorter logging interval) does not fit machines with few cores.
        warnings.simplefilter("ignore", PossibleUserWarning)
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        data = TrainingData(index, config.data, model.info, config.seed)
        trainer.fit(module, datamodule=data, ckpt_path=state, weights_only=True)
        if validation.step != trainer.global_step:  # the run did not end with a validation
            trainer.validate(module, datamodule=data, verbose=False)
    if trainer.is_global_zero:
        minutes, peak = (time.perf_counter() - started) / 60, peak_megabytes(trainer.strategy.root_device) / 1000
        console.print(
            f"{minutes:.1f} minutes, {throughput.run}, peak memory {peak:.1f} GB; best model: {folder / BEST_MODEL}",
            soft_wrap=True,
            highlight=False,
        )
    return folder / BEST_MODEL


def build_model(index: DatasetIndex, config: TrainConfig) -> tuple[EncNet, list[str]]:
    """Builds the network of a run.

    Args:
        index: the data set, for its classes.
        config: all settings.

    Returns:
        The network, and the names of the tensors that ``config.initial`` has no weights for.

    Raises:
        InputError: a setting of the model does not fit, or the network does not take RGB images.
    """
    classes, changes, anew = index.labels.num_classes, config.model.changes(), []
    _require_rgb(config.model.in_channels or 3)
    if config.initial:
        model, anew = start_from(config.initial, classes, changes)
    else:
        model = create_model(config.model.variant, classes, pretrained=config.model.pretrained, **changes)
    _require_rgb(len(model.info.mean))
    model.info.classes = list(index.labels.names)
    model.info.palette = [list(color) for color in index.labels.palette]
    model.info.long_side = config.data.long_side
    if config.model.scale_context and model.head.context is None:
        raise InputError(
            "model.scale_context is true, but the model has no context encoding; set model.context too",
            argument="model.scale_context",
        )
    model.info.context_pixels = model.context_pixels(*config.data.crop) if config.model.scale_context else None
    model.info.training = {
        "dataset": index.name,
        "crop": list(config.data.crop),
        "base_size": config.data.base_size,
        "base_side": config.data.base_side,
        "seed": config.seed,
    }
    return model, anew


def _require_rgb(in_channels: int) -> None:
    required = "3, because the images of a data set are read as RGB photographs"
    require(in_channels == 3, "model.in_channels", in_channels, required)


def _trainer(
    config: TrainConfig, folder: Path, console: Console, throughput: Throughput
) -> tuple[pl.Trainer, Validation]:
    for name in ("pytorch_lightning", "lightning_fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)  # hides its notes on devices

    def show(scores: Scores, epoch: int, better: bool) -> None:
        title = f"validation after epoch {epoch}" + (": the best so far" if better else "")
        console.print(scores_table(scores, title))

    average = AveragedWeights(config.ema) if config.ema else None
    validation = Validation(folder, show)
    progress = TrainingProgress(throughput)
    callbacks: list[pl.Callback] = [validation, *([average] if average else []), throughput, progress]
    if config.compile:
        callbacks.append(CompiledSteps())
    if config.patience:
        callbacks.append(EarlyStopping("val/mean_iou", mode="max", patience=config.patience, check_finite=False))
    callbacks.append(ResumableState(folder, average, progress.console.print))
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
    return trainer, validation


def _lightning_trainer(**arguments: Any) -> pl.Trainer:
    try:
        return pl.Trainer(**arguments)
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        raise InputError(
            f"accelerator {arguments['accelerator']} with {arguments['devices']} devices cannot be used "
            f"({first_line(error)}); choose cpu, or devices that this machine has",
            argument="accelerator",
        ) from error
