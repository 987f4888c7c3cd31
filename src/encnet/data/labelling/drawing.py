"""Areas -> pixels, as the tools themselves draw them."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from encnet.data.labelling.annotations import Area
from encnet.errors import InputError

Points = Sequence[tuple[float, float]]
"""x and y in pixels, from the left and from the top."""


def outline_mask(points: Points, height: int, width: int) -> np.ndarray:
    """The inside and the border of a closed polygon, as labelme has it: whole numbers are the middles of pixels."""
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).polygon(list(points), fill=1, outline=1)
    return np.asarray(canvas, bool)


def rectangle_mask(corners: Points, height: int, width: int) -> np.ndarray:
    """Between two opposite corners, which count, as labelme has it."""
    (x0, y0), (x1, y1) = corners
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), fill=1, outline=1)
    return np.asarray(canvas, bool)


def circle_mask(points: Points, height: int, width: int) -> np.ndarray:
    """Around the first point and through the second, as labelme has it."""
    (x, y), (u, v) = points
    radius = math.hypot(x - u, y - v)
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).ellipse((x - radius, y - radius, x + radius, y + radius), fill=1, outline=1)
    return np.asarray(canvas, bool)


def patch_mask(patch: np.ndarray, left: int, top: int, height: int, width: int) -> np.ndarray:
    """A (rows, columns) bool patch whose first pixel is at (left, top); what sticks out of the image is cut off."""
    mask = np.zeros((height, width), bool)
    rows, columns = slice(max(top, 0), max(top + patch.shape[0], 0)), slice(max(left, 0), max(left + patch.shape[1], 0))
    target = mask[rows, columns]
    cut = patch[max(-top, 0) :, max(-left, 0) :]
    target[:] = cut[: target.shape[0], : target.shape[1]]
    return mask


def rings_mask(rings: Sequence[Points], height: int, width: int) -> np.ndarray:
    """The union of closed polygons, as COCO and CVAT have it: whole numbers are the corners of pixels.

    Raises:
        InputError: pycocotools is not installed.
    """
    masks = require_pycocotools()
    flat = [[float(number) for point in ring for number in point] for ring in rings]
    return _decoded(masks.merge(masks.frPyObjects(flat, height, width)))


def run_length_mask(code: Any, height: int, width: int) -> np.ndarray:
    """COCO's run-length code: ``size`` (height, width) and ``counts``, as a list of numbers or packed as text.

    Raises:
        InputError: pycocotools is not installed.
        ValueError: the code is of another size, or is none.
    """
    masks = require_pycocotools()
    if tuple(code["size"]) != (height, width):
        raise ValueError(f"its size is {code['size']}, that of the image [{height}, {width}]")
    if isinstance(code["counts"], list):
        if any(count < 0 for count in code["counts"]) or sum(code["counts"]) != height * width:
            raise ValueError(f"its counts do not add up to the {height * width} pixels of the image")
        code = masks.frPyObjects(code, height, width)
    return _decoded(code)


def _decoded(code: Any) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of NumPy 2, about how pycocotools makes the array
        return require_pycocotools().decode(code).astype(bool)


def require_pycocotools() -> Any:
    """``pycocotools.mask``. Raises InputError, which says how to get it, where it is not installed."""
    if importlib.util.find_spec("pycocotools") is None:
        raise InputError("polygons of COCO and CVAT are drawn by pycocotools; `pip install 'encnet[coco]'` gets it")
    from pycocotools import mask

    return mask


def paint(
    areas: Sequence[Area], values: Mapping[str, int], height: int, width: int, fill: int, large_below: bool
) -> np.ndarray:
    """The label map: later areas over earlier ones, and deeper ones below.

    Args:
        areas: of one image; those whose label has no value are passed over.
        values: label -> class index, or ``IGNORE``.
        height, width: of the image in pixels.
        fill: the value of pixels in no area.
        large_below: within one depth small areas lie over large ones, whatever their order.

    Returns:
        (height, width) uint8.
    """
    drawn = [area for area in areas if area.label in values]
    if large_below:  # masks are drawn twice rather than all kept
        sizes = {id(area): int(area.mask(height, width).sum()) for area in drawn}
        drawn.sort(key=lambda area: -sizes[id(area)])
    labels = np.full((height, width), fill, np.uint8)
    for area in sorted(drawn, key=lambda area: area.depth):
        labels[area.mask(height, width)] = values[area.label]
    return labels
