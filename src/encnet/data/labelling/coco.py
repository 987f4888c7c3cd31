"""COCO JSON: one file for many photographs, with polygons or run-length codes.

``{"images": [{"id", "file_name", "height", "width"}], "categories": [{"id", "name"}], "annotations": [{"image_id",
"category_id", "segmentation"}]}``. The format has no drawing order: small areas are drawn over large ones.
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
    reason,
    relative_name,
    split_named,
)
from encnet.data.labelling.drawing import require_pycocotools, rings_mask, run_length_mask
from encnet.system.errors import InputError

_KEYS = ("images", "annotations", "categories")


def detect(path: Path) -> bool:
    """Whether the content of a file is COCO JSON."""
    return is_json_with(path, _KEYS)


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The annotations of COCO files: one file, or one per split, which the name of the file or its folder tells.

    Args:
        files: the JSON files.
        root: the folder that they are in.
        images: folder of the photographs; None searches beside the files and below ``root``.

    Raises:
        InputError: pycocotools is not installed, a file cannot be read or is not COCO JSON, or a photograph is missing.
    """
    require_pycocotools()
    left_out: Counter[str] = Counter()
    labels: dict[str, None] = {}
    annotated: list[AnnotatedImage] = []
    for path in files:
        folders = [path.parent, root, path.parent.parent / "images"] if images is None else [images]
        try:
            document = json.loads(read_bytes(path))
            categories = {int(entry["id"]): str(entry["name"]) for entry in document["categories"]}
            labels.update(dict.fromkeys(categories[number] for number in sorted(categories)))
            split = split_named(path.stem, path.parent.name)
            annotated += _images(document, path, Photographs(*folders), categories, split, left_out)
        except InputError:  # a photograph's; InputError is a ValueError too
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path} is not a COCO file of areas: {reason(error)}; export it again") from error
    return Annotations(tuple(annotated), labels, large_below=True, left_out=left_out)


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
        image_id = annotation["image_id"]
        if "segments_info" in annotation:
            raise ValueError("it is a panoptic file, whose areas are in PNG files")
        segmentation = annotation.get("segmentation")
        if not segmentation:
            left_out["box or point without an area"] += 1
            continue
        if isinstance(segmentation, list):
            rings = [list(zip(ring[::2], ring[1::2], strict=True)) for ring in segmentation if len(ring) >= 6]
            if not rings:
                left_out["polygon of fewer than three corners"] += 1
                continue
            mask = partial(rings_mask, rings)
        else:
            run_length_mask(segmentation, *sizes[image_id])  # finds a damaged code before anything is written
            mask = partial(run_length_mask, segmentation)
        areas[image_id].append(Area(categories[annotation["category_id"]], mask))
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
