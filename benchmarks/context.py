"""The gain by context encoding, on scenes in which only distant context tells some classes apart."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from encnet.data.formats import read_dataset
from encnet.data.scenes import CONTEXT_CLASSES, SMALL_CLASSES, write_scenes
from encnet.evaluation import evaluate
from encnet.metrics.scores import Scores
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.training.recipes import load_recipe
from encnet.training.run import train

NETWORKS: dict[str, dict[str, Any]] = {
    "FCN head": {"context": False},
    "EncNet without SE-loss": {"se": False},
    "EncNet": {},
    "EncNet with SE-loss on stage 3 too": {"stage3_se": True},
}
"""The networks that are compared: one backbone, one schedule, and the parts of the head added one by one."""

CLASS_WEIGHT_POWER = 0.25
"""Lower than in the demo: large weights of rare classes would hide what is compared, whether discs are told apart."""

COLUMNS = {
    "mean IoU": None,
    "context-only classes": CONTEXT_CLASSES,
    "small classes": SMALL_CLASSES,
}


def benchmark_context(folder: str | Path, seeds: int = 3, epochs: int | None = None) -> Path:
    """Compares networks with and without context encoding on scenes in which only distant context tells classes apart.

    Each of :data:`NETWORKS` is trained from scratch with each random seed (weights, order and augmentation; the scenes
    are the same) by the recipe scenes_tiny, and scored on the test split. Finished runs are not repeated, so the
    command can be interrupted.

    Args:
        folder: where the scenes, a folder for each run, context.json and context.txt are written.
        seeds: runs of each network.
        epochs: epochs of each run; None is the recipe's number.

    Returns:
        Path of context.json.

    Raises:
        InputError: ``seeds`` or ``epochs`` is less than 1, or the folder holds runs of another number of epochs.
    """
    require(seeds >= 1, "seeds", seeds, "at least 1")
    folder = Path(folder)
    scenes = write_scenes(folder / "scenes")
    results: dict[str, list[dict[str, float]]] = {name: [] for name in NETWORKS}
    for seed in range(seeds):
        for name in NETWORKS:
            results[name].append(_result(scenes, folder / f"{name.replace(' ', '_')}-{seed}", name, seed, epochs))
    table = _table(results)
    console = Console(width=110, record=True)
    console.print(table)
    write_text(folder / "context.txt", console.export_text())
    write_text(folder / "context.json", json.dumps({"epochs": epochs, "results": results}, indent=2) + "\n")
    return folder / "context.json"


def _result(scenes: Path, run: Path, name: str, seed: int, epochs: int | None) -> dict[str, float]:
    """IoU in percent by column, for one network trained with one seed."""
    changes: dict[str, Any] = {
        "model": NETWORKS[name],
        "loss": {"class_weight_power": CLASS_WEIGHT_POWER},
        "seed": seed,
    }
    if epochs is not None:
        changes |= {"epochs": epochs, "validate_every": epochs}
    config = load_recipe("scenes_tiny", **changes)
    record = run / "result.json"
    if record.is_file():
        done = json.loads(record.read_text(encoding="utf-8"))
        if done["epochs"] != config.epochs:
            raise InputError(
                f"{run} was trained for {done['epochs']} epochs, not {config.epochs}; choose another folder", "out"
            )
        return done["iou"]
    checkpoint = train(scenes, config, run, quiet=True)
    scores = evaluate(checkpoint, read_dataset(scenes), split="test", progress=False).scores
    iou = {column: _iou(scores, classes) for column, classes in COLUMNS.items()}
    write_text(record, json.dumps({"epochs": config.epochs, "iou": iou}) + "\n")
    Console().print(f"{name}, seed {seed}: " + ", ".join(f"{column} {value:.1f}" for column, value in iou.items()))
    return iou


def _iou(scores: Scores, classes: tuple[str, ...] | None) -> float:
    chosen = [iou for name, iou in zip(scores.names, scores.iou, strict=True) if classes is None or name in classes]
    return 100 * float(np.nanmean(chosen))


def _table(results: dict[str, list[dict[str, float]]]) -> Table:
    seeds = len(next(iter(results.values())))
    table = Table(title=f"IoU on the test scenes in percent: median of {seeds} seeds (lowest to highest)")
    table.add_column("network")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, runs in results.items():
        cells = []
        for column in COLUMNS:
            values = [run[column] for run in runs]
            cells.append(f"{statistics.median(values):.1f} ({min(values):.1f} to {max(values):.1f})")
        table.add_row(name, *cells)
    return table
