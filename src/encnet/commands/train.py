"""`encnet train`: trains on a data set, or resumes a run."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from encnet.commands.command import add_overwrite
from encnet.commands.data_set import say_ledger
from encnet.commands.unused import Unused
from encnet.commands.words import value_first
from encnet.system.errors import InputError
from encnet.system.signals import is_first_process
from encnet.system.text import say

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from encnet.system.ledger import Ledger

SUMMARY = "trains on a data set, or resumes a run"
UNUSED = (
    *(
        Unused(
            name,
            lambda a: a.resume is not None,
            "on a run that is resumed, which keeps its folder and its settings",
            "start a new run without --resume",
        )
        for name in ("out", "recipe", "overwrite")
    ),
    *(
        Unused(name, lambda a: a.given.get("minutes") is not None, "beside --minutes", "leave out --minutes")
        for name in ("epochs", "steps")
    ),
    Unused("epochs", lambda a: a.given.get("steps") is not None, "beside --steps", "leave out --steps"),
    Unused("data.base_side", lambda a: a.data.base_size is None, "without --data.base_size", "give that too"),
    Unused(
        "optimizer.min_lr",
        lambda a: a.optimizer.power == 0,
        "with --optimizer.power 0, which keeps the learning rate constant",
        "give a positive power",
    ),
    *(
        Unused(
            f"model.{name}",
            lambda a: a.initial is not None,
            "with --initial, whose checkpoint has its own variant and weights",
            "leave out --initial",
        )
        for name in ("variant", "pretrained")
    ),
    *(
        Unused(name, lambda a: not _built(a, "aux"), "without an auxiliary head", "give --model.aux true")
        for name in ("loss.aux_weight", "model.aux_channels")
    ),
    *(
        Unused(
            name,
            lambda a: not ((_built(a, "se") and _built(a, "context")) or _built(a, "stage3_se")),
            "without a branch that predicts presence",
            "give --model.se true and --model.context true",
        )
        for name in ("loss.se_weight", "model.presence_loss")
    ),
    Unused(
        "model.num_codes",
        lambda a: not (_built(a, "context") or _built(a, "stage3_se")),
        "without a context encoding",
        "give --model.context true",
    ),
)


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.training.config import TrainConfig
    from encnet.training.recipes import list_recipes

    parser.add_argument("dataset", type=str | None, nargs="?", default=None, help="folder of the data set")
    parser.add_argument("--out", type=str, default="runs/train", help="folder for everything the run writes")
    parser.add_argument("--resume", type=str | None, default=None, help="folder of an interrupted run to resume")
    add_overwrite(parser)
    parser.add_argument(
        "--recipe",
        action="config",
        help=f"a YAML file of settings, or the name of a recipe that comes with encnet: {', '.join(list_recipes())}",
    )
    parser.add_class_arguments(TrainConfig)


def prepared(words: list[str]) -> list[str]:
    """Replaces the name of a recipe by its content, and moves it to the front: every other flag overrides it."""
    from encnet.training.recipes import parse_config, recipe_path, recipe_settings

    def content_of(name: str) -> str:
        path = recipe_path(name)
        settings = recipe_settings(path)
        parse_config(settings, str(path))  # the parser of the command line does not name the file
        return json.dumps(settings, default=str)

    return value_first(words, ("--recipe",), content_of)


def run(arguments: Any) -> int:
    from encnet.training.config import TrainConfig
    from encnet.training.report import report_run
    from encnet.training.restarts import began
    from encnet.training.run import resume, train
    from encnet.training.state_files import has_state

    settings = vars(arguments)
    given = settings.pop("given")
    dataset, out, folder = settings.pop("dataset"), settings.pop("out"), settings.pop("resume")
    settings.pop("recipe")
    overwrite = settings.pop("overwrite")
    if dataset is None and folder is None:
        raise InputError("give either the folder of a data set, or --resume and the folder of a run")
    if dataset is not None and folder is not None:
        raise InputError(f"a resumed run keeps its data set; leave out {dataset}, or --resume for a new run")
    if "epochs" in given and settings["steps"] is not None:
        say(f"--epochs {given['epochs']} replaces the steps of the recipe, {settings['steps']}")
        settings["steps"] = None
    length = next((name for name in ("steps", "epochs") if name in given), None)
    if length is not None and settings["minutes"] is not None:
        say(f"--{length} {given[length]} replaces the minutes of the recipe, {settings['minutes']:g}")
        settings["minutes"] = None
    try:
        if folder is not None:
            best = resume(folder, **_nested(given))
        elif began(Path(out)) and has_state(Path(out)):
            if is_first_process():
                say(f"this job was started again, so the run in {out} goes on where it stopped")
            best = resume(out)
        else:
            names, overwrite = None if "recipe" in given else given.keys(), overwrite or began(Path(out))
            best = train(str(dataset), TrainConfig(**settings), out, overwrite=overwrite, given=names)
    except InputError as error:
        if error.argument == "folder":  # Python's name of --out
            raise InputError(f"{error} (--resume {out}, another --out, or --overwrite true)") from error
        raise
    if not is_first_process():
        return 0
    say(f"wrote {report_run(best.parent)}: curves, scores and examples")
    status = say_ledger(_ledger(best.parent))
    model, data = quote(str(best)), quote(str(dataset)) if dataset else "DATASET"
    say(f"next: `encnet evaluate {model} {data}` or `encnet predict {model} PHOTOGRAPH`")
    return status


def _ledger(folder: Path) -> Ledger:
    """What became of each file in the data set of a run."""
    from encnet.data.accounting import account_for
    from encnet.data.formats import read_dataset
    from encnet.training.recipes import CONFIG_FILE, load_run_config

    dataset, config = load_run_config(folder / CONFIG_FILE)
    return account_for(read_dataset(dataset, config.data.format))


def _nested(given: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings among the given arguments, nested as in a recipe."""
    changes: dict[str, Any] = {}
    for name, value in given.items():
        *path, last = name.split(".")
        place = changes
        for part in path:
            place = place.setdefault(part, {})
        if name != "resume":
            place[last] = value
    return changes


def _built(arguments: Any, option: str) -> bool:
    """Whether a part is in the network that the arguments describe; true if a checkpoint or a run describes it."""
    from encnet.model.variants import variant_options

    if arguments.initial is not None or arguments.resume is not None:
        return True
    return getattr(variant_options(arguments.model.variant, **arguments.model.changes()), option)
