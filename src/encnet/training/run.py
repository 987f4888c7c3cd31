"""Training, from a folder of images to a checkpoint."""

from __future__ import annotations

import dataclasses
import os
import time
import warnings
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from lightning_fabric.utilities.warnings import PossibleUserWarning
from rich.console import Console

from encnet.checkpoint.create import create_model
from encnet.checkpoint.encnet import EncNet
from encnet.checkpoint.hub import BEST_MODEL
from encnet.data.band_statistics import with_measured_range
from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.losses import build_loss
from encnet.reports.data_page import CHECK_PAGE, write_check_page
from encnet.system.errors import InputError
from encnet.system.memory import keep_freed_memory
from encnet.training.bands import input_options, require_channels
from encnet.training.budget import within_minutes
from encnet.training.callbacks import LAST_MODEL, LAST_STATE
from encnet.training.choice import choose
from encnet.training.class_weights import FadingClassWeights, class_weights
from encnet.training.compiled import check_compilable
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.first_batches import FirstBatches
from encnet.training.initial import normalisation_line, start_from
from encnet.training.memory_need import require_step_fits
from encnet.training.module import TrainingModule
from encnet.training.own_resolution import at_own_resolution
from encnet.training.position import Position
from encnet.training.recipes import CONFIG_FILE, load_run_config, save_config
from encnet.training.resuming import changed_config, differences, flat, record, require_same_batch
from encnet.training.run_folder import check_run_folder, remove_run
from encnet.training.schedule import StartOfSchedule
from encnet.training.throughput import Throughput, peak_megabytes
from encnet.training.trainer import build_trainer


def train(
    dataset: str | Path,
    config: TrainConfig,
    folder: str | Path,
    quiet: bool = False,
    overwrite: bool = False,
    given: Collection[str] | None = None,
) -> Path:
    """Checks a data set, trains on it, and writes everything to ``folder``.

    The folder gets config.yaml (all settings), best.safetensors and last.safetensors (models for ``encnet.load``),
    last.ckpt (for resuming), csv/ and tensorboard/ (logs), check.html (what was read from the data set) and batches.png
    (the first batches, as the network sees them).

    Args:
        dataset: folder of the data set.
        config: all settings.
        folder: folder of the run, which is created.
        quiet: print no tables.
        overwrite: whether to replace a run that ``folder`` holds, and files of these names that encnet did not write.
        given: dotted names of the settings that stay as they are, while all others are chosen for the data set and the
            machine (:mod:`encnet.training.choice`); None chooses none.

    Returns:
        The path of the best model.

    Raises:
        InputError: the data set has problems, a setting does not fit, ``folder`` holds a run already, or a file of the
            run would replace an input or a file that encnet did not write.
        Interrupted: the user pressed Ctrl-C; :func:`resume` continues.
    """
    folder = Path(folder)
    if _is_first():
        inputs = [dataset, *(name for name in (config.initial, config.model.pretrained) if name)]
        check_run_folder(folder, inputs, overwrite)
    return _run(Path(dataset), config, folder, None, quiet, given)


def resume(folder: str | Path, **changes: Any) -> Path:
    """Continues a run; without changes, the result is that of a run without the interruption.

    A run that is complete continues with more ``epochs`` or ``steps``. The learning rate then follows the schedule of a
    run that had the new length from its start, from the step on that this run has reached.

    Args:
        folder: folder of the run.
        changes: settings to change, nested as in a recipe: ``epochs=90, data={"workers": 4}``. They may be those in
            :data:`encnet.training.resuming.CHANGEABLE`, which do not change what is learnt at a step.

    Returns:
        The path of the best model.

    Raises:
        InputError: ``folder`` holds no run, or no state to resume from; or a change does not fit.
        Interrupted: the user pressed Ctrl-C again.
    """
    folder = Path(folder)
    dataset, before = load_run_config(folder / CONFIG_FILE)
    position = Position.of(folder)
    config = changed_config(before, flat(changes), position, folder)
    if reason := position.complete(config):
        print(f"{folder} is complete: {reason}")
        return folder / BEST_MODEL
    return _run(dataset, config, folder, _Resumed(position, before))


def _is_first() -> bool:
    """Whether this is the first process of the run.

    It starts the others with the same command, after it has written its run to the folder.
    """
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


class _Resumed(NamedTuple):
    """Where a run resumes, and the settings that it had until then."""

    position: Position
    config: TrainConfig


