"""Accuracy for the same minutes of processor time: encnet beside the decoders of a library on the same backbone."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from benchmarks import rival_heads
from benchmarks.accuracy_networks import CHANGES, RIVALS
from benchmarks.accuracy_report import table, write_picture
from benchmarks.accuracy_scores import scores_of
from benchmarks.accuracy_settings import report_for, settings_of
from benchmarks.measure import machine
from benchmarks.rivals import DIVISOR
from encnet.benchmark.forms import SUFFIXES
from encnet.benchmark.measure import PAUSE, interleaved, timed
from encnet.benchmark.plan import planned_forms
from encnet.checkpoint.loading import load
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.tensors import SegmentationDataset
from encnet.export.run import export_model
from encnet.losses import build_loss
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.training.budget import measured_costs, steps_within
from encnet.training.config import TrainConfig
from encnet.training.datamodule import TrainingData
from encnet.training.network import build_model
from encnet.training.recipes import plain
from encnet.training.resuming import flat
from encnet.training.run import train


def benchmark_accuracy(
    folder: str | Path,
    dataset: str | Path,
    recipe: str = "own_data_small",
    minutes: Sequence[float] = (15.0,),
    networks: Sequence[str] = RIVALS,
    seeds: int = 3,
    repeats: int = 9,
) -> Path:
    """Trains networks that differ in nothing but the head for the same processor time, and scores them on val.

    Weights of the backbone, data, augmentation, loss, optimiser and schedule are those of the recipe, or chosen for the
    data set. Some of the networks of :data:`CHANGES` differ in one of these settings instead of the head. A minute is a
    minute of all threads of the processor: the time of a few steps is measured on the processor's own clock, and the
    number of steps follows from it, so that other programs on the machine do not matter.

    Finished runs are not repeated, so the command can be interrupted, and repeated with more seeds or networks. A file
    RUN.json in the folder accuracy_DATASET_RECIPE is all that it needs of a finished run; RUN.csv is the run's log.

    Args:
        folder: where a folder for each run, accuracy_DATASET_RECIPE.json and .png are written.
        dataset: folder of a data set with the splits train and val.
        recipe: name or file of the recipe; "chosen" for the settings of a training without a recipe.
        minutes: budgets.
        networks: of :data:`CHANGES`.
        seeds: runs of each network with each budget.
        repeats: timed predictions by each exported form.

    Returns:
        Path of the JSON.

    Raises:
        InputError: an argument is out of its range, or the data set cannot be read.
    """
    require(seeds >= 1, "seeds", seeds, "at least 1")
    require(len(minutes) > 0 and min(minutes) > 0, "minutes", list(minutes), "positive numbers")
    for name in networks:
        require(name in CHANGES, "networks", repr(name), f"one of {', '.join(CHANGES)}")
    rival_heads.register()
    index = read_dataset(dataset)
    report = report_for(index, recipe)
    results = Path(folder) / f"accuracy_{index.name}_{Path(recipe).stem}.json"

    def place(name: str, budget: float, seed: int) -> Path:
        return results.with_suffix("") / f"{name.replace(' ', '_')}-{budget:g}min-{seed}"

    runs = [
        _result(index, place(name, budget, seed), name, recipe, settings_of(index, report, recipe, name, seed), budget)
        for seed in range(seeds)
        for budget in minutes
        for name in networks
    ]
    speeds = {name: _speed(index, place(name, minutes[0], 0), repeats) for name in networks}
    setting = {
        "dataset": index.name,
        "images": {split: len(index.split(split)) for split in ("train", "val")},
        "recipe": recipe,
        "minutes": list(minutes),
        "networks": list(networks),
        "seeds": seeds,
        "repeats": repeats,
    }
    measured = {"setting": setting, "machine": machine(), "runs": runs, "speeds": speeds}
    write_text(results, json.dumps(measured, indent=2) + "\n")
    if len(networks) * len(minutes) > 1:  # one point compares nothing
        write_picture(measured, results.with_suffix(".png"))
    Console(width=150).print(table(measured))
    return results


def _result(
    index: DatasetIndex, place: Path, name: str, recipe: str, config: TrainConfig, minutes: float
) -> dict[str, Any]:
    """What one run came to; trains it unless the folder has its result."""
    record = place.with_name(f"{place.name}.json")
    settings = plain(dataclasses.asdict(config))
    if record.is_file():
        return _finished(record, settings)
    config = dataclasses.replace(config, steps=_steps(index, config, minutes), minutes=None)
    started = time.process_time()
    train(index.root, config, place, quiet=True, overwrite=True)
    taken = (time.process_time() - started) / torch.get_num_threads()
    result = {
        "network": name,
        "recipe": recipe,
        "settings": settings,
        "minutes": minutes,
        "seed": config.seed,
        "steps": config.steps,
        "taken_minutes": taken / 60,
        # Of the whole run in the processor's time, with reading, checking and the last validation.
        "images_per_second": config.batches(0) * config.data.batch_size / taken,
        "peak_megabytes": _peak_megabytes(place),
        "machine": machine(),
        **_weights(place / "last.safetensors"),
        **scores_of(index, place / "last.safetensors"),
    }
    write_text(record.with_suffix(".csv"), _log(place).read_text(encoding="utf-8"))
    write_text(record, json.dumps(result, indent=2) + "\n")
    Console(width=150).print(
        f"{name}, {minutes:g} minutes, seed {config.seed}: mean IoU {100 * result['mean_iou']:.1f} %, "
        f"{config.steps} steps",
        highlight=False,
    )
    return result


def _finished(record: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """The result of a run that was finished earlier, if the recipe still has the settings that it was run with."""
    result = json.loads(record.read_text(encoding="utf-8"))
    before, after = flat(result["settings"]), flat(settings)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            raise InputError(
                f"{record} is the result of a run with {name} {before.get(name)}, which is {after.get(name)} now; "
                "delete it, or choose another folder",
                "out",
            )
    return result


def _weights(checkpoint: Path) -> dict[str, Any]:
    """What identifies the weights of a run."""
    content = checkpoint.read_bytes()
    parameters = sum(parameter.numel() for parameter in load(checkpoint).parameters())
    return {"sha256": hashlib.sha256(content).hexdigest(), "megabytes": len(content) / 1e6, "parameters": parameters}


def _steps(index: DatasetIndex, config: TrainConfig, minutes: float) -> int:
    """The steps that fit into the minutes, by the processor's clock."""
    torch.manual_seed(config.seed)
    model, _ = build_model(index, config)
    data = TrainingData(index, config, model.info)
    threads = torch.get_num_threads()
    costs = measured_costs(
        config, model, build_loss(config.loss, model, None), data, lambda: time.process_time() / threads
    )
    return steps_within(60 * minutes, costs, config.data.half_share, validate_every=10**9)


