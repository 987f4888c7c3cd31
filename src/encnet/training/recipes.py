"""Recipes: YAML files of settings, read into a :class:`~encnet.training.config.TrainConfig`."""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from encnet.model.options import RENAMED
from encnet.system.errors import InputError
from encnet.system.files import write_text
from encnet.system.settings import parse_settings
from encnet.training.config import TrainConfig

CONFIG_FILE = "config.yaml"
"""File in the folder of a run that holds all of its settings."""


def list_recipes() -> list[str]:
    """The names of the recipes that come with encnet."""
    return sorted(Path(entry.name).stem for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def recipe_path(name_or_path: str) -> Path:
    """The path of a recipe, given its name or its path.

    Raises:
        InputError: there is neither a recipe of this name nor such a file.
    """
    if name_or_path in list_recipes():
        return Path(str(_folder().joinpath(f"{name_or_path}.yaml")))
    path = Path(name_or_path)
    if not path.is_file():
        raise InputError(
            f"there is no recipe {name_or_path!r}; give the path of a YAML file, or one of {', '.join(list_recipes())}"
        )
    return path


def load_recipe(name_or_path: str, **changes: Any) -> TrainConfig:
    """Reads a recipe as a config.

    Args:
        name_or_path: name of a recipe that comes with encnet, or path of a YAML file.
        changes: settings that replace those of the recipe, nested like the YAML.

    Raises:
        InputError: there is no such recipe, or the file has an unknown key or a value of the wrong type.
    """
    path = recipe_path(name_or_path)
    settings = recipe_settings(path)
    return parse_config(merged(settings, changes) if isinstance(settings, dict) else settings, str(path))


def recipe_settings(path: Path) -> Any:
    """The content of a recipe file: nested settings, not checked yet but for names of earlier versions.

    The settings of a run, which :func:`save_config` wrote, are a recipe too.

    Raises:
        InputError: the file cannot be read, or has the name that a setting had in an earlier version.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if isinstance(settings, dict) and {"dataset", "config"} <= settings.keys():
        settings = settings["config"]
    _refuse_renamed(settings, str(path))
    return settings


def parse_config(settings: Any, source: str) -> TrainConfig:
    """Converts nested settings to a config, and checks types and ranges.

    Args:
        settings: nested settings, as read from YAML.
        source: where they come from, for the message of an error.

    Raises:
        InputError: there is no such setting, or a value has the wrong type or is out of its range.
    """
    _refuse_renamed(settings, source)
    return parse_settings(settings, TrainConfig, source)


def save_config(config: TrainConfig, dataset: Path, path: Path) -> None:
    """Writes a config and the path of its data set as YAML, for :func:`load_run_config`."""
    settings = {"dataset": str(dataset), "config": plain(dataclasses.asdict(config))}
    write_text(path, yaml.safe_dump(settings, sort_keys=False))


def load_run_config(path: Path) -> tuple[Path, TrainConfig]:
    """Reads the path of the data set and the config that :func:`save_config` wrote.

    Raises:
        InputError: the file is missing or damaged.
    """
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent}; give the folder of a run")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Path(settings["dataset"]), parse_config(settings["config"], str(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not the configuration of a run ({error}); give the folder of a run to resume"
        ) from error


def _refuse_renamed(settings: Any, source: str) -> None:
    """Raises InputError if the model settings use the name that an option had in an earlier version."""
    model = settings.get("model") if isinstance(settings, dict) else None
    for name in model if isinstance(model, dict) else ():
        if name in RENAMED:
            new = RENAMED[name].replace("'", "")  # YAML needs no quotes
            raise InputError(f"{source}: model.{name} is now {new}")


def _folder() -> Any:
    return resources.files("encnet") / "recipes"


def merged(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Nested settings with changes, which are nested alike."""
    result = dict(settings)
    for name, value in changes.items():
        old = result.get(name)
        result[name] = merged(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return result


def plain(value: Any) -> Any:
    """Returns a value of a config as YAML types: lists instead of tuples."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, (list, tuple)) else value
