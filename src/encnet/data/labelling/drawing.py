"""Draws areas as pixels, as the tools themselves draw them."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from encnet.data.labelling.annotations import Area
from encnet.system.errors import InputError

Points = Sequence[tuple[float, float]]
"""x and y in pixels, from the left and from the top edge."""


def outline_mask(points: Points, height: int, width: int) -> np.ndarray:
    """Inside and border of a closed polygon, as labelme draws it: whole numbers are pixel centres."""
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).polygon(list(points), fill=1, outline=1)
    return np.asarray(canvas, bool)


def rectangle_mask(corners: Points, height: int, width: int) -> np.ndarray:
    """The rectangle between two opposite corners, both included, as labelme draws it."""
    (x0, y0), (x1, y1) = corners
    canvas = Image.new("L", (width, height))
    ImageDraw.Draw(canvas).rectangle((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)), fill=1, outline=1)
    return np.asarray(canvas, bool)


def circle_mask(points: Points, height: int, width: int) -> np.ndarray:
    """The disc around the first point, with the second point on its edge, as labelme draws it."""
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
    """The union of closed polygons, as COCO and CVAT draw it: whole numbers are pixel corners.

    Raises:
        InputError: pycocotools is not installed.
    """
    masks = require_pycocotools()
    flat = [[float(number) for point in ring for number in point] for ring in rings]
    code = masks.merge(masks.frPyObjects(flat, height, width))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # NumPy 2 warns about how pycocotools makes the array
        return masks.decode(code).astype(bool)


def run_length_mask(code: Any, height: int, width: int) -> np.ndarray:
    """The mask of COCO's run-length code: ``size`` (height, width), and ``counts`` as numbers or packed as text.

    Raises:
        ValueError: the code has another size, or its counts do not fit its size.
    """
    if tuple(code["size"]) != (height, width):
        raise ValueError(f"its size is {code['size']}, but that of the image is [{height}, {width}]")
    counts = code["counts"] if isinstance(code["counts"], list) else _unpacked_counts(code["counts"])
    runs = np.array(counts, np.int64)
    if (runs < 0).any() or runs.sum() != height * width:  # pycocotools would read memory that is not the mask's
        raise ValueError(f"its counts do not add up to the {height * width} pixels of the image")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)  # column by column, outside first
    return np.ascontiguousarray(inside.reshape(width, height).T)


def _unpacked_counts(text: str | bytes) -> list[int]:
    """The counts of a packed code: 5 bits per character, lowest first. From the fourth count on, the code has the
    difference to the last but one."""
    counts: list[int] = []
    number, shift = 0, 0
    for byte in text.encode("latin-1") if isinstance(text, str) else text:
        bits = byte - 48
        if not 0 <= bits < 64:
            raise ValueError("its counts have a character of another code")
        number |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:  # the last character of a number, whose highest bit is the sign
            number -= (bits & 0x10 and 1) << shift
            counts.append(number + (counts[-2] if len(counts) > 2 else 0))
            number, shift = 0, 0
    return counts


def require_pycocotools() -> Any:
    """The module ``pycocotools.mask``; raises InputError if it is not installed."""
    if importlib.util.find_spec("pycocotools") is None:
        raise InputError("drawing these areas needs pycocotools: `pip install 'encnet[coco]'`")
    from pycocotools import mask

    return mask


def drawing_order(areas: Sequence[Area], height: int, width: int, large_below: bool) -> list[Area]:
    """The areas of an image from the lowest to the topmost: by layer, and on one layer as they come.

    Args:
        areas: the areas.
        height, width: size of the image in pixels.
        large_below: on one layer, small areas lie over large ones, whatever their order.
    """
    drawn = list(areas)
    if large_below:  # draws every mask twice, which needs less memory than keeping them all
        sizes = {id(area): int(area.mask(height, width).sum()) for area in drawn}
        drawn.sort(key=lambda area: -sizes[id(area)])
    return sorted(drawn, key=lambda area: area.layer)


def paint(
    areas: Sequence[Area],
    values: Mapping[str, int],
    height: int,
    width: int,
    fill: int,
    large_below: bool,
    empty: Callable[[Area], None] | None = None,
) -> np.ndarray:
    """Draws a label map: higher layers over lower ones, and on one layer later areas over earlier ones.

    Args:
        areas: the areas of one image; those whose label has no value are skipped.
        values: label -> class index, or the index of ignored pixels.
        height, width: size of the image in pixels.
        fill: the value of pixels outside all areas.
        large_below: on one layer, draw small areas over large ones, whatever their order.
        empty: called with each area that has no pixel in the image.

    Returns:
        (height, width) uint8; or uint16, if ``fill`` or a value needs it.
    """
    labels = np.full((height, width), fill, np.min_scalar_type(max(fill, *values.values(), 0)))
    known = [area for area in areas if area.label in values]
    for area in drawing_order(known, height, width, large_below):
        mask = area.mask(height, width)
        labels[mask] = values[area.label]
        if empty is not None and not mask.any():
            empty(area)
    return labels
