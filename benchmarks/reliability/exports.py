"""Exports of labelling tools that are damaged or hostile: COCO, labelme, Label Studio, CVAT and YOLO."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.reliability.attempt import GIGABYTES, command
from benchmarks.reliability.damage import changed_anywhere, damaged
from benchmarks.reliability.kinds import Case
from benchmarks.reliability.sound import write_image

TITLE = "exports of labelling tools"
MEANING = (
    "a value anywhere in a file of COCO, labelme or Label Studio has another type or range, or is missing; CVAT's XML"
    " has other attributes, entities that multiply or name files; YOLO's lines have other numbers; bytes are cut off,"
    " exchanged or inserted. Each is given to `encnet import-labels`."
)
NUMBER = 300
MEMORY = GIGABYTES
LINES = 6
"""Lines of a refusal, with the progress of reading."""

_HEIGHT, _WIDTH = 32, 40
_CORNERS = [2, 3, 30, 3, 25, 28]
_RUNS = {"size": [_HEIGHT, _WIDTH], "counts": [100, 50, _HEIGHT * _WIDTH - 150]}
COCO: dict[str, Any] = {
    "images": [{"id": n, "file_name": f"{n}.png", "height": _HEIGHT, "width": _WIDTH} for n in (1, 2)],
    "categories": [{"id": 1, "name": "lawn", "supercategory": ""}, {"id": 2, "name": "path", "supercategory": ""}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [_CORNERS], "bbox": [2, 3, 28, 25], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 2, "segmentation": _RUNS, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        {"id": 3, "image_id": 2, "category_id": 2, "segmentation": [_CORNERS], "area": 300.0, "iscrowd": 0},
    ],
}
_POINTS = [[2, 3], [30, 3], [25, 28]]
LABELME: dict[str, Any] = {
    "version": "5.5.0",
    "flags": {},
    "shapes": [
        {"label": "lawn", "points": _POINTS, "shape_type": "polygon", "group_id": None, "flags": {}},
        {"label": "path", "points": _POINTS[:2], "shape_type": "rectangle", "group_id": 1, "flags": {}},
        {"label": "pond", "points": _POINTS[:2], "shape_type": "circle", "group_id": None, "flags": {}},
    ],
    "imagePath": "1.png",
    "imageData": None,
    "imageHeight": _HEIGHT,
    "imageWidth": _WIDTH,
}
_SIZES = {"original_width": _WIDTH, "original_height": _HEIGHT, "image_rotation": 0}
_BOX = {"x": 10, "y": 10, "width": 30, "height": 20, "rotation": 5}
LABEL_STUDIO: list[Any] = [
    {
        "id": 1,
        "data": {"image": "/data/upload/3/0a1b2c3d-1.png"},
        "annotations": [
            {
                "result": [
                    {
                        "id": "a",
                        "type": "polygonlabels",
                        "value": {"points": _POINTS, "polygonlabels": ["lawn"]},
                        **_SIZES,
                    },
                    {"id": "b", "type": "rectanglelabels", "value": {**_BOX, "rectanglelabels": ["path"]}, **_SIZES},
                    {
                        "id": "c",
                        "type": "brushlabels",
                        "value": {"format": "rle", "rle": [0, 0, 20, 0, 7, 63, 128], "brushlabels": ["pond"]},
                        **_SIZES,
                    },
                ]
            }
        ],
    }
]
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><meta><task><labels><label><name>lawn</name><color>#5ab43c</color></label>
<label><name>path</name><color>#000000</color></label></labels></task></meta>
<image id="0" name="1.png" width="40" height="32">
<polygon label="lawn" points="2,3;30,3;25,28" z_order="0" occluded="0"/>
<box label="path" xtl="5" ytl="5" xbr="10" ybr="15" z_order="2"/>
<mask label="lawn" rle="1, 2, 1" left="6" top="7" width="2" height="2" z_order="3"/>
<ellipse label="path" cx="20" cy="10" rx="5" ry="4" z_order="1"/></image></annotations>
"""
_MANY = "".join("<!ENTITY x{} '{}'>".format(i, 10 * f"&x{i - 1};") for i in range(1, 10))
_ENTITIES = (
    f'<!DOCTYPE a [<!ENTITY x0 "lol">{_MANY}]>',
    '<!DOCTYPE a [<!ENTITY x9 SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd">',
)
_TEXTS = (
    "",
    "nan",
    "inf",
    "-1",
    "1e308",
    "1" * 400,
    "x" * 50_000,
    "0",
    "99999999999",
    "a,b",
    ";;",
    "[/red]",
    "&#x1b;",
    "é",
)
YOLO = "0 0.05 0.1 0.75 0.1 0.6 0.9\n1 0.5 0.5 0.9 0.5 0.7 0.9\n"


