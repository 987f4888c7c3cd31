"""Label Studio: its export "JSON", one file of tasks.

``[{"data": {"image": "/data/upload/1/0123abcd-photo.jpg"}, "annotations": [{"result": [{"type": "polygonlabels",
"original_width", "original_height", "value": {"points": [[x, y], ...], "polygonlabels": ["lawn"]}}], "was_cancelled",
"updated_at"}], "predictions": []}]``. Later shapes lie over earlier ones. https://labelstud.io/guide/task_format
"""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.labelling.annotations import (
    AnnotatedImage,
    Annotations,
    Area,
    read_bytes,
    reason,
    relative_name,
    split_named,
)
from encnet.data.labelling.drawing import require_pycocotools
from encnet.data.labelling.finder import MISSING, Finder
from encnet.data.labelling.label_studio_shapes import ShapeError, read_area
from encnet.system.errors import InputError

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before the name of an uploaded file
_ANNOTATIONS = ("annotations", "completions")  # completions: before version 1.0
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
        InputError: pycocotools is not installed, a file cannot be read or is not Label Studio's JSON, or all
            photographs are missing.
    """
    require_pycocotools()
    left_out: Counter[str] = Counter()
    photographs = Finder(images or root)
    annotated: list[AnnotatedImage] = []
    number = 0
    for path in files:
        tasks = _tasks(path)
        number += len(tasks)
        missing: list[str] = []
        found = [_image(task, path, root, photographs, left_out, missing) for task in tasks]
        annotated += [image for image in found if image is not None]
        if missing:
            photographs.require(len(annotated), path, missing[0])
            left_out[MISSING] += len(missing)
    labels = sorted({area.label for image in annotated for area in image.areas})
    why = f"{files[0].name} lists {number} {'task' if number == 1 else 'tasks'} of Label Studio"
    return Annotations(tuple(annotated), dict.fromkeys(labels), left_out=left_out, why=why)


def _is_task(task: Any) -> bool:
    return isinstance(task, dict) and "data" in task and any(key in task for key in _ANNOTATIONS)


def _is_short(task: Any) -> bool:
    return isinstance(task, dict) and "data" not in task and all(key in task for key in _MIN)


def _tasks(path: Path) -> list[Any]:
    try:
        tasks = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}; export it again") from error
    if not isinstance(tasks, list) or not tasks:
        raise InputError(f"{path} is not a list of tasks of Label Studio; export the project as JSON")
    if _is_short(tasks[0]):
        raise InputError(
            f"{path} is Label Studio's export JSON-MIN, which leaves out how shapes belong together; export the project"
            " as JSON"
        )
    if not _is_task(tasks[0]):
        raise InputError(f"{path} is not a list of tasks of Label Studio; export the project as JSON")
    return tasks


def _image(
    task: Any, path: Path, root: Path, photographs: Finder, left_out: Counter[str], missing: list[str]
) -> AnnotatedImage | None:
    """The photograph of a task and its areas; None if it has none of both, which is counted."""
    try:
        names = _names(task["data"])
        annotation = _newest(task, left_out)
    except (KeyError, TypeError, ValueError, AttributeError):
        left_out["task that is not as Label Studio writes it"] += 1
        return None
    if not names:
        left_out["task without an image"] += 1
        return None
    if annotation is None:
        left_out["task without an annotation"] += 1
        return None
    file = photographs.find(path, *names)
    if file is None:
        missing.append(names[0])
        return None
    size, areas = _areas(annotation, left_out)
    inside = next((folder for folder in photographs.folders if file.is_relative_to(folder)), root)
    name = file.relative_to(inside)
    return AnnotatedImage(name.as_posix(), partial(read_bytes, file), size, areas, split_named(*name.parts[:-1]))


def _newest(task: dict[str, Any], left_out: Counter[str]) -> dict[str, Any] | None:
    """The newest annotation of a task that was not cancelled; counts the others, and predictions."""
    everything = [entry for key in _ANNOTATIONS for entry in task.get(key) or []]
    usable = [entry for entry in everything if not entry.get("was_cancelled")]
    for kind, number in (
        ("annotation that was cancelled (skipped) in Label Studio", len(everything) - len(usable)),
        ("annotation of a task that has a newer one", max(len(usable) - 1, 0)),
        ("prediction, which nobody has accepted as an annotation", len(task.get("predictions") or [])),
    ):
        if number:
            left_out[kind] += number
    return max(reversed(usable), key=_time, default=None)  # the last one of those that are equally new


def _time(annotation: dict[str, Any]) -> str:
    """When an annotation was changed; ISO 8601 in UTC, so that later times are greater as text."""
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _areas(annotation: dict[str, Any], left_out: Counter[str]) -> tuple[tuple[int, int] | None, tuple[Area, ...]]:
    """(height, width) at which the photograph was labelled, if the annotation says, and its areas."""
    results = [entry for entry in annotation.get("result") or [] if isinstance(entry, dict)]
    labels_of = {str(entry.get("id")): entry["value"]["labels"] for entry in results if _has_only_labels(entry)}
    sizes = [(entry.get("original_height"), entry.get("original_width")) for entry in results]
    size = next(((int(height), int(width)) for height, width in sizes if height and width), None)
    areas: list[Area] = []
    for entry in results:
        if _has_only_labels(entry):
            continue
        try:
            areas.append(read_area(entry, labels_of, size))
        except ShapeError as error:
            left_out[str(error)] += 1
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            left_out[f"damaged {entry.get('type')} ({reason(error)})"] += 1
    return size, tuple(areas)


def _has_only_labels(entry: dict[str, Any]) -> bool:
    """Whether an entry gives labels to another entry, which has the shape and the same id."""
    return entry.get("type") == "labels" and isinstance(entry.get("value"), dict) and "labels" in entry["value"]


def _names(data: dict[str, Any]) -> list[str]:
    """The names that the photograph of a task may have on this machine, the most exact one first."""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    address = texts.get("image") or next(filter(_is_image, texts.values()), None)
    if address is None:
        return []
    parts = urlsplit(address)
    local = parse_qs(parts.query).get("d")  # /data/local-files/?d=folder/photo.jpg
    name = relative_name(local[0] if local else unquote(parts.path)).lstrip("/")
    upload = re.fullmatch(r"data/upload/(?:\d+/)?(?P<name>.+)", name)
    name = upload["name"] if upload else name
    last = name.rsplit("/", 1)[-1]
    return list(dict.fromkeys([name, last, _UPLOAD_PREFIX.sub("", last, count=1)]))


def _is_image(address: str) -> bool:
    parts = urlsplit(address)
    place = (parse_qs(parts.query).get("d") or [parts.path])[0]
    return Path(place).suffix.lower() in IMAGE_SUFFIXES
