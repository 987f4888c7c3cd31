"""COCO JSON: one file for many photographs, with polygons or run-length codes.

``{"images": [{"id", "file_name", "height", "width"}], "categories": [{"id", "name"}], "annotations": [{"image_id",
"category_id", "segmentation"}]}``. The format has no drawing order: small areas are drawn over large ones.
https://cocodataset.org/#format-data
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from encnet.data.labelling.annotations import (
    DAMAGED,
    AnnotatedImage,
    Annotations,
    Area,
    LeftOutShapes,
    Photographs,
    is_json_with,
    read_bytes,
    read_json,
    reason,
    relative_name,
    same_names,
    shown_name,
    split_named,
)
from encnet.data.labelling.drawing import Points, require_pycocotools, rings_mask, run_length_mask
from encnet.data.labelling.photographs import PhotographError
from encnet.data.labelling.shapes import NO_SIZE, RUN_LENGTHS, ShapeError, checked_label, checked_polygon, kind_of
from encnet.data.labelling.splits import FolderSplits
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger
from encnet.system.text import counted

_KEYS = ("images", "annotations", "categories")
_SHARES = 2.0  # polygons that all lie within the first two pixels are in shares of the sides, from 0 to about 1


def detect(path: Path) -> bool:
    """Whether the content of a file is COCO JSON."""
    return is_json_with(path, _KEYS)


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The annotations of COCO files: one file, one per split, which the name of the file or its folder tells, or
    several about the same photographs. A file, a photograph or a shape that cannot be used is left out.

    Args:
        files: the JSON files.
        root: the folder that they are in.
        images: folder of the photographs; None searches beside the files and below ``root``.

    Raises:
        InputError: pycocotools is not installed, or no file can be used: none can be read, none is COCO JSON, or all
            photographs are missing.
    """
    require_pycocotools()
    left_out, ledger = LeftOutShapes(), Ledger()
    labels: dict[str, None] = {}
    splits = FolderSplits()
    notes: list[str] = []
    annotated: list[AnnotatedImage] = []
    errors: list[InputError] = []
    for path in files:
        folders = [path.parent, root, path.parent.parent / "images"] if images is None else [images]
        source = shown_name(path, root)
        try:
            document = _File(path, source)
            labels.update(dict.fromkeys(document.categories[number] for number in sorted(document.categories)))
            areas = document.areas(left_out)
            notes += same_names(source, document.categories)
        except InputError as error:
            errors.append(error)
            ledger.leave_out(str(error).replace(f"{path} ", "it "), source)
            continue
        photographs = Photographs(*folders)
        split = split_named(path.stem) or splits.of(path.parent.name)
        found = photographs.find_all(document.names.values(), path)
        for number, name in document.names.items():
            file = found[name]
            if isinstance(file, PhotographError):
                errors.append(file)
                ledger.leave_out(file.reason, name)
                continue
            size, read = document.sizes[number], partial(read_bytes, file)
            name = PurePosixPath(name).with_suffix(file.suffix).as_posix()
            annotated.append(AnnotatedImage(name, read, size, tuple(areas[number]), split, source))
    if errors and not annotated:
        raise errors[0]
    return Annotations(
        tuple(annotated), labels, True, left_out.numbers, left_out.examples, ledger, (), (*splits.notes, *notes)
    )


