"""CVAT: the XML of its export "CVAT for images 1.1".

``<annotations><meta>...<label><name/><color/></label></meta><image name width height><polygon label points="x,y;x,y"
z_order/><box/><ellipse/><mask rle left top width height/></image></annotations>``. Shapes of higher ``z_order`` lie
over others; of the same ``z_order``, later ones over earlier ones. https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

from __future__ import annotations

import math
from collections import Counter
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from encnet.data.labelling.annotations import (
    AnnotatedImage,
    Annotations,
    Area,
    Photographs,
    read_bytes,
    reason,
    relative_name,
    split_named,
)
from encnet.data.labelling.drawing import Points, patch_mask, require_pycocotools, rings_mask
from encnet.data.palette import Color
from encnet.system.errors import InputError

_AREAS = frozenset({"polygon", "box", "ellipse", "mask"})
_NO_AREAS = frozenset({"points", "polyline", "cuboid", "skeleton", "tag"})
_CORNERS = 180  # of the polygon that approximates an ellipse


def detect(path: Path) -> bool:
    """Whether a file is CVAT's, judged by its first element."""
    if path.suffix.lower() != ".xml":
        return False
    try:
        with path.open("rb") as file:
            _, root = next(ElementTree.iterparse(file, events=("start",)))
    except (OSError, ElementTree.ParseError, StopIteration):
        return False
    return root.tag == "annotations"


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The annotations in CVAT's files.

    Args:
        files: the XML files.
        root: the folder that they are in.
        images: folder of the photographs; None searches ``images`` beside a file, where CVAT puts them, and below
            ``root``.

    Raises:
        InputError: pycocotools is not installed, a file cannot be read or is not CVAT's, or a photograph is missing.
    """
    require_pycocotools()
    left_out: Counter[str] = Counter()
    labels: dict[str, Color | None] = {}
    annotated: list[AnnotatedImage] = []
    for path in files:
        photographs = Photographs(*([path.parent / "images", path.parent, root] if images is None else [images]))
        try:
            document = ElementTree.fromstring(read_bytes(path))
        except ElementTree.ParseError as error:
            raise InputError(f"{path} is not valid XML: {error}; export it again") from error
        if document.find("track") is not None:
            raise InputError(f"{path} is a 'CVAT for video' export; export the task as 'CVAT for images 1.1'")
        try:
            for label in document.iterfind("meta//labels/label"):
                if label.findtext("type") not in _NO_AREAS and not label.findtext("parent"):
                    labels.setdefault(label.findtext("name") or "", _color(label.findtext("color")))
            for image in document.iterfind("image"):
                annotated.append(_image(image, path, photographs, left_out))
        except InputError:  # a photograph's; InputError is a ValueError too
            raise
        except (KeyError, ValueError) as error:
            raise InputError(f"{path} is not as CVAT writes it: {reason(error)}; export it again") from error
    for image in annotated:  # for exports without meta
        labels.update({area.label: None for area in image.areas if area.label not in labels})
    return Annotations(tuple(annotated), labels, left_out=left_out)


def _image(image: Element, path: Path, photographs: Photographs, left_out: Counter[str]) -> AnnotatedImage:
    name = relative_name(image.attrib["name"])
    subset = image.get("subset") or ""
    areas = [_area(shape) for shape in image if shape.tag in _AREAS]
    left_out.update(shape.tag for shape in image if shape.tag in _NO_AREAS)
    # an export with images has those of a subset in a folder with the name of the subset
    within = f"{subset}/{name}" if subset else name
    try:
        file = photographs.find(within, path)
    except InputError:
        file = photographs.find(name, path)
    size = (int(image.attrib["height"]), int(image.attrib["width"]))
    return AnnotatedImage(name, partial(read_bytes, file), size, tuple(areas), split_named(subset))


def _area(shape: Element) -> Area:
    attributes = shape.attrib
    label, layer = attributes["label"], int(attributes.get("z_order", "0"))
    if shape.tag == "mask":
        patch = _patch(attributes["rle"], int(attributes["height"]), int(attributes["width"]))
        return Area(label, partial(patch_mask, patch, int(attributes["left"]), int(attributes["top"])), layer)
    if shape.tag == "polygon":
        pairs = (point.split(",") for point in attributes["points"].split(";"))
        points: Points = [(float(x), float(y)) for x, y in pairs]
        if len(points) < 3:
            raise ValueError(f"a polygon has {len(points)} points")
    elif shape.tag == "box":
        left, top, right, bottom = (float(attributes[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
        points = _rotated(points, float(attributes.get("rotation", "0")))
    else:
        x, y, radius_x, radius_y = (float(attributes[key]) for key in ("cx", "cy", "rx", "ry"))
        angles = np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False)
        points = [(x + radius_x * math.cos(angle), y + radius_y * math.sin(angle)) for angle in angles.tolist()]
        points = _rotated(points, float(attributes.get("rotation", "0")))
    return Area(label, partial(rings_mask, [points]), layer)


def _patch(code: str, height: int, width: int) -> np.ndarray:
    """Lengths of alternating runs, outside first, row by row -> (height, width) bool."""
    runs = np.array([int(run) for run in code.split(",")])
    if (runs < 0).any() or runs.sum() > height * width:
        raise ValueError(f"a mask of {width} x {height} pixels has runs of {runs.sum()} pixels")
    inside = np.zeros(height * width, bool)  # the last run may be missing if it is outside
    filled = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    inside[: len(filled)] = filled
    return inside.reshape(height, width)


def _rotated(points: Points, degrees: float) -> Points:
    """Points rotated clockwise, as seen on the screen, about the centre of their bounding box."""
    x, y = ((min(values) + max(values)) / 2 for values in zip(*points, strict=True))
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(x + (u - x) * cos - (v - y) * sin, y + (u - x) * sin + (v - y) * cos) for u, v in points]


def _color(text: str | None) -> Color | None:
    """``#rrggbb`` as RGB; None for anything else."""
    if not text or len(text) != 7 or not text.startswith("#"):
        return None
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue
