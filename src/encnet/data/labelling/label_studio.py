"""Label Studio: its export "JSON", one file of tasks.

``[{"data": {"image": "/data/upload/1/0123abcd-photo.jpg"}, "annotations": [{"result": [{"type": "polygonlabels",
"original_width", "original_height", "value": {"points": [[x, y], ...], "polygonlabels": ["lawn"]}}], "was_cancelled",
"updated_at"}], "predictions": []}]``. Later shapes lie over earlier ones. https://labelstud.io/guide/task_format
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.labelling.annotations import (
    DAMAGED,
    AnnotatedImage,
    Annotations,
    Area,
    LeftOutShapes,
    read_bytes,
    read_json,
    relative_name,
    shown_name,
)
from encnet.data.labelling.drawing import require_pycocotools
from encnet.data.labelling.label_studio_shapes import read_area
from encnet.data.labelling.photographs import PhotographError, Photographs
from encnet.data.labelling.shapes import kind_of
from encnet.data.labelling.splits import FolderSplits
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger
from encnet.system.text import counted

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before the name of an uploaded file
_ANNOTATIONS = ("annotations", "completions")  # completions: before version 1.0
_SEVERAL = (
    "has several images, and the export does not tell which of them its areas are on; make each image a task of its own"
)
_MIN = ("annotation_id", "annotator", "lead_time")


def detect(path: Path) -> bool:
    """Whether a file is a list of Label Studio's tasks, in the full or the short form."""
    if path.suffix.lower() != ".json":
        return False
    try:
        tasks = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tasks, list) and bool(tasks) and (_is_task(tasks[0]) or _is_short(tasks[0]))


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The shapes in files of tasks: of each task, those of its newest annotation.

    Args:
        files: the JSON files.
        root: the folder that they are in.
        images: folder of the photographs; None searches below ``root``.

    Raises:
        InputError: pycocotools is not installed, no file can be used, or all photographs are missing.
    """
    require_pycocotools()
    left_out, ledger = LeftOutShapes(), Ledger()
    photographs, splits = Photographs(images or root), FolderSplits()
    annotated: list[AnnotatedImage] = []
    errors: list[InputError] = []
    number = 0
    for path in files:
        source = shown_name(path, root)
        try:
            tasks = _tasks(path)
        except InputError as error:
            errors.append(error)
            ledger.leave_out(str(error).replace(f"{path} ", "it "), source)
            continue
        number += len(tasks)
        for task in tasks:
            images_of_task = {key: _names(address) for key, address in _addresses(task).items()}
            annotation = _newest(task, source, left_out) if images_of_task else None
            if annotation is None:
                kind = "task without an annotation" if images_of_task else "task without an image"
                left_out.add(kind, source, next((names[-1] for names in images_of_task.values()), None))
                continue
            names = _labelled(images_of_task, annotation)
            if names is None:
                errors.append(InputError(f"{path}: task {task.get('id')} {_SEVERAL}"))
                ledger.leave_out(f"the task {_SEVERAL}", *(each[-1] for each in images_of_task.values()))
                continue
            try:
                file = _find(photographs, names, path)
            except PhotographError as error:
                errors.append(error)
                ledger.leave_out(error.reason, names[-1])
                continue
            name = shown_name(file, images or root)
            size, areas = _areas(annotation, name, left_out)
            split = splits.of(*name.split("/")[:-1])
            annotated.append(AnnotatedImage(name, partial(read_bytes, file), size, areas, split, source))
    if errors and not annotated:
        raise errors[0]
    labels = sorted({area.label for image in annotated for area in image.areas})
    why = f"{shown_name(files[0], root)} lists tasks of Label Studio ({counted(number, 'task')} in all)"
    return Annotations(
        tuple(annotated),
        dict.fromkeys(labels),
        False,
        left_out.numbers,
        left_out.examples,
        ledger,
        (),
        splits.notes,
        why,
    )


def _is_task(task: Any) -> bool:
    return isinstance(task, dict) and "data" in task and any(key in task for key in _ANNOTATIONS)


def _is_short(task: Any) -> bool:
    return isinstance(task, dict) and "data" not in task and all(key in task for key in _MIN)


def _tasks(path: Path) -> list[Any]:
    tasks = read_json(path)
    if isinstance(tasks, list) and tasks and _is_short(tasks[0]):
        raise InputError(
            f"{path} is Label Studio's export JSON-MIN, which leaves out what an import needs; export the project as"
            " JSON"
        )
    if not isinstance(tasks, list) or not tasks or not _is_task(tasks[0]):
        raise InputError(f"{path} is not a list of tasks of Label Studio; export the project as JSON")
    return tasks


def _newest(task: dict[str, Any], source: str, left_out: LeftOutShapes) -> dict[str, Any] | None:
    """The newest annotation of a task that was not cancelled; counts the others, and predictions."""
    entries = [entry for key in _ANNOTATIONS for entry in _list(task.get(key))]
    usable = [entry for entry in entries if isinstance(entry, dict) and not entry.get("was_cancelled")]
    newest = max(reversed(usable), key=_time, default=None)  # the last one of those that are equally new
    name = f"task {task.get('id')}"
    for entry in entries:
        if not isinstance(entry, dict):
            left_out.add("annotation that the export only numbers", source, name)
        elif entry.get("was_cancelled"):
            left_out.add("annotation that was cancelled (skipped) in Label Studio", source, name)
        elif entry is not newest:
            left_out.add("annotation of a task that has a newer one", source, name)
    for _ in _list(task.get("predictions")):
        left_out.add("prediction, which nobody has accepted as an annotation", source, name)
    return newest


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _time(annotation: dict[str, Any]) -> str:
    """When an annotation was changed; ISO 8601 in UTC, so that later times are greater as text."""
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _areas(
    annotation: dict[str, Any], name: str, left_out: LeftOutShapes
) -> tuple[tuple[int, int] | None, tuple[Area, ...]]:
    """(height, width) at which a photograph was labelled, if the annotation says, and its areas."""
    results = [entry for entry in _list(annotation.get("result")) if isinstance(entry, dict)]
    labels_of = {str(entry.get("id")): entry["value"]["labels"] for entry in results if _has_only_labels(entry)}
    size = next((size for size in map(_size, results) if size is not None), None)
    areas: list[Area] = []
    for entry in results:
        if not _has_only_labels(entry):
            try:
                areas.append(read_area(entry, labels_of, size))
            except DAMAGED as error:
                left_out.add(kind_of(error), name, None)
    return size, tuple(areas)


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    height, width = entry.get("original_height"), entry.get("original_width")
    return (height, width) if isinstance(height, int) and isinstance(width, int) and height and width else None


def _has_only_labels(entry: dict[str, Any]) -> bool:
    """Whether an entry gives labels to another entry, which has the shape and the same id."""
    return entry.get("type") == "labels" and isinstance(entry.get("value"), dict) and "labels" in entry["value"]


def _find(photographs: Photographs, names: list[str], source: Path) -> Path:
    """The photograph of the first of these names that is there."""
    for name in names[:-1]:
        try:
            return photographs.find(name, source)
        except PhotographError:
            continue
    return photographs.find(names[-1], source)


def _addresses(task: Any) -> dict[str, str]:
    """Key in the data of a task -> the address of an image."""
    data = task.get("data") if isinstance(task, dict) else None
    texts = {key: value for key, value in data.items() if isinstance(value, str)} if isinstance(data, dict) else {}
    return {key: value for key, value in texts.items() if value and (key == "image" or _is_image(value))}


def _labelled(images: dict[str, list[str]], annotation: dict[str, Any]) -> list[str] | None:
    """The names of the image that an annotation is about, of all images of its task; None if that is not clear."""
    results = [entry for entry in _list(annotation.get("result")) if isinstance(entry, dict)]
    tags = {str(entry["to_name"]) for entry in results if entry.get("to_name") and _size(entry) is not None}
    if len(tags) > 1:
        return None
    distinct = list(dict.fromkeys(map(tuple, images.values())))
    return next((images[tag] for tag in tags if tag in images), [*distinct[0]] if len(distinct) == 1 else None)


def _names(address: str) -> list[str]:
    """The names that the photograph of an address may have on this machine, the most exact one first."""
    parts = _address_parts(address)
    local = parse_qs(parts.query).get("d")  # /data/local-files/?d=folder/photo.jpg
    name = relative_name(local[0] if local else unquote(parts.path)).lstrip("/")
    upload = re.fullmatch(r"data/upload/(?:\d+/)?(?P<name>.+)", name)
    name = upload["name"] if upload else name
    # elsewhere eight digits are part of the name, such as a date
    return list(dict.fromkeys([name, _UPLOAD_PREFIX.sub("", name, count=1)])) if upload else [name]


def _address_parts(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # a server's name in brackets that is none
        return SplitResult("", "", address, "", "")


def _is_image(address: str) -> bool:
    parts = _address_parts(address)
    place = (parse_qs(parts.query).get("d") or [parts.path])[0]
    return Path(place).suffix.lower() in IMAGE_SUFFIXES
