"""Recipes: the settings of a run as YAML, read into the typed config."""

from __future__ import annotations

import dataclasses
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentError, ArgumentParser

from encnet.errors import InputError
from encnet.files import write_text
from encnet.training.config import TrainConfig


def list_recipes() -> list[str]:
    """Names of the recipes that come with encnet."""
    return sorted(Path(entry.name).stem for entry in _folder().iterdir() if entry.name.endswith(".yaml"))


def recipe_path(name_or_path: str) -> Path:
    """The file of a recipe that comes with encnet, or the path itself if it is one.

    Raises:
        InputError: neither.
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
    """A recipe as a config; ``changes`` are nested like the YAML and win.

    Raises:
        InputError: there is no such recipe, or the file has an unknown key or a value of the wrong type.
    """
    path = recipe_path(name_or_path)
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    return parse_config(_merged(settings, changes) if isinstance(settings, dict) else settings, str(path))


def parse_config(settings: Any, source: str) -> TrainConfig:
    """Nested settings -> a config whose types and ranges were checked.

    Raises:
        InputError: naming ``source`` and the setting.
    """
    if not isinstance(settings, dict):
        raise InputError(f"{source} must hold settings by name, not {type(settings).__name__}")
    parser = ArgumentParser(exit_on_error=False)
    parser.add_argument("--config", type=TrainConfig)
    try:
        return parser.instantiate(parser.parse_object({"config": settings})).config
    except (ArgumentError, TypeError, ValueError) as error:
        raise InputError(f"{source}: {' '.join(str(error).split())}") from error


def save_config(config: TrainConfig, dataset: Path, path: Path) -> None:
    """Writes a config, and the data set that it was used on, as YAML that :func:`load_run_config` reads."""
    settings = {"dataset": str(dataset), "config": _plain(dataclasses.asdict(config))}
    write_text(path, yaml.safe_dump(settings, sort_keys=False))


def load_run_config(path: Path) -> tuple[Path, TrainConfig]:
    """What :func:`save_config` wrote: the data set and the config.

    Raises:
        InputError: the file is missing or damaged.
    """
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Path(settings["dataset"]), parse_config(settings["config"], str(path))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not the configuration of a run ({error}); give the folder of a run to resume"
        ) from error


def _folder() -> Any:
    return resources.files("encnet") / "recipes"


def _merged(settings: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(settings)
    for name, value in changes.items():
        old = merged.get(name)
        merged[name] = _merged(old, value) if isinstance(value, dict) and isinstance(old, dict) else value
    return merged


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
