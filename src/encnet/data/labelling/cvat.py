"""CVAT: the XML of its export "CVAT for images 1.1".

``<annotations><meta>...<label><name/><color/></label></meta><image name width height><polygon label points="x,y;x,y"
z_order/><box/><ellipse/><mask rle left top width height/></image></annotations>``. Shapes of higher ``z_order`` lie
over others; of the same ``z_order``, later ones over earlier ones. https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from encnet.data.labelling.annotations import (
    DAMAGED,
    AnnotatedImage,
    Annotations,
    Area,
    LeftOutShapes,
    Photographs,
    read_bytes,
    read_xml,
    reason,
    relative_name,
    shown_name,
)
from encnet.data.labelling.drawing import Points, patch_mask, require_pycocotools, rings_mask
from encnet.data.labelling.photographs import PhotographError
from encnet.data.labelling.shapes import RUN_LENGTHS, ShapeError, check_patch, checked_label, checked_polygon, kind_of
from encnet.data.labelling.splits import FolderSplits
from encnet.data.palette import Color
from encnet.system.errors import InputError
from encnet.system.ledger import Ledger

_NO_AREAS = frozenset({"points", "polyline", "cuboid", "skeleton", "tag"})
_CORNERS = 180  # of the polygon that approximates an ellipse


def detect(path: Path) -> bool:
    """Whether a file is CVAT's, judged by its first element."""
    if path.suffix.lower() != ".xml":
        return False
    try:
        with path.open("rb") as file:
            _, root = next(ElementTree.iterparse(file, events=("start",)))
    except (OSError, ElementTree.ParseError, StopIteration, ValueError, LookupError):  # the last two: of its encoding
        return False
    return root.tag == "annotations"


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The annotations in CVAT's files. A file, a photograph or a shape that cannot be used is left out.

    Args:
        files: the XML files.
        root: the folder that they are in.
        images: folder of the photographs; None searches ``images`` beside a file, where CVAT puts them, and below
            ``root``.

    Raises:
        InputError: pycocotools is not installed, or no file can be used: none can be read, none is CVAT's, or all
            photographs are missing.
    """
    require_pycocotools()
    left_out, ledger = LeftOutShapes(), Ledger()
    labels: dict[str, Color | None] = {}
    annotated: list[AnnotatedImage] = []
    errors: list[InputError] = []
    for path in files:
        photographs = Photographs(*([path.parent / "images", path.parent, root] if images is None else [images]))
        source = shown_name(path, root)
        try:
            document = _document(path)
            for label in document.iterfind("meta//labels/label"):
                if label.findtext("type") not in _NO_AREAS and not label.findtext("parent"):
                    labels.setdefault(label.findtext("name") or "", _color(label.findtext("color")))
            for image, file in _files(document, path, photographs):
                if isinstance(file, PhotographError):
                    errors.append(file)
                    ledger.leave_out(file.reason, _name(image))
                else:
                    annotated.append(_image(image, file, source, left_out))
        except InputError as error:
            errors.append(error)
            ledger.leave_out(str(error).replace(f"{path} ", "it "), source)
    if errors and not annotated:
        raise errors[0]
    for image in annotated:  # for exports without meta
        labels.update({area.label: None for area in image.areas if area.label not in labels})
    return Annotations(tuple(annotated), labels, False, left_out.numbers, left_out.examples, ledger, ())


def _document(path: Path) -> Element:
    """The root of a file of which every image has a name and a size."""
    document = read_xml(path)
    if document.find("track") is not None:
        raise InputError(f"{path} is a 'CVAT for video' export; export the task as 'CVAT for images 1.1'")
    try:
        for image in document.iterfind("image"):
            _name(image)
            _size(image)
    except DAMAGED as error:
        raise InputError(f"{path} is not as CVAT writes it: {reason(error)}; export it again") from error
    return document


def _name(image: Element) -> str:
    return relative_name(image.attrib["name"])


def _size(image: Element) -> tuple[int, int]:
    return int(image.attrib["height"]), int(image.attrib["width"])


def _files(document: Element, path: Path, photographs: Photographs) -> list[tuple[Element, Path | PhotographError]]:
    """Every image of a document with its photograph, or with why it has none."""
    files: list[tuple[Element, Path | PhotographError]] = []
    tasks: dict[Path, set[str]] = {}
    for image in document.iterfind("image"):
        try:
            file = _file(image, path, photographs)
            tasks.setdefault(file, set()).add(image.get("task_id", ""))
        except PhotographError as error:
            file = error
        files.append((image, file))
    return [
        (image, _of_several_tasks(image, path) if isinstance(file, Path) and len(tasks[file]) > 1 else file)
        for image, file in files
    ]


def _file(image: Element, path: Path, photographs: Photographs) -> Path:
    name, subset = _name(image), image.get("subset") or ""
    # an export with images has those of a subset in a folder with the name of the subset
    within = f"{subset}/{name}" if subset else name
    return photographs.at(within) or photographs.at(name) or photographs.find(within, path)


def _of_several_tasks(image: Element, path: Path) -> PhotographError:
    """The error for a photograph that several tasks of a project name: each task may have another one of that name."""
    way_out = "export each task on its own"
    return PhotographError(
        f"{path} has several tasks with the image {_name(image)}, and does not tell whose is here; {way_out}",
        f"several tasks have a photograph of that name, and nothing tells whose is here; {way_out}",
    )


def _image(image: Element, file: Path, source: str, left_out: LeftOutShapes) -> AnnotatedImage:
    name, size, subset = _name(image), _size(image), image.get("subset") or ""
    areas: list[Area] = []
    for shape in image:
        try:
            if shape.tag in _NO_AREAS:
                raise ShapeError(shape.tag)
            areas.append(_area(shape, size))
        except DAMAGED as error:
            left_out.add(kind_of(error), name, shape.get("label"))
    name = PurePosixPath(name).with_suffix(file.suffix).as_posix()
    return AnnotatedImage(name, partial(read_bytes, file), size, tuple(areas), FolderSplits().of(subset), source)


def _area(shape: Element, size: tuple[int, int]) -> Area:
    """The area of a shape; raises ShapeError, or another error for a shape that is not as CVAT writes it."""
    attributes = shape.attrib
    label, layer = checked_label(attributes.get("label")), int(attributes.get("z_order", "0"))
    if shape.tag == "mask":
        height, width, left, top = (int(attributes[key]) for key in ("height", "width", "left", "top"))
        if height > size[0] or width > size[1]:
            raise ShapeError("mask that is larger than its image")
        patch = _patch(attributes["rle"], height, width)
        check_patch(patch, left, top, size)
        return Area(label, partial(patch_mask, patch, left, top), layer)
    if shape.tag == "polygon":
        pairs = (point.split(",") for point in attributes["points"].split(";") if point.strip())
        points: Points = [(float(x), float(y)) for x, y in pairs]
    elif shape.tag == "box":
        left, top, right, bottom = (float(attributes[side]) for side in ("xtl", "ytl", "xbr", "ybr"))
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
        points = _rotated(points, float(attributes.get("rotation", "0")))
    elif shape.tag == "ellipse":
        x, y, radius_x, radius_y = (float(attributes[key]) for key in ("cx", "cy", "rx", "ry"))
        angles = np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False)
        points = [(x + radius_x * math.cos(angle), y + radius_y * math.sin(angle)) for angle in angles.tolist()]
        points = _rotated(points, float(attributes.get("rotation", "0")))
    else:
        raise ShapeError(f"shape of the unknown kind '{shape.tag}'")
    return Area(label, partial(rings_mask, [checked_polygon(points, size)]), layer)


def _patch(code: str, height: int, width: int) -> np.ndarray:
    """Lengths of alternating runs, outside first, row by row -> (height, width) bool."""
    try:
        runs = np.array([int(run) for run in code.split(",")])
    except ValueError as error:
        raise ShapeError(RUN_LENGTHS) from error
    if (runs < 0).any() or runs.sum() > height * width:
        raise ShapeError(RUN_LENGTHS)
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
    try:
        red, green, blue = bytes.fromhex(text[1:])
    except ValueError:
        return None
    return red, green, blue