def prepare(folder: Path) -> None:
    (folder / "export").mkdir()


def case(rng: random.Random, folder: Path) -> Case:
    name, make = rng.choice(list(_TOOLS.items()))
    root = folder / "export"
    for number in (1, 2):
        write_image(root / f"{number}.png", _HEIGHT, _WIDTH)
    what = make(rng, root)
    out = folder / "out"
    words = ["import-labels", str(root), "--out", str(out), "--format", name]
    return Case(f"{name}: {what}", command(words if rng.random() < 0.8 else words[:-2], out, LINES))


def _json(document: Any, file: str) -> Callable[[random.Random, Path], str]:
    """Makes a case of a JSON file with one value replaced, or with damaged bytes."""

    def make(rng: random.Random, root: Path) -> str:
        if rng.random() < 0.15:
            what, content = damaged(json.dumps(document).encode(), rng)
        else:
            what, values = changed_anywhere(document, rng)
            content = json.dumps(values).encode("utf-8", "surrogatepass")
        (root / file).write_bytes(content)
        return what

    return make


def _cvat(rng: random.Random, root: Path) -> str:
    text, way = CVAT, rng.random()
    if way < 0.15:
        head = rng.choice(_ENTITIES)
        text = text.replace("<annotations>", f"{head}<annotations>", 1).replace("lawn", "&x9;")
        what = f"entities {head[:40]!r}"
    elif way < 0.3:
        what, content = damaged(text.encode(), rng)
        (root / "annotations.xml").write_bytes(content)
        return what
    else:
        parts = text.split('"')
        place = rng.randrange(5, len(parts), 2)
        what = f"{parts[place - 1].split()[-1]}{parts[place][:20]!r} replaced"
        parts[place] = rng.choice(_TEXTS)
        text = '"'.join(parts)
    (root / "annotations.xml").write_text(text, encoding="utf-8")
    return what


def _yolo(rng: random.Random, root: Path) -> str:
    names: Any = {"path": ".", "train": "images/train", "names": {0: "lawn", 1: "path"}}
    what, lines = "", YOLO
    if rng.random() < 0.5:
        words = lines.split(" ")
        place = rng.randrange(len(words))
        words[place] = rng.choice(_TEXTS)
        what, lines = f"word {place} is {words[place][:20]!r}", " ".join(words)
    else:
        what, names = changed_anywhere(names, rng)
    for kind in ("images", "labels"):
        (root / kind / "train").mkdir(parents=True)
    (root / "1.png").rename(root / "images/train/1.png")
    (root / "2.png").unlink()
    (root / "labels/train/1.txt").write_text(lines, encoding="utf-8")
    (root / "data.yaml").write_bytes(json.dumps(names).encode("utf-8", "surrogatepass"))
    return what


_TOOLS: dict[str, Callable[[random.Random, Path], str]] = {
    "coco": _json(COCO, "coco.json"),
    "labelme": _json(LABELME, "1.json"),
    "label_studio": _json(LABEL_STUDIO, "export.json"),
    "cvat": _cvat,
    "yolo": _yolo,
}
"""Name of a format -> writes a hostile export into a folder, and returns what is wrong with it."""
