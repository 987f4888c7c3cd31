"""Resuming with changes: the settings that a run may change on its way, and those that it must keep."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from encnet.checkpoint.hub import BEST_MODEL
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.text import counted
from encnet.training.callbacks import LAST_MODEL
from encnet.training.config import TrainConfig
from encnet.training.position import Position
from encnet.training.recipes import CONFIG_FILE, parse_config, plain

CHANGEABLE: tuple[str, ...] = (
    "epochs",
    "steps",
    "patience",
    "validate_every",
    "save_every_minutes",
    "grace_seconds",
    "devices",
    "nodes",
    "accelerator",
    "data.workers",
    "data.kept_megabytes",
    "precision",
    "compile",
)
"""Settings that a resumed run may change: how long it trains, and what computes it."""

_OF_A_NEW_NETWORK = ("model.variant", "model.pretrained", "model.backbone", "model.backbone_options", "initial")
"""Settings that do not go with the weights of the run."""


def changed_config(config: TrainConfig, changes: Mapping[str, Any], position: Position, folder: Path) -> TrainConfig:
    """Returns the settings of a run with changes.

    Args:
        config: the settings of the run.
        changes: settings to change, by dotted name. ``epochs`` replaces ``steps``, and ``steps`` replaces ``epochs``.
        position: how far the run has come.
        folder: folder of the run.

    Raises:
        InputError: a setting does not exist, is out of range or may not change; or nothing is left to do.
    """
    known = flat(dataclasses.asdict(config))
    for name in changes:
        if name not in known and not any(name.startswith(f"{group}.") for group in known):
            raise InputError(f"there is no setting {name!r}; resuming can change {', '.join(CHANGEABLE)}", name)
    kept = [name for name in changes if name not in CHANGEABLE]
    if kept:
        _refuse(kept, changes, folder)
    if changes.get("epochs") is not None and changes.get("steps") is not None:
        raise InputError("give epochs or steps, not both", "steps")
    settings = plain(dataclasses.asdict(config))
    if changes.get("epochs") is not None:
        settings["steps"] = None
    for name, value in changes.items():
        *path, last = name.split(".")
        (settings[path[0]] if path else settings)[last] = plain(value)
    changed = parse_config(settings, str(folder))
    _require_more(changed, changes, position, folder)
    return changed


def differences(before: TrainConfig, after: TrainConfig) -> dict[str, tuple[Any, Any]]:
    """Returns the settings that differ: dotted name -> (value before, value after)."""
    old, new = flat(dataclasses.asdict(before)), flat(dataclasses.asdict(after))
    return {name: (value, new[name]) for name, value in old.items() if new[name] != value}


def record(path: Path, config: TrainConfig, changes: Mapping[str, tuple[Any, Any]], step: int) -> None:
    """Writes changed settings to the file of a run, and adds to its list ``resumed`` what they were before.

    Args:
        path: the file that :func:`encnet.training.recipes.save_config` wrote.
        config: the settings from now on.
        changes: what changes, from :func:`differences`.
        step: the step at which the run resumes.
    """
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    content["config"] = plain(dataclasses.asdict(config))
    entry = {
        "step": step,
        "before": {name: plain(old) for name, (old, _) in changes.items()},
        "after": {name: plain(new) for name, (_, new) in changes.items()},
    }
    content["resumed"] = [*content.get("resumed", []), entry]
    write_text(path, yaml.safe_dump(content, sort_keys=False))


def require_same_batch(config: TrainConfig, processes: int, position: Position, folder: Path) -> None:
    """Refuses another number of processes: it would change the images per step, and the order of the images.

    Args:
        config: the settings from now on.
        processes: number of processes, one per device.
        position: how far the run has come.
        folder: folder of the run.
    """
    before = position.processes
    if before is None or before == processes:
        return
    images = config.data.batch_size * config.optimizer.accumulate
    raise InputError(
        f"{folder} trains {counted(images * before, 'image')} per step on {counted(before, 'device')}, and "
        f"{processes} would train {images * processes}, which is another training; resume it on {before}, or start a "
        f"new run from its weights: {_new_run(folder, {'devices': processes})}",
        "devices",
    )


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns nested settings by dotted name, except the free-form options of a backbone, which are one setting."""
    result: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and name != "backbone_options":
            result |= flat(value, f"{prefix}{name}.")
        else:
            result[prefix + name] = value
    return result


def _refuse(names: list[str], changes: Mapping[str, Any], folder: Path) -> None:
    first = names[0]
    raise InputError(
        f"{folder} keeps {' and '.join(names)} as it began, because another value would change what it learns; leave "
        f"{'it' if len(names) == 1 else 'them'} out, or start a new run: "
        f"{_new_run(folder, {name: changes[name] for name in names})}",
        first,
    )


def _new_run(folder: Path, settings: Mapping[str, Any]) -> str:
    """The command of a new run with settings that this run cannot change, from its weights where that is possible."""
    weights = folder / (BEST_MODEL if (folder / BEST_MODEL).exists() else LAST_MODEL)
    words = ["--recipe", str(folder / CONFIG_FILE), "--initial", str(weights)]
    if any(name in _OF_A_NEW_NETWORK for name in settings):
        words = []
    for name, value in settings.items():
        words += [f"--{name}", value if isinstance(value, str) else json.dumps(plain(value))]
    dataset = yaml.safe_load((folder / CONFIG_FILE).read_text(encoding="utf-8"))["dataset"]
    return f"`encnet train {shlex.join([dataset, *words, '--out', f'{folder}-2'])}`"


def _require_more(config: TrainConfig, changes: Mapping[str, Any], position: Position, folder: Path) -> None:
    """Refuses an end before the position of the run, and changes to a run that is complete."""
    epochs = position.epochs(config)
    for name, finished in (("epochs", epochs), ("steps", position.step)):
        if changes.get(name) is not None and finished is not None:
            least = int(finished) + 1
            allowed = f"at least {least}, because {folder} has done {finished:.4g} {name} already"
            require(changes[name] >= least, name, changes[name], allowed)
    reason = position.complete(config)
    if changes and reason:
        raise InputError(f"{folder} is complete, and {' and '.join(changes)} would change nothing: {reason}")
