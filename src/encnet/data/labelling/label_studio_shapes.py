"""The shapes of a Label Studio annotation as areas. Coordinates are percent of the photograph's width and height."""

from __future__ import annotations

import base64
import io
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from encnet.data.labelling.annotations import Area
from encnet.data.labelling.brush_code import HALF, decode_brush
from encnet.data.labelling.drawing import Points, rings_mask
from encnet.data.labelling.shapes import (
    NO_LABEL,
    NO_SIZE,
    RUN_LENGTHS,
    ShapeError,
    check_inside,
    checked_coordinates,
    checked_label,
    checked_polygon,
)

_SHAPES = ("polygon", "brush", "bitmask", "rectangle", "ellipse")
_CORNERS = 180  # of the polygon that approximates an ellipse
_FAR = 5.0  # percent of a side that a corner may lie outside of the photograph; what lies outside is cut off
_WHOLE = (100, 100)
_DATA_URL = re.compile(r"data(-url)?:image/png;(base64,)?(?P<code>.+)", re.DOTALL)
"""A bitmask: "data:" as the program writes it, "data-url:" as its documentation does."""


def read_area(result: dict[str, Any], labels_of: dict[str, list[str]], size: tuple[int, int] | None) -> Area:
    """The area of one entry of an annotation's ``result``.

    Args:
        result: the entry; its ``type`` is the name of the control, for example polygonlabels, or polygon if its labels
            are in an entry of the type ``labels`` with the same id.
        labels_of: id -> labels of the entries of the type ``labels``.
        size: (height, width) of the photograph in pixels, if the annotation says.

    Raises:
        ShapeError: it has no area, no label or several, or is not as Label Studio writes it.
    """
    kind = str(result.get("type"))
    shape = kind.removesuffix("labels")
    if shape not in _SHAPES:
        raise ShapeError(f"{kind} without an area")
    value = result["value"]
    labels = value.get(kind) or value.get("labels") or labels_of.get(str(result.get("id")), [])
    if not isinstance(labels, list) or not labels:
        raise ShapeError(NO_LABEL)
    if len(labels) > 1:
        raise ShapeError(f"{shape} with several labels")
    label = checked_label(labels[0])
    if result.get("image_rotation"):
        raise ShapeError(f"{shape} on a photograph that was rotated in Label Studio")
    return Area(label, _READERS[shape](value, size))


def _polygon(value: dict[str, Any], size: tuple[int, int] | None) -> Callable[[int, int], np.ndarray]:
    points = checked_polygon(value["points"], _WHOLE)
    _check_near(points)
    return partial(_percent_mask, points)


def _rectangle(value: dict[str, Any], size: tuple[int, int] | None) -> Callable[[int, int], np.ndarray]:
    x, y, width, height = (float(value[key]) for key in ("x", "y", "width", "height"))
    degrees = float(value.get("rotation") or 0)
    checked_coordinates([(x, y), (width, height), (degrees, 0)])
    if not (width > 0 and height > 0):
        raise ShapeError(NO_SIZE)
    if degrees == 0:
        _check_near([(x, y), (x + width, y + height)])
    return partial(_rectangle_mask, x, y, width, height, degrees)


def _ellipse(value: dict[str, Any], size: tuple[int, int] | None) -> Callable[[int, int], np.ndarray]:
    x, y, across, down = (float(value[key]) for key in ("x", "y", "radiusX", "radiusY"))
    degrees = float(value.get("rotation") or 0)
    checked_coordinates([(x, y), (across, down), (degrees, 0)])
    if not (across > 0 and down > 0):
        raise ShapeError(NO_SIZE)
    check_inside([(x - across, y - down), (x + across, y + down)] if degrees == 0 else [(x, y)], _WHOLE)
    return partial(_ellipse_mask, x, y, across, down, degrees)


def _brush(value: dict[str, Any], size: tuple[int, int] | None) -> Callable[[int, int], np.ndarray]:
    if size is None:
        raise ShapeError("brush mask without original_width and original_height")
    if value.get("format") != "rle":
        raise ShapeError(f"brush mask in the format '{value.get('format')}'")
    try:
        mask = decode_brush(value["rle"], *size)  # finds damaged codes before anything is written
    except ValueError as error:
        raise ShapeError(RUN_LENGTHS) from error
    return _packed(mask)


def _bitmask(value: dict[str, Any], size: tuple[int, int] | None) -> Callable[[int, int], np.ndarray]:
    """The opaque pixels of a PNG with transparency, which is as large as the photograph.

    https://labelstud.io/tags/bitmasklabels
    """
    if size is None:
        raise ShapeError("bitmask without original_width and original_height")
    address = _DATA_URL.fullmatch(value.get("imageDataURL") or "")
    if address is None:
        raise ShapeError("bitmask without a PNG as a data URL")
    try:
        with Image.open(io.BytesIO(base64.b64decode(address["code"], validate=True)), formats=["PNG"]) as picture:
            alpha = np.asarray(picture.convert("RGBA"))[..., 3] if picture.has_transparency_data else None
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise ShapeError("bitmask whose PNG is damaged") from error
    if alpha is None:
        raise ShapeError("bitmask whose PNG has no transparency")
    if alpha.shape != size:
        raise ShapeError("bitmask of another size than the photograph")
    return _packed(alpha >= HALF)


def _packed(mask: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """The function of an area for a (height, width) bool mask; raises ShapeError if no pixel is inside."""
    if not mask.any():
        raise ShapeError(NO_SIZE)
    packed = np.packbits(mask)  # an eighth of the memory: the masks of all photographs are kept until they are drawn
    return partial(_unpacked, packed, *mask.shape)


_READERS = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "ellipse": _ellipse,
    "brush": _brush,
    "bitmask": _bitmask,
}


def _check_near(points: Points) -> None:
    """Raises ShapeError if a corner is far outside of the photograph: its coordinates are hardly percent."""
    check_inside(points, _WHOLE)
    if not all(-_FAR <= number <= 100 + _FAR for point in points for number in point):
        raise ShapeError("shape that reaches far out of the image (coordinates are percent)")


def _percent_mask(points: Points, height: int, width: int) -> np.ndarray:
    return rings_mask([[(x * width / 100, y * height / 100) for x, y in points]], height, width)


def _rectangle_mask(
    x: float, y: float, across: float, down: float, degrees: float, height: int, width: int
) -> np.ndarray:
    """A rectangle, rotated clockwise about its corner (x, y) by an angle in pixels, not in percent."""
    x, across, y, down = x * width / 100, across * width / 100, y * height / 100, down * height / 100
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    corners = [(0, 0), (across, 0), (across, down), (0, down)]
    return rings_mask([[(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in corners]], height, width)


def _ellipse_mask(
    x: float, y: float, across: float, down: float, degrees: float, height: int, width: int
) -> np.ndarray:
    """An ellipse, rotated clockwise about its centre by an angle in pixels, not in percent."""
    x, across, y, down = x * width / 100, across * width / 100, y * height / 100, down * height / 100
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    outline = []
    for angle in np.linspace(0, 2 * math.pi, _CORNERS, endpoint=False).tolist():
        u, v = across * math.cos(angle), down * math.sin(angle)
        outline.append((x + u * cos - v * sin, y + u * sin + v * cos))
    return rings_mask([outline], height, width)


def _unpacked(packed: np.ndarray, labelled_height: int, labelled_width: int, height: int, width: int) -> np.ndarray:
    mask = np.unpackbits(packed, count=labelled_height * labelled_width).reshape(labelled_height, labelled_width)
    return mask.astype(bool)
