"""YOLO segmentation: a text file of polygons for each photograph, as Ultralytics reads it.

Each line of ``labels/train/a.txt`` is ``class x1 y1 x2 y2 ...``, an area of ``images/train/a.jpg``: the number of its
class, and its corners as shares (0 to 1) of the photograph's width and height. ``data.yaml`` names the classes and the
folders, or ``classes.txt`` names the classes, one per line. An empty file is a photograph without areas. The format has
no drawing order: small areas are drawn over large ones. https://docs.ultralytics.com/datasets/segment/
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from encnet.data.labelling.annotations import AnnotatedImage, Annotations, Area, read_bytes
from encnet.data.labelling.class_table import read_lines
from encnet.data.labelling.drawing import Points, require_pycocotools, rings_mask
from encnet.data.labelling.finder import MISSING, Finder
from encnet.data.labelling.yolo_folder import CLASSES, LABELS, Layout, is_layout, read_folder, read_layout
from encnet.system.errors import InputError

_BOX = "box without an area"
_BOX_NUMBERS = (4, 5)  # centre, width and height; and the confidence, if a detector wrote the file
_TOLERANCE = 0.05  # a corner may lie outside of the photograph by this share of its side; it is moved to the edge


def detect(path: Path) -> bool:
    """Whether a file is a data.yaml or classes.txt of YOLO, or has YOLO's lines and is in a folder labels/."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return is_layout(path)
    if path.suffix.lower() != ".txt":
        return False
    if path.name == CLASSES:
        return any(_has_lines(file) for file in path.parent.rglob("*.txt") if file.name != CLASSES)
    return LABELS in path.parts[:-1] and _has_lines(path)


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The polygons in YOLO's text files.

    Args:
        files: the data.yaml, the classes.txt or text files of polygons; classes.txt counts only without a data.yaml.
        root: the folder that they are in.
        images: folder of the photographs; None means the folders that data.yaml names, or ``root``.

    Raises:
        InputError: pycocotools is not installed, nothing names the classes, data.yaml has a mistake or is for
            keypoints, or all photographs are missing.
    """
    require_pycocotools()
    layouts = [read_layout(path) for path in files if path.suffix.lower() in (".yaml", ".yml")]
    layouts = layouts or [read_folder(path) for path in files if path.name == CLASSES]
    if not layouts:
        raise InputError(
            f"{files[0]} has YOLO's polygons, but nothing names their classes; write a {CLASSES} of one name per line"
            f" into {root}, class 0 first, and import that folder"
        )
    left_out = Counter[str]()
    labels: dict[str, None] = {}
    annotated: list[AnnotatedImage] = []
    for layout in layouts:
        labels.update(dict.fromkeys(layout.names.values()))
        annotated += _images(layout, root, images, left_out)
    if left_out[_BOX] and not any(image.areas for image in annotated):
        raise InputError(f"{layouts[0].source} is of boxes alone, which have no areas; export polygons (segmentation)")
    why = "; ".join(f"{layout.source.name} names {len(layout.names)} classes" for layout in layouts)
    return Annotations(tuple(annotated), labels, large_below=True, left_out=+left_out, why=why)


def _images(layout: Layout, root: Path, images: Path | None, left_out: Counter[str]) -> list[AnnotatedImage]:
    photographs = Finder(images or root)
    found: list[AnnotatedImage] = []
    missing = []
    left_out.update(layout.absent)
    for entry in layout.entries:
        if not entry.labels.is_file():
            left_out["photograph without a text file (an empty one says that it has no areas)"] += 1
            continue
        file = entry.image if entry.image is not None and images is None else None
        file = file or photographs.find(entry.labels, entry.name, entry.name.rsplit("/", 1)[-1])
        if file is None:
            missing.append(entry)
            continue
        areas = _areas(entry.labels, layout.names, left_out)
        if areas is not None:
            # The text files hold no size: shares of the sides fit whatever size the upright photograph has.
            name = f"{entry.name}{file.suffix}"
            found.append(AnnotatedImage(name, partial(read_bytes, file), None, tuple(areas), entry.split))
    if missing:
        photographs.require(len(found), missing[0].labels, missing[0].name)
        left_out[MISSING] += len(missing)
    return found


def _areas(path: Path, names: Mapping[int, str], left_out: Counter[str]) -> list[Area] | None:
    """The areas in a text file; None if it is not a text file."""
    try:
        lines = read_lines(path)
    except InputError:
        left_out["file of polygons that is not a text file"] += 1
        return None
    areas = []
    for line in filter(None, lines):
        shape = _shape(line, names)
        if isinstance(shape, str):
            left_out[shape] += 1
        else:
            areas.append(shape)
    return areas


def _shape(line: str, names: Mapping[int, str]) -> Area | str:
    """The area of a line, or the kind of mistake in it."""
    try:
        number, *numbers = (float(word) for word in line.split())
    except ValueError:
        return "line that is not numbers"
    if number not in names:
        return f"area of class {number:g}, which has no name"
    if len(numbers) in _BOX_NUMBERS:
        return _BOX
    if len(numbers) < 6 or len(numbers) % 2:
        return f"line of {len(numbers)} coordinates, which are no polygon"
    if not all(math.isfinite(value) and -_TOLERANCE <= value <= 1 + _TOLERANCE for value in numbers):
        return "polygon far outside of its photograph (coordinates are shares from 0 to 1)"
    numbers = [min(max(value, 0.0), 1.0) for value in numbers]
    corners: Points = list(zip(numbers[::2], numbers[1::2], strict=True))
    if len(set(corners)) < 3:
        return "polygon of fewer than three corners"
    return Area(names[int(number)], partial(_mask, corners))


def _mask(corners: Points, height: int, width: int) -> np.ndarray:
    return rings_mask([[(x * width, y * height) for x, y in corners]], height, width)


def _has_lines(path: Path) -> bool:
    """Whether the first line of a file is a class and numbers."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            words = file.readline().split()
        return len(words) >= 5 and float(words[0]).is_integer() and all(math.isfinite(float(word)) for word in words)
    except (OSError, ValueError):  # ValueError: no numbers, or no UTF-8
        return False
