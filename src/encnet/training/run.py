"""Training, from a folder of images to a checkpoint."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Collection
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.warnings import PossibleUserWarning

from encnet.checkpoint.hub import BEST_MODEL
from encnet.data.band_statistics import with_measured_range
from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.output_place import require_outside
from encnet.losses import build_loss
from encnet.reports.data_page import CHECK_PAGE, write_check_page
from encnet.system.memory import keep_freed_memory
from encnet.system.processes import naming_dead_readers
from encnet.system.signals import DelayedStop, Stopped, is_first_process
from encnet.system.terminal import Terminal
from encnet.system.text import say
from encnet.system.unwritable import writing_into
from encnet.training.budget import within_minutes
from encnet.training.callbacks import LAST_MODEL
from encnet.training.choice import choose
from encnet.training.class_weights import FadingClassWeights, class_weights
from encnet.training.compiled import check_compilable
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.first_batches import FirstBatches
from encnet.training.initial import normalisation_line
from encnet.training.largest_batch import with_largest_batch
from encnet.training.launching import ending_together, watch_main_process
from encnet.training.memory_need import require_step_fits
from encnet.training.module import TrainingModule
from encnet.training.network import build_model
from encnet.training.own_resolution import at_own_resolution
from encnet.training.position import Position, Resumed
from encnet.training.recipes import CONFIG_FILE, load_run_config, save_config
from encnet.training.restarts import mark_run
from encnet.training.resuming import changed_config, differences, flat, record, require_same_batch
from encnet.training.run_folder import (
    check_lock,
    check_run_folder,
    locked,
    remove_leftovers,
    remove_run,
    use_temporary_folder,
)
from encnet.training.schedule import StartOfSchedule
from encnet.training.state_files import LAST_STATE, way_on
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
    last.ckpt and previous.ckpt (for resuming), csv/ and tensorboard/ (logs), check.html (what was read from the data
    set) and batches.png (the first batches, as the network sees them).

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
            run would replace an input or a file that encnet did not write, or be read as a part of the data set.
        Stopped: a signal stopped the run: Ctrl-C, SIGTERM, SIGHUP or SIGUSR1; :func:`resume` continues.
        ProcessDied: another process of the run died.
    """
    folder = Path(folder)
    if is_first_process():
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
        Stopped: a signal stopped the run again.
        ProcessDied: another process of the run died.
    """
    folder = Path(folder)
    dataset, before = load_run_config(folder / CONFIG_FILE)
    if is_first_process():  # which takes the lock, perhaps before the others are here
        check_lock(folder)
    position = Position.of(folder)
    config = changed_config(before, flat(changes), position, folder)
    if reason := position.complete(config):
        if is_first_process():
            say(f"{folder} is complete: {reason}")
        return folder / BEST_MODEL
    if position.file is not None and position.file.damage and is_first_process():
        say(f"{position.file.damage}; resumes from {position.file.path}, step {position.step}")
    return _run(dataset, config, folder, Resumed(position, before))


def _run(
    dataset: Path,
    config: TrainConfig,
    folder: Path,
    resumed: Resumed | None,
    quiet: bool = False,
    given: Collection[str] | None = None,
) -> Path:
    """Runs until the end, or until a signal comes: at once while the run is prepared, and after a step thereafter."""
    continued = partial(way_on, folder)
    with DelayedStop(config.grace_seconds, continued) as stop, naming_dead_readers(continued), ExitStack() as stack:
        watch_main_process(continued)
        return _prepare_and_train(dataset, config, folder, resumed, quiet, given, stop, stack)


def _prepare_and_train(
    dataset: Path,
    config: TrainConfig,
    folder: Path,
    resumed: Resumed | None,
    quiet: bool,
    given: Collection[str] | None,
    stop: DelayedStop,
    stack: ExitStack,
) -> Path:
    console = Terminal(quiet=quiet or not is_first_process())
    index = read_dataset(dataset, config.data.format)
    if resumed is None:
        require_outside(index, folder)
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
    model.info.training["everywhere"] = list(report.everywhere)
    power, pixels = config.loss.class_weight_power, report.class_pixels[config.data.train]
    loss = build_loss(config.loss, model, class_weights(pixels, power) if power else None)
    if reasons:
        console.print("chosen for this data set; a flag replaces a choice, --recipe all of them:", highlight=False)
    for reason in reasons:
        console.print(f"- {reason}", markup=False, highlight=False, soft_wrap=True)
    tell = partial(console.print, soft_wrap=True, highlight=False)
    config = with_largest_batch(config, model, loss, index, tell)
    config = within_minutes(config, model, loss, index, tell)
    throughput = Throughput()
    trainer, validation, state = build_trainer(config, folder, console, throughput, stop)
    if config.compile:
        check_compilable(model, trainer.strategy.root_device)
    if config.loss.class_weight_fade:
        trainer.callbacks.append(FadingClassWeights(pixels, power))  # pyright: ignore[reportAttributeAccessIssue]
    if resumed is not None:
        require_same_batch(config, trainer.num_devices * trainer.num_nodes, resumed.position, folder)
        state.last_is_intact = resumed.file.name == LAST_STATE
    if trainer.is_global_zero:
        stack.enter_context(locked(folder))
        remove_leftovers(folder)
    changes = {} if resumed is None else differences(resumed.config, config)
    if resumed is not None and changes and trainer.is_global_zero:
        words = ", ".join(f"{name} {new} (was {old})" for name, (old, new) in changes.items())
        console.print(f"resumes at step {resumed.position.step} with {words}", soft_wrap=True, highlight=False)
        record(folder / CONFIG_FILE, config, changes, resumed.position.step)
    start = StartOfSchedule(not changes.keys().isdisjoint(("epochs", "steps")), partial(console.print, soft_wrap=True))
    trainer.callbacks.append(start)  # pyright: ignore[reportAttributeAccessIssue]
    if resumed is None:
        trainer.callbacks.append(FirstBatches(folder))  # pyright: ignore[reportAttributeAccessIssue]
    if resumed is None and trainer.is_global_zero:
        for line in filter(None, (index.origin, *(f"note: {note}" for note in (*index.notes, *report.notes())))):
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        console.print(index.labels.table(), markup=False, highlight=False)
        console.print(report.table())
        for warning in report.warnings:
            console.print(f"warning: {warning.message}", markup=False, highlight=False, soft_wrap=True)
        if not index.source.is_default:
            console.print(f"photographs: {index.source}", markup=False, highlight=False)
        remove_run(folder)
        mark_run(folder)  # before all other files, so that a restart knows them however early it comes
        write_check_page(index, report, folder / CHECK_PAGE, config.data.long_side)
        if config.initial:
            console.print(
                f"starts from {config.initial}; initialised anew: {', '.join(anew) or 'nothing'}", highlight=False
            )
        console.print(normalisation_line(model, config), soft_wrap=True, highlight=False)
        save_config(config, dataset.resolve(), folder / CONFIG_FILE)
    module = TrainingModule(model, loss, config.optimizer, config.data.batch_size, config.seed, config.channels_last)
    started = time.perf_counter()
    with writing_into(folder), warnings.catch_warnings():
        # Lightning's advice (more workers, a shorter logging interval) does not fit machines with few cores.
        warnings.simplefilter("ignore", PossibleUserWarning)
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        data = TrainingData(index, config, model.info)
        use_temporary_folder(folder)
        stack.enter_context(ending_together(trainer, stop))
        trainer.fit(module, datamodule=data, ckpt_path=None if resumed is None else resumed.file, weights_only=True)
        if stop.number:  # it came after the last step
            raise Stopped(stop.number)
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
