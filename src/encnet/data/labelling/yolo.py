"""YOLO segmentation: a text file of polygons for each photograph, as Ultralytics reads it.

Each line of ``labels/train/a.txt`` is ``class x1 y1 x2 y2 ...``, an area of ``images/train/a.jpg``: the number of its
class, and its corners as shares (0 to 1) of the photograph's width and height. ``data.yaml`` names the classes and the
folders, or ``classes.txt`` names the classes, one per line. An empty file is a photograph without areas. The format has
no drawing order: small areas are drawn over large ones. https://docs.ultralytics.com/datasets/segment/
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from encnet.data.labelling.annotations import (
    AnnotatedImage,
    Annotations,
    Area,
    LeftOutShapes,
    read_bytes,
    shown_name,
)
from encnet.data.labelling.class_table import read_lines
from encnet.data.labelling.drawing import Points, require_pycocotools, rings_mask
from encnet.data.labelling.photographs import PhotographError, Photographs
from encnet.data.labelling.shapes import ShapeError, checked_polygon
from encnet.data.labelling.yolo_folder import (
    CLASSES,
    IMAGES,
    LABELS,
    Layout,
    has_lines,
    images_of,
    is_layout,
    read_folder,
    read_layout,
)
from encnet.system.errors import InputError
from encnet.system.folders import files_below
from encnet.system.ledger import Ledger
from encnet.system.text import counted

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
        texts = (file for file in files_below(path.parent) if file.suffix == ".txt" and file.name != CLASSES)
        return any(has_lines(file) for file in texts)
    return LABELS in path.parts[:-1] and has_lines(path)


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
    reading = _Reading(root, images)
    for layout in layouts:
        reading.add(layout)
    if not reading.images:
        without = f"no photograph of {layouts[0].source} has a text file of polygons; export the labels again, with a"
        raise reading.errors[0] if reading.errors else InputError(f"{without} folder {LABELS}/ beside {IMAGES}/")
    left_out = reading.left_out
    if _BOX in left_out.numbers and not any(image.areas for image in reading.images):
        raise InputError(f"{layouts[0].source} is of boxes alone, which have no areas; export polygons (segmentation)")
    labels = dict.fromkeys(name for layout in layouts for name in layout.names.values())
    named = (f"{shown_name(layout.source, root)} names {counted(len(layout.names), 'class')}" for layout in layouts)
    return Annotations(
        tuple(reading.images),
        labels,
        True,
        left_out.numbers,
        left_out.examples,
        reading.ledger,
        (*reading.sources, *(path for layout in layouts for path in layout.lists)),
        tuple(note for layout in layouts for note in layout.notes),
        "; ".join(named),
    )


class _Reading:
    """What was read so far."""

    def __init__(self, root: Path, images: Path | None) -> None:
        self.images: list[AnnotatedImage] = []
        self.left_out = LeftOutShapes()
        self.ledger = Ledger()
        self.errors: list[PhotographError] = []
        self.sources: list[Path] = []
        self._root = root
        self._folder = images
        self._photographs = Photographs(images or root)

    def add(self, layout: Layout) -> None:
        """Reads the photographs and polygons of a data.yaml or classes.txt."""
        for entry in layout.entries:
            source = shown_name(entry.labels, self._root)
            if not entry.labels.is_file():
                name = entry.name if entry.image is None else shown_name(entry.image, self._root)
                reason = "it has no text file of polygons; write an empty one if there is nothing on it"
                self.ledger.leave_out(reason, name)
                continue
            try:
                file = entry.image if entry.image is not None and self._folder is None else self._find(entry.labels)
            except PhotographError as error:
                self.errors.append(error)
                self.ledger.leave_out(error.reason, source)
                continue
            try:
                lines = read_lines(entry.labels)
            except InputError as error:
                self.ledger.leave_out(str(error).replace(f"{entry.labels}", "it"), source)
                continue
            self.sources.append(entry.labels)
            areas = self._areas(lines, layout.names, source)
            # The text files hold no size: shares of the sides fit whatever size the photograph has.
            name, read = f"{entry.name}{file.suffix}", partial(read_bytes, file)
            self.images.append(AnnotatedImage(name, read, None, areas, entry.split, source))

    def _find(self, labels: Path) -> Path:
        """The photograph of a text file: labels/train/a.txt is about images/train/a, if that folder is here."""
        name = Path(shown_name(labels.with_suffix(""), self._root))
        return self._photographs.find_stem(images_of(name).as_posix(), labels)

    def _areas(self, lines: list[str], names: Mapping[int, str], source: str) -> tuple[Area, ...]:
        areas = []
        for line in filter(None, lines):
            try:
                areas.append(_area(line, names))
            except ShapeError as error:
                self.left_out.add(str(error), source, None)
        return tuple(areas)


def _area(line: str, names: Mapping[int, str]) -> Area:
    """The area of a line; raises ShapeError if it has none."""
    try:
        number, *numbers = (float(word) for word in line.split())
    except ValueError as error:
        raise ShapeError("line that is not numbers") from error
    if number not in names:
        raise ShapeError(f"area of class {number:g}, which has no name")
    if len(numbers) in _BOX_NUMBERS:
        raise ShapeError(_BOX)
    if len(numbers) % 2:
        raise ShapeError("polygon with an odd number of coordinates")
    corners = checked_polygon(zip(numbers[::2], numbers[1::2], strict=True), (1, 1))
    if not all(-_TOLERANCE <= number <= 1 + _TOLERANCE for corner in corners for number in corner):
        raise ShapeError("polygon that reaches far out of the image (coordinates are shares from 0 to 1)")
    inside = [(min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0)) for x, y in corners]
    return Area(names[int(number)], partial(_mask, inside))


def _mask(corners: Points, height: int, width: int) -> np.ndarray:
    return rings_mask([[(x * width, y * height) for x, y in corners]], height, width)