def _peak_megabytes(place: Path) -> float:
    """The peak of the process's memory, as the run logged it."""
    with _log(place).open(encoding="utf-8", newline="") as lines:
        peaks = [row.get("memory/peak_megabytes") for row in csv.DictReader(lines)]
    return max((float(peak) for peak in peaks if peak), default=float("nan"))


def _log(place: Path) -> Path:
    """The log of a run: loss and learning rate at every tenth step, and memory."""
    (log,) = place.glob("csv/*/metrics.csv")
    return log


def _speed(index: DatasetIndex, place: Path, repeats: int) -> dict[str, float]:
    """Images a second of the exported forms, on one image at a time; measured once for a network.

    Files are exported for the size at which the network sees the photographs, filled up to a multiple of
    :data:`benchmarks.rivals.DIVISOR`: some of the library's decoders take no other sizes.
    """
    record = place.with_name(f"{place.name}-speed.json")
    if record.is_file():
        return json.loads(record.read_text(encoding="utf-8"))
    model = load(place / "last.safetensors")
    image = index.split("val")[0].image
    pixels = SegmentationDataset(index.split("val")[:1], index.labels, source=index.source)[0][0]
    factor = (model.info.long_side or max(pixels.shape[1:])) / max(pixels.shape[1:])
    seen = [math.ceil(side * factor / DIVISOR) * DIVISOR for side in pixels.shape[1:]]
    height, width = (round(side / factor) for side in seen)
    runs = {}
    for form in planned_forms(place, "cpu", False, False)[0]:
        if form.engine in SUFFIXES:
            export_model(model, form.file, size=(seen[0], seen[1]), overwrite=True)
            runs[form.name] = timed(form.prepare((1, height, width), (image,)))
    seconds = interleaved(runs, repeats, PAUSE)
    speeds = {name: 1 / float(np.median(values)) for name, values in seconds.items()}
    write_text(record, json.dumps(speeds) + "\n")
    return speeds