def _run(
    dataset: Path,
    config: TrainConfig,
    folder: Path,
    resumed: _Resumed | None,
    quiet: bool = False,
    given: Collection[str] | None = None,
) -> Path:
    console = Console(quiet=quiet or not _is_first())
    index = read_dataset(dataset, config.data.format)
    for split in (config.data.train, config.data.val):
        index.split(split)
    index = with_measured_range(index, config.data.train)
    report = check_dataset(index, progress=True)
    report.raise_if_problems()
    config, reasons = (config, ()) if given is None else choose(config, index, report, given)
    config, index = at_own_resolution(config, index)
    keep_freed_memory()
    require_step_fits(config, index.labels.num_classes)
    pl.seed_everything(config.seed, verbose=False)
    if config.initial and resumed is not None:  # the state has all weights; the last model says of which network
        model, anew = build_model(index, dataclasses.replace(config, initial=str(folder / LAST_MODEL)))
    else:
        model, anew = build_model(index, config)
    power, pixels = config.loss.class_weight_power, report.class_pixels[config.data.train]
    loss = build_loss(config.loss, model, class_weights(pixels, power) if power else None)
    if reasons:
        console.print("chosen for this data set; a flag replaces a choice, --recipe all of them:", highlight=False)
    for reason in reasons:
        console.print(f"- {reason}", markup=False, highlight=False, soft_wrap=True)
    config = within_minutes(config, model, loss, index, partial(console.print, soft_wrap=True, highlight=False))
    throughput = Throughput()
    trainer, validation = build_trainer(config, folder, console, throughput)
    if config.compile:
        check_compilable(model, trainer.strategy.root_device)
    if config.loss.class_weight_fade:
        trainer.callbacks.append(FadingClassWeights(pixels, power))  # pyright: ignore[reportAttributeAccessIssue]
    changes = {} if resumed is None else _go_on(trainer, config, folder, resumed, console)
    start = StartOfSchedule(not changes.keys().isdisjoint(("epochs", "steps")), partial(console.print, soft_wrap=True))
    trainer.callbacks.append(start)  # pyright: ignore[reportAttributeAccessIssue]
    if resumed is None:
        trainer.callbacks.append(FirstBatches(folder))  # pyright: ignore[reportAttributeAccessIssue]
    if resumed is None and trainer.is_global_zero:
        for line in filter(None, (index.origin, *(f"note: {note}" for note in index.notes))):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print(index.labels.table(), markup=False, highlight=False)
        console.print(report.table())
        for warning in report.warnings:
            console.print(f"warning: {warning.message}", markup=False, highlight=False, soft_wrap=True)
        if not index.source.is_default:
            console.print(f"photographs: {index.source}", markup=False, highlight=False)
        remove_run(folder)
        write_check_page(index, report, folder / CHECK_PAGE, config.data.long_side)
        if config.initial:
            console.print(
                f"starts from {config.initial}; initialised anew: {', '.join(anew) or 'nothing'}", highlight=False
            )
        console.print(normalisation_line(model, config), soft_wrap=True, highlight=False)
        save_config(config, dataset.resolve(), folder / CONFIG_FILE)
    module = TrainingModule(model, loss, config.optimizer, config.data.batch_size, config.seed, config.channels_last)
    started = time.perf_counter()
    with warnings.catch_warnings():
        # Lightning's advice (more workers, a shorter logging interval) does not fit machines with few cores.
        warnings.simplefilter("ignore", PossibleUserWarning)
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        data = TrainingData(index, config, model.info)
        trainer.fit(
            module, datamodule=data, ckpt_path=None if resumed is None else folder / LAST_STATE, weights_only=True
        )
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


def _go_on(
    trainer: pl.Trainer, config: TrainConfig, folder: Path, resumed: _Resumed, console: Console
) -> dict[str, tuple[Any, Any]]:
    """Checks that a run can go on as it began, says what changes, and writes it to the settings of the run.

    Returns:
        The settings that change: dotted name -> (value before, value after).
    """
    position = resumed.position
    require_same_batch(config, trainer.num_devices * trainer.num_nodes, position, folder)
    changes = differences(resumed.config, config)
    if trainer.is_global_zero and changes:
        words = ", ".join(f"{name} {new} (was {old})" for name, (old, new) in changes.items())
        console.print(f"resumes at step {position.step} with {words}", soft_wrap=True, highlight=False)
        record(folder / CONFIG_FILE, config, changes, position.step)
    return changes


def build_model(index: DatasetIndex, config: TrainConfig) -> tuple[EncNet, list[str]]:
    """Builds the network of a run.

    Args:
        index: the data set, for its classes.
        config: all settings.

    Returns:
        The network, and the names of the tensors that ``config.initial`` has no weights for.

    Raises:
        InputError: a setting of the model does not fit, or the network does not take the bands of the data set.
    """
    classes, changes, anew = index.labels.num_classes, config.model.changes(), []
    inputs = input_options(index, config)
    if config.initial:
        model, anew = start_from(config.initial, classes, changes, inputs)
    else:
        model = create_model(config.model.variant, classes, pretrained=config.model.pretrained, **{**changes, **inputs})
    frozen = config.optimizer.frozen_stages
    if frozen and not (config.initial or config.model.pretrained):
        raise InputError(
            f"optimizer.frozen_stages is {frozen}, but the backbone starts from random weights, which would never "
            "change; set model.pretrained or initial, or frozen_stages to 0",
            argument="optimizer.frozen_stages",
        )
    require_channels(len(model.info.mean), index)
    model.info.source = index.source.to_dict()
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
