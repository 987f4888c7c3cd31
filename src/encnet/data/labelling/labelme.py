"""labelme: a JSON file beside each photograph, or with the photograph inside.

``{"imagePath": "a.jpg", "imageData": base64 or null, "imageHeight": 480, "imageWidth": 640, "shapes": [{"label":
"lawn", "points": [[x, y], ...], "shape_type": "polygon", "mask": base64 of a PNG or null}, ...]}``. Later shapes lie
over earlier ones. https://github.com/wkentaro/labelme

X-AnyLabeling writes the same form with more kinds of shapes and more keys. https://github.com/CVHub520/X-AnyLabeling
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
import posixpath
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

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
    shown_name,
)
from encnet.data.labelling.drawing import Points, circle_mask, outline_mask, patch_mask, rectangle_mask
from encnet.data.labelling.orientation import orientation_of
from encnet.data.labelling.photographs import PHOTOGRAPH_SUFFIXES, PhotographError
from encnet.data.labelling.shapes import (
    NO_SIZE,
    ShapeError,
    check_inside,
    check_patch,
    checked_coordinates,
    checked_label,
    checked_polygon,
    kind_of,
)
from encnet.data.labelling.splits import FolderSplits
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger
from encnet.system.text import counted

_NO_AREA = frozenset({"point", "points", "line", "linestrip"})
_AREAS = frozenset({"polygon", "rectangle", "oriented_rectangle", "circle", "rotation", "quadrilateral"})
_WHY_INSIDE = "the camera's orientation turns the files beside them"


def detect(path: Path) -> bool:
    """Whether the content of a file is labelme's."""
    return is_json_with(path, ("shapes", "imagePath"))


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The annotations in labelme's files. A file that cannot be used is left out, and so is a bad shape.

    Args:
        files: the JSON files.
        root: the folder that they are in.
        images: folder of the photographs that are not beside their file.

    Raises:
        InputError: no file can be used: none can be read, none is labelme's, or the photographs of all are missing.
    """
    left_out, ledger = LeftOutShapes(), Ledger()
    photographs = Photographs(*(folder for folder in (images, root) if folder is not None))
    splits = FolderSplits()
    annotated: list[AnnotatedImage] = []
    errors: list[InputError] = []
    for path in files:
        try:
            annotated.append(_read_file(path, root, photographs, splits, left_out))
        except InputError as error:
            errors.append(error)
            why = error.reason if isinstance(error, PhotographError) else str(error).replace(f"{path} ", "it ")
            ledger.leave_out(why, shown_name(path, root))
    if errors and not annotated:
        raise errors[0]
    labels = sorted({area.label for image in annotated for area in image.areas})
    inside = sum(image.digest is not None and (root / image.name).is_file() for image in annotated)
    notes = splits.notes
    if inside:
        notes = (f"read from inside their labelme files: {counted(inside, 'photograph')}, as {_WHY_INSIDE}", *notes)
    why = _why(files)
    return Annotations(
        tuple(annotated), dict.fromkeys(labels), False, left_out.numbers, left_out.examples, ledger, (), notes, why
    )


def _why(files: list[Path]) -> str:
    """What shows that the files are labelme's, or X-AnyLabeling's, whose shapes have keys of its own."""
    for path in files:
        try:
            foreign = any("difficult" in shape for shape in _document(path)["shapes"])
        except DAMAGED:  # it is left out
            continue
        return f"{path.name} has the form of labelme{', as X-AnyLabeling writes it' if foreign else ''}"
    return ""


def _read_file(
    path: Path, root: Path, photographs: Photographs, splits: FolderSplits, left_out: LeftOutShapes
) -> AnnotatedImage:
    document = _document(path)
    source = shown_name(path, root)
    try:
        image = relative_name(document["imagePath"])
        size = (int(document["imageHeight"]), int(document["imageWidth"])) if document.get("imageHeight") else None
        shapes = list(document["shapes"])
    except DAMAGED as error:
        raise InputError(f"{path} is not as labelme writes it: {reason(error)}; save it again with labelme") from error
    areas: list[Area] = []
    for shape in shapes:
        label = shape.get("label") if isinstance(shape, dict) else None
        try:
            if shape.get("shape_type") in _NO_AREA:
                left_out.add(shape["shape_type"], source, label)
            else:
                areas.append(_area(shape, size))
        except DAMAGED as error:
            left_out.add(kind_of(error), source, label)
    read, suffix, digest = _photograph(path, image, document, root, photographs)
    name = PurePosixPath(source).with_suffix(suffix).as_posix()
    split = splits.of(*path.relative_to(root).parts[:-1])
    return AnnotatedImage(name, read, size, tuple(areas), split, source, digest)


def _photograph(
    path: Path, image: str, document: dict[str, Any], root: Path, photographs: Photographs
) -> tuple[Callable[[], bytes], str, str | None]:
    """What reads the photograph, the suffix of its file, and its digest if it is inside the annotation file."""
    beside, suffix = path.parent / image, PurePosixPath(image).suffix
    readable = suffix.lower() in PHOTOGRAPH_SUFFIXES and beside.is_file()
    # what is inside was labelled; the file beside it may be turned when it is shown
    if document.get("imageData") and not (readable and orientation_of(beside) == 1):
        content = _embedded(path, document)
        if suffix.lower() not in PHOTOGRAPH_SUFFIXES:
            suffix = ".jpg" if content.startswith(b"\xff\xd8") else ".png"
        # decoded again when it is written: a folder of photographs need not fit into memory
        return partial(_embedded, path), suffix, hashlib.sha256(content).hexdigest()
    # the name counts from the folder of the annotation file, even if the photographs are in a folder of their own
    within = posixpath.normpath(PurePosixPath(shown_name(path, root)).parent / image)
    file = beside if readable else photographs.find(within, path)
    return partial(read_bytes, file), file.suffix, None


def _area(shape: dict[str, Any], size: tuple[int, int] | None) -> Area:
    """The area of a shape; raises ShapeError, or another error for a shape that is not as labelme writes it."""
    label, kind = checked_label(shape.get("label")), shape.get("shape_type") or "polygon"
    points: Points = checked_coordinates([(float(x), float(y)) for x, y in shape["points"]])
    if kind == "mask":
        patch = _patch(shape["mask"])
        left, top = (round(number) for number in points[0])
        check_patch(patch, left, top, size)
        return Area(label, partial(patch_mask, patch, left, top))
    if kind not in _AREAS:
        raise ShapeError(f"shape of the unknown kind '{kind}'")
    if kind == "circle" or (kind == "rectangle" and len(points) < 3):
        if len(points) != 2:
            raise ShapeError(f"{kind} of {counted(len(points), 'point')}")
        (x, y), (u, v) = points
        if (x, y) == (u, v) or (kind == "rectangle" and (x == u or y == v)):
            raise ShapeError(NO_SIZE)
        radius = math.hypot(x - u, y - v)
        check_inside([(x - radius, y - radius), (x + radius, y + radius)] if kind == "circle" else points, size)
        return Area(label, partial(rectangle_mask if kind == "rectangle" else circle_mask, points))
    return Area(label, partial(outline_mask, checked_polygon(points, size, kind)))


def _patch(text: str) -> np.ndarray:
    """The (rows, columns) bool mask in a PNG as base64."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text))) as picture:
            patch = np.asarray(picture).astype(bool)
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise ShapeError("mask whose PNG is damaged") from error
    if patch.ndim != 2:
        raise ShapeError("mask whose PNG has colours or transparency")
    return patch


def _embedded(path: Path, document: dict[str, Any] | None = None) -> bytes:
    try:
        return base64.b64decode((document or _document(path))["imageData"])
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} contains a damaged photograph ({error}); put the photograph beside it") from error


def _document(path: Path) -> dict[str, Any]:
    document = read_json(path)
    if not isinstance(document, dict):
        raise InputError(f"{path} is not labelme's: it is not a JSON object; take it out of the folder")
    return document
