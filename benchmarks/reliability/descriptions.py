"""Data sets whose description or whose file names are hostile: dataset.yaml, and what it refers to."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.reliability.attempt import GIGABYTES, command
from benchmarks.reliability.damage import changed, damaged, junk
from benchmarks.reliability.kinds import Case
from benchmarks.reliability.sound import write_image

TITLE = "data sets"
MEANING = (
    "a key of `dataset.yaml` has another type or range, or is missing; its text names objects of Python, refers to"
    " itself, repeats keys, is nested deeply, or is of another encoding; bytes are cut off, exchanged or inserted;"
    " names of files, splits and classes hold markup, control characters, surrogates or folders above. Each is given to"
    " `encnet check`, whose output must not hold control characters."
)
NUMBER = 300
MEMORY = GIGABYTES
LINES = 9
"""Lines of a refusal: the progress of reading, and up to some problems with what to do about each."""

DOCUMENT: dict[str, Any] = {
    "name": "garden",
    "labels": "value",
    "classes": [
        {"name": "lawn", "color": [1, 2, 3], "value": 0},
        {"name": "path", "value": [1, 7]},
        {"name": "pond", "value": 2},
    ],
    "ignore": [255],
    "undeclared": "ignore",
    "splits": {
        "train": {"images": "images", "labels": "labels"},
        "val": {"images": "images", "labels": "labels", "list": "val.txt"},
    },
}
COLOURS: dict[str, Any] = {
    "labels": "color",
    "classes": [{"name": "lawn", "color": [0, 0, 0]}, {"name": "path", "color": [1, 1, 1], "colors": [[2, 2, 2]]}],
    "label_suffix": "",
    "image_suffix": "",
    "bands": [1, 2, 3],
    "value_range": [0, 255],
    "orientation": "upright",
    "splits": {"train": {"images": "images", "labels": "labels"}},
}
SHARES: dict[str, Any] = {"classes": ["lawn", "path", "pond"], "ignore": 255}
_NAMES = (
    *("[/red]", "[bold]x[/bold]", "\x1b[2J\x1b[31mx", "a\nb", "a\rb", "\x00", "\u202egpj", "\x9b31m", "é", "日本", " "),
    *(
        "",
        ".",
        "..",
        "../..",
        "/",
        "/etc",
        "x" * 300,
        "x" * 100_000,
        "a/b",
        "con",
        "~",
        "$HOME",
        "*",
        "{",
        "%s",
        "\ud800",
    ),
)
"""Names that can harm a terminal, a path or a pattern."""
TEXTS = (
    "",
    " ",
    "\ufeff",
    "- a\n- b\n",
    "classes",
    "classes: &a [*a]\n",
    "classes: &a [lawn]\nother: *a\n<<: *a\n",
    "classes: [lawn]\nclasses: [path]\n",
    "classes: !!python/object/apply:os.system ['true']\n",
    "classes: !!python/name:os.system\n",
    "classes: !!binary aGVsbG8=\n",
    "classes: !!set {a, b}\n",
    "classes: !!timestamp 2001-12-14\n",
    "classes: {lawn: 0, path: 1}\n",
    "classes: [lawn\n",
    "classes:\n\t- lawn\n",
    "classes: " + "[" * 5000 + "]" * 5000 + "\n",
    "classes: [" + ", ".join(f"c{number}" for number in range(70_000)) + "]\n",
    "a: &a [x, x]\n"
    + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(f'*{chr(97 + i)}' for _ in range(9))}]\n" for i in range(9)),
    "--- {classes: [a]}\n--- {classes: [b]}\n",
    "%YAML 9.9\n---\nclasses: [a]\n",
    "? [a, b]\n: c\n",
    "classes: [.nan, .inf, ~, yes, 0x1F, 1e3]\n",
    "classes: [2001-12-14, 12:30:45]\n",
)
"""Whole descriptions."""


def prepare(folder: Path) -> None:
    for kind in ("images", "labels"):
        (folder / "data" / kind).mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(3):
        write_image(folder / f"data/images/{number}.png")
        label = rng.integers(0, 3, (4, 5)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
        Image.fromarray(label).save(folder / f"data/labels/{number}.png")
    (folder / "data/val.txt").write_text("1.png\n2.png\n", encoding="utf-8")
    _write(folder, DOCUMENT)


def case(rng: random.Random, folder: Path) -> Case:
    way = rng.random()
    if way < 0.55:
        what = _changed_document(rng, folder)
    elif way < 0.75:
        text = rng.choice(TEXTS)
        encoding = rng.choice(("utf-8", "utf-8", "utf-8", "utf-16", "utf-32"))
        (folder / "data/dataset.yaml").write_bytes(text.encode(encoding, "surrogatepass"))
        what = f"the text {text[:40]!r} as {encoding}"
    elif way < 0.85:
        file = rng.choice(("dataset.yaml", "val.txt"))
        how, content = damaged((folder / "data" / file).read_bytes(), rng)
        (folder / "data" / file).write_bytes(content)
        what = f"{file}: {how}"
    else:
        what = _hostile_names(rng, folder)
    # The page shows the problems, so a refusal may leave it.
    return Case(what, command(["check", str(folder / "data"), "--out", "check.html"], lines=LINES))


def _changed_document(rng: random.Random, folder: Path) -> str:
    """Writes a description with one value changed; returns what was done."""
    document = dict(rng.choice((DOCUMENT, DOCUMENT, COLOURS, SHARES)))
    if rng.random() < 0.3:
        number = rng.randrange(len(document["classes"]))
        classes = list(document["classes"])
        if isinstance(classes[number], dict) and rng.random() < 0.7:
            what, classes[number] = changed(classes[number], rng)
        else:
            what, classes[number] = "replaced", rng.choice((junk(rng), rng.choice(_NAMES)))
        what, document["classes"] = f"class {number}: {what}", classes
    else:
        what, document = changed(document, rng)
    _write(folder, document)
    return what


def _hostile_names(rng: random.Random, folder: Path) -> str:
    """Gives a hostile name to a file, to a split or to what a split refers to; returns what was done."""
    name, place = (
        rng.choice(_NAMES),
        rng.choice(("photograph", "label map", "split", "images", "labels", "list", "line")),
    )
    if place in ("photograph", "label map"):
        file = folder / "data" / ("images" if place == "photograph" else "labels") / "0.png"
        with suppress(OSError, ValueError):  # no file can have some of the names
            file.rename(file.with_name(f"{name}.png"))
    elif place == "line":
        with (folder / "data/val.txt").open("ab") as lines:
            lines.write(f"{name}\n".encode("utf-8", "surrogatepass"))
    else:
        splits = {split: dict(keys) for split, keys in DOCUMENT["splits"].items()}
        if place == "split":
            splits[name] = splits.pop("train")
        else:
            splits["val"][place] = name
        _write(folder, {**DOCUMENT, "splits": splits})
    return f"{place} named {name[:40]!r}"


def _write(folder: Path, document: dict[str, Any]) -> None:
    # JSON is YAML, and takes the surrogates and the depth that PyYAML's writer does not.
    (folder / "data/dataset.yaml").write_text(json.dumps(document, indent=1), encoding="utf-8")
