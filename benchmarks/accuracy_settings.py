"""The settings of the trainings whose accuracy is compared: a recipe's, or those that encnet chooses without one."""

from __future__ import annotations

from typing import Any

from benchmarks.accuracy_networks import CHANGES
from encnet.data.check import CheckReport, check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.training.choice import choose
from encnet.training.config import TrainConfig
from encnet.training.recipes import load_recipe, merged, parse_config
from encnet.training.resuming import flat

CHOSEN = "chosen"
"""In place of the name of a recipe: the settings that ``encnet train`` chooses for the data set without a recipe."""

NEVER = 10**6
"""Epochs between validations, so that the minutes are those of training."""


def report_for(index: DatasetIndex, recipe: str) -> CheckReport | None:
    """What the choice of settings needs to know of the data set; None for a recipe, which needs nothing."""
    return check_dataset(index, progress=True) if recipe == CHOSEN else None


def settings_of(index: DatasetIndex, report: CheckReport | None, recipe: str, name: str, seed: int) -> TrainConfig:
    """The settings of one training, without its length.

    Args:
        index: the data set.
        report: of :func:`report_for`.
        recipe: name or file of a recipe, or :data:`CHOSEN`.
        name: of :data:`CHANGES`, whose settings replace the others. Those that are chosen follow from them, as they
            follow from flags of the command line.
        seed: of the weights, and of the order and augmentation of the photographs.
    """
    same: dict[str, Any] = {"seed": seed, "accelerator": "cpu", "data": {"workers": 0}, "validate_every": NEVER}
    changes = merged(CHANGES[name], same)
    if report is None:
        return load_recipe(recipe, **changes)
    config = parse_config(changes, recipe)
    return choose(config, index, report, given={*flat(changes), "minutes"}).config
