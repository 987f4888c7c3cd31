"""Command lines in which one argument has a value of the wrong type, range or size."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.reliability.attempt import GIGABYTES, command
from benchmarks.reliability.kinds import Case
from benchmarks.reliability.sound import IMAGE, small_model, write_image
from encnet.cli import _command
from encnet.commands.command import make_parser

TITLE = "arguments"
MEANING = (
    "every flag of `predict`, `evaluate`, `explain`, `train`, `check` and `export`, and the words before"
    " them, with values such as NaN, infinity, -1, 10¹², names of files that are missing, too long, folders or"
    " pictures, devices that do not exist, text, lists and nothing. A refused command must leave no folder behind."
)
NUMBER = 300
MEMORY = GIGABYTES

_NUMBERS = (
    *(".nan", ".inf", "-.inf", "nan", "-1", "0", "1", "7", "0.5", "-0.5", "1e308", "1e30", "65536", "1000000"),
    *("1000000000000", "4294967296", "4294967295", "1" * 5000),
)
_LISTS = (
    *("[]", "[.nan,1]", "[.nan]", "[0,0]", "[-1,-1]", "[16,1000000]", "[30000,30000]", "[1000000000,16]", "[.inf,1]"),
    *("[1,1,1]", "[1]", "[1,-1]", "[[1,2],[3]]", "[0.5,1]", "[100000,100000]", "1,2", "0,.inf"),
)
_WORDS = (
    *("", " ", "none", "true", "maybe", "é", "x" * 300, "a/" * 3000, "[/red]", "--", "-", "@", "\x1b[2J", "line\nline"),
    *("{}", "{a: [1]}", "meta", "tpu", "cuda", "cuda:99", "cuda:-1", "cpu:7", "mps", "hpu", "image.png"),
    *("missing.safetensors", "data", "/", "/dev/null", "model.safetensors", "/proc/self/mem", "model.safetensors/x"),
)
"""Values of an argument, by type; names of files are those that :func:`prepare` writes."""

_SMALL = ("0", "-1", ".nan", ".inf", "-.inf", "0.5", "none", "", "x", "1000000000000000000000000000000")
_ENDLESS = ("steps", "epochs", "minutes", "validate_every", "accumulate", "patience", "batch_size", "devices", "nodes")
"""Arguments whose large values are sound and take hours: they get :data:`_SMALL` values."""
_UNTRIED = ("help", "print_config", "resume", "compile")


def prepare(folder: Path) -> None:
    model = small_model()
    model.info.classes = ["class_0", "class_1", "class_2"]
    model.save(folder / "model.safetensors")
    write_image(folder / IMAGE)
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for kind in ("images", "labels"):
            (folder / "data" / kind / split).mkdir(parents=True)
        for i in range(2):
            label = rng.integers(0, 3, (4, 5)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
            write_image(folder / f"data/images/{split}/{i}.png")
            Image.fromarray(label).save(folder / f"data/labels/{split}/{i}.png")


def case(rng: random.Random, folder: Path) -> Case:
    model, image, data, out = (str(folder / name) for name in ("model.safetensors", IMAGE, "data", "out"))
    small = "--steps 1 --data.workers 0 --data.batch_size 2 --data.crop [16,16] --model.variant encnet_tiny"
    sound: dict[str, list[str]] = {
        "predict": [model, image, "--out", out],
        "evaluate": [model, data, "--out", out, "--workers", "0"],
        "explain": [model, image, "--out", out, "--dataset", data],
        "train": [data, "--out", out, "--accelerator", "cpu", *small.split()],
        "check": [data, "--out", f"{out}/check.html"],
        "export": [model, "--out", f"{out}/model.onnx"],
    }
    verb = rng.choice(("predict", "evaluate", "explain", "train", "train", "train", "check", "export"))
    words, flags = sound[verb], _flags(verb)
    if rng.random() < 0.1:
        value = rng.choice((*_WORDS, *_NUMBERS))
        place = rng.randrange(sum(1 for _ in words[: words.index("--out")]))
        words = [*words[:place], _in(folder, value), *words[place + 1 :]]
        return Case(f"{verb}: word {place} is {value[:40]!r}", command([verb, *words], Path(out)))
    flag = rng.choice(list(flags))
    value = rng.choice(flags[flag] if rng.random() < 0.8 else (*_NUMBERS, *_LISTS, *_WORDS))
    if flag.split(".")[-1] in _ENDLESS:
        value = rng.choice(_SMALL)
    given = [verb, *words, f"--{flag}", _in(folder, value)]
    return Case(f"{verb} --{flag} {value[:40]!r}", command(given, None if flag == "out" else Path(out)))


def _in(folder: Path, value: str) -> str:
    """A value; the name of a file of the case becomes its path."""
    return (
        str(folder / value) if value and (folder / value.split("\0")[0][:200]).exists() and "/" not in value else value
    )


@cache
def _flags(verb: str) -> dict[str, tuple[str, ...]]:
    """The names of a verb's flags, and values of about the type that each takes."""
    parser = make_parser(f"encnet {verb}", _command(verb))
    types = {action.dest: str(getattr(action, "_typehint", "")) for action in parser._actions if action.option_strings}
    return {
        name: _LISTS if "tuple" in hint or "list" in hint else _NUMBERS if "int" in hint or "float" in hint else _WORDS
        for name, hint in types.items()
        if name.split(".")[-1] not in _UNTRIED
    }
