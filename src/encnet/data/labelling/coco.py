"""COCO JSON: one file for many photographs, with polygons or run-length codes.

``{"images": [{"id", "file_name", "height", "width"}], "categories": [{"id", "name"}], "annotations": [{"image_id",
"category_id", "segmentation"}]}``. The format has no drawing order: small areas are laid over large ones.
https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

from encnet.data.labelling.annotations import (
    AnnotatedImage,
    Annotations,
    Area,
    Photographs,
    is_json_with,
    read_bytes,
    relative_name,
    split_named,
)
from encnet.data.labelling.drawing import require_pycocotools, rings_mask, run_length_mask
from encnet.errors import InputError

_KEYS = ("images", "annotations", "categories")


def detect(path: Path) -> bool:
    """Whether a file is COCO's, by its content."""
    return is_json_with(path, _KEYS)


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The annotations of COCO files: of one, or of one for each split, as its name or its folder's says.

    Args:
        files: the JSON files.
        root: the folder that they are in.
        images: where photographs are; None looks beside the files and below ``root``.

    Raises:
        InputError: pycocotools is not installed, a file cannot be read or is not COCO's, or a photograph is not there.
    """
    require_pycocotools()
    left_out: Counter[str] = Counter()
    labels: dict[str, None] = {}
    read: list[AnnotatedImage] = []
    for path in files:
        folders = [path.parent, root, path.parent.parent / "images"] if images is None else [images]
        try:
            document = json.loads(read_bytes(path))
            categories = {int(entry["id"]): str(entry["name"]) for entry in document["categories"]}
            labels.update(dict.fromkeys(categories[number] for number in sorted(categories)))
            split = split_named(path.stem, path.parent.name)
            read += _images(document, path, Photographs(*folders), categories, split, left_out)
        except InputError:  # of a photograph; it is a ValueError too
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            said = f"{error} is missing" if isinstance(error, KeyError) else error
            raise InputError(f"{path} is not a COCO file of areas: {said}; export it again") from error
    return Annotations(tuple(read), labels, large_below=True, left_out=left_out)


def _images(
    document: Any,
    path: Path,
    photographs: Photographs,
    categories: dict[int, str],
    split: str | None,
    left_out: Counter[str],
) -> list[AnnotatedImage]:
    areas: dict[Any, list[Area]] = {image["id"]: [] for image in document["images"]}
    sizes = {image["id"]: (int(image["height"]), int(image["width"])) for image in document["images"]}
    for annotation in document["annotations"]:
        number = annotation["image_id"]
        if "segments_info" in annotation:
            raise ValueError("it is of the panoptic kind, whose areas are in PNG files")
        code = annotation.get("segmentation")
        if not code:
            left_out["box or point without an area"] += 1
            continue
        if isinstance(code, list):
            rings = [list(zip(ring[::2], ring[1::2], strict=True)) for ring in code if len(ring) >= 6]
            if not rings:
                left_out["polygon of fewer than three corners"] += 1
                continue
            mask = partial(rings_mask, rings)
        else:
            run_length_mask(code, *sizes[number])  # once before all is written, so that a damaged code is found in time
            mask = partial(run_length_mask, code)
        areas[number].append(Area(categories[annotation["category_id"]], mask))
    return [
        AnnotatedImage(
            relative_name(image["file_name"]),
            partial(read_bytes, photographs.find(relative_name(image["file_name"]), path)),
            sizes[image["id"]],
            tuple(areas[image["id"]]),
            split,
        )
        for image in document["images"]
    ]
