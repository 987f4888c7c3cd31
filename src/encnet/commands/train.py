"""`encnet train`: trains on a data set, or resumes a run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from encnet.commands.command import INTERRUPTED, add_overwrite, value_first
from encnet.system.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "trains on a data set, or resumes a run"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.training.config import TrainConfig

    parser.add_argument("dataset", type=str | None, nargs="?", default=None, help="folder of the data set")
    parser.add_argument("--out", type=str, default="runs/train", help="folder for everything the run writes")
    parser.add_argument("--resume", type=str | None, default=None, help="folder of an interrupted run to resume")
    add_overwrite(parser)
    parser.add_argument(
        "--recipe", action="config", help="a YAML file of settings, or the name of a recipe that comes with encnet"
    )
    parser.add_class_arguments(TrainConfig)


def prepared(words: list[str]) -> list[str]:
    """Replaces the name of a recipe by its path, and moves it to the front, so that every other flag overrides it."""
    from encnet.training.recipes import recipe_path, recipe_settings

    def path_of(name: str) -> str:
        path = recipe_path(name)
        recipe_settings(path)  # its errors name the file
        return str(path)

    return value_first(words, ("--recipe",), path_of)


def run(arguments: Any) -> int:
    from encnet.training.callbacks import Interrupted
    from encnet.training.config import TrainConfig
    from encnet.training.run import resume, train

    settings = vars(arguments)
    dataset, out, folder = settings.pop("dataset"), settings.pop("out"), settings.pop("resume")
    settings.pop("recipe")
    overwrite = settings.pop("overwrite")
    if (dataset is None) == (folder is None):
        raise InputError("give either the folder of a data set, or --resume and the folder of a run")
    try:
        best = resume(folder) if folder else train(dataset, TrainConfig(**settings), out, overwrite=overwrite)
    except Interrupted:
        print(f"encnet: stopped; continue with `encnet train --resume {folder or out}`", file=sys.stderr)
        return INTERRUPTED
    except InputError as error:
        if error.argument == "folder":  # Python's name of --out
            raise InputError(f"{error} (--resume {out}, another --out, or --overwrite true)") from error
        raise
    print(f"next: `encnet evaluate {best} {dataset or 'DATASET'}` or `encnet predict {best} PHOTOGRAPH`")
    return 0