class _File:
    """The content of a COCO file. Numbers of photographs and of categories may be text."""

    def __init__(self, path: Path, source: str) -> None:
        self.source = source
        self._path = path
        self._furthest: float | None = None  # the largest coordinate of all polygons
        document = read_json(path)
        try:
            categories = [(_number(entry["id"]), str(entry["name"])) for entry in document["categories"]]
            names = [(str(image["id"]), relative_name(image["file_name"])) for image in document["images"]]
            self.categories, self.names = dict(categories), dict(names)
            if not all(isinstance(number, int) for number in self.categories):
                raise ValueError("a category has an id that is no number")
            self.sizes = {str(image["id"]): _size(image) for image in document["images"]}
            self.annotations: list[Any] = list(document["annotations"])
            if any(isinstance(entry, dict) and "segments_info" in entry for entry in self.annotations):
                raise ValueError("it is a panoptic file, whose areas are in PNG files")
        except DAMAGED as error:
            raise InputError(f"{path} is not a COCO file of areas: {reason(error)}; export it again") from error
        _require_one_name(names, "image", path)
        _require_one_name(categories, "category", path)

    def areas(self, left_out: LeftOutShapes) -> dict[str, list[Area]]:
        """Number of the photograph -> its areas; counts what has no area or is damaged.

        Raises:
            InputError: the polygons are in shares of the sides instead of pixels.
        """
        areas: dict[str, list[Area]] = {number: [] for number in self.names}
        for annotation in self.annotations:
            if not isinstance(annotation, dict):
                left_out.add("damaged shape", self.source, None)
                continue
            number = str(annotation.get("image_id"))
            if number not in areas:
                left_out.add("area of an image that the file does not list", self.source, f"image {number}")
                continue
            category = _number(annotation.get("category_id"))
            label = self.categories.get(category) if isinstance(category, int) else None
            try:
                areas[number] += self._areas(annotation, number, label, left_out)
            except DAMAGED as error:
                left_out.add(kind_of(error), self.names[number], label)
        if self._furthest is not None and self._furthest < _SHARES:
            raise InputError(
                f"{self._path} has no coordinate beyond {self._furthest:g}, so that its polygons seem to be in shares"
                " of the sides (0 to 1), which COCO has in pixels; export them in pixels, or as YOLO segmentation"
            )
        return areas

    def _areas(self, annotation: dict[str, Any], number: str, label: str | None, left_out: LeftOutShapes) -> list[Area]:
        segmentation, size = annotation.get("segmentation"), self.sizes[number]
        if not segmentation:
            raise ShapeError("box or point without an area")
        if label is None:
            raise ShapeError("area of a category that the file does not list")
        label = checked_label(label)
        if isinstance(segmentation, dict):
            return [Area(label, _run_lengths(segmentation, size))]
        rings: list[Points] = []
        for ring in segmentation if isinstance(segmentation[0], list) else [segmentation]:
            try:
                if len(ring) % 2:
                    raise ShapeError("polygon with an odd number of coordinates")
                rings.append(checked_polygon(zip(ring[::2], ring[1::2], strict=True), size))
                self._furthest = max(self._furthest or 0, *(number for corner in rings[-1] for number in corner))
            except ShapeError as fault:
                left_out.add(str(fault), self.names[number], label)
        return [Area(label, partial(rings_mask, rings))] if rings else []


def _run_lengths(code: dict[str, Any], size: tuple[int, int] | None) -> Callable[[int, int], np.ndarray]:
    try:
        inside = run_length_mask(code, *(size or code["size"])).any()
    except DAMAGED as error:
        raise ShapeError(RUN_LENGTHS) from error
    if not inside:
        raise ShapeError(NO_SIZE)
    return partial(run_length_mask, code)


def _require_one_name(named: Iterable[tuple[Any, str]], kind: str, path: Path) -> None:
    """Raises InputError if an id has several names, as after two files were joined: whose areas are whose?"""
    names: dict[Any, dict[str, None]] = {}
    for number, name in named:
        names.setdefault(number, {})[name] = None
    several = {number: list(each) for number, each in names.items() if len(each) > 1}
    for number, (first, second, *_) in several.items():
        more = f" (and {counted(len(several) - 1, 'more id')})" if len(several) > 1 else ""
        raise InputError(
            f"{path} gives the {kind} id {number} to {first} and to {second}{more}, so that nobody can tell which one"
            " an area is for; give each an id of its own, or import the files that were joined as files of their own"
        )


def _size(image: dict[str, Any]) -> tuple[int, int] | None:
    """(height, width) in pixels; None if the file does not say."""
    return (int(image["height"]), int(image["width"])) if image.get("height") and image.get("width") else None


def _number(number: Any) -> Any:
    """The number of a category, which some tools write as text."""
    return int(number) if isinstance(number, str) and number.isdecimal() else number
