"""labelme: a JSON file beside each photograph, or with the photograph inside.

``{"imagePath": "a.jpg", "imageData": base64 or null, "imageHeight": 480, "imageWidth": 640, "shapes": [{"label":
"lawn", "points": [[x, y], ...], "shape_type": "polygon", "mask": base64 of a PNG or null}, ...]}``. Later shapes lie
over earlier ones. https://github.com/wkentaro/labelme
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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
from encnet.data.labelling.drawing import Points, circle_mask, outline_mask, patch_mask, rectangle_mask
from encnet.system.errors import InputError

_NO_AREA = frozenset({"point", "points", "line", "linestrip"})


def detect(path: Path) -> bool:
    """Whether the content of a file is labelme's."""
    return is_json_with(path, ("shapes", "imagePath"))


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The annotations in labelme's files.

    Args:
        files: the JSON files.
        root: the folder that they are in.
        images: folder of the photographs that are not beside their file.

    Raises:
        InputError: a file cannot be read or is not labelme's, or its photograph is missing.
    """
    left_out: Counter[str] = Counter()
    photographs = Photographs(*(folder for folder in (images, root) if folder is not None))
    annotated = [_read_file(path, root, photographs, left_out) for path in files]
    labels = sorted({area.label for image in annotated for area in image.areas})
    return Annotations(tuple(annotated), dict.fromkeys(labels), left_out=left_out)


def _read_file(path: Path, root: Path, photographs: Photographs, left_out: Counter[str]) -> AnnotatedImage:
    document = _document(path)
    try:
        image = relative_name(document["imagePath"])
        name = path.relative_to(root).with_suffix(Path(image).suffix).as_posix()
        size = (int(document["imageHeight"]), int(document["imageWidth"])) if document.get("imageHeight") else None
        areas = [_area(shape) for shape in document["shapes"] if shape.get("shape_type") not in _NO_AREA]
        left_out.update(shape["shape_type"] for shape in document["shapes"] if shape.get("shape_type") in _NO_AREA)
    except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:  # OSError: a mask is not a PNG
        raise InputError(f"{path} is not as labelme writes it: {reason(error)}; save it again with labelme") from error
    beside = path.parent / image
    if beside.is_file():
        read = partial(read_bytes, beside)
    elif document.get("imageData"):
        read = partial(_embedded, path)  # decoded when it is written: a folder of photographs need not fit into memory
    else:
        read = partial(read_bytes, photographs.find(image, path))
    return AnnotatedImage(name, read, size, tuple(areas), split_named(*path.relative_to(root).parts[:-1]))


def _area(shape: dict[str, Any]) -> Area:
    label, kind = shape["label"], shape.get("shape_type") or "polygon"
    if not isinstance(label, str) or not label:
        raise ValueError(f"a shape has the label {label!r}")
    points: Points = [(float(x), float(y)) for x, y in shape["points"]]
    if kind == "mask":
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"]))) as picture:
            patch = np.asarray(picture).astype(bool)
        left, top = (round(number) for number in points[0])
        return Area(label, partial(patch_mask, patch, left, top))
    if kind in ("rectangle", "circle") and len(points) == 2:
        return Area(label, partial(rectangle_mask if kind == "rectangle" else circle_mask, points))
    if kind not in ("polygon", "rectangle", "oriented_rectangle") or len(points) < 3:
        raise ValueError(f"it has a {kind} of {len(points)} points")
    return Area(label, partial(outline_mask, points))


def _embedded(path: Path) -> bytes:
    try:
        return base64.b64decode(_document(path)["imageData"])
    except (binascii.Error, TypeError) as error:
        raise InputError(f"the photograph in {path} is damaged: {error}; put its file beside it") from error


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(read_bytes(path))
    except ValueError as error:  # no JSON, or not UTF-8
        raise InputError(f"{path} is not valid JSON: {error}; save it again with labelme") from error
    if not isinstance(document, dict):
        raise InputError(f"{path} is not labelme's: it is not a JSON object; take it out of the folder")
    return document
