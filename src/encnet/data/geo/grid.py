"""Divides rectangles of pixels into windows and blocks of nearly equal sides."""

from __future__ import annotations

from itertools import pairwise

from encnet.data.geo.window import Rectangle


def divided(rectangle: Rectangle, side: int) -> list[Rectangle]:
    """The parts of a rectangle, none longer than ``side`` pixels, row by row.

    They cover it without overlap, and their sides differ by one pixel at most: a strip that is left over at the border
    would make windows of another shape.
    """
    rows = _parts(rectangle.top, rectangle.height, side)
    columns = _parts(rectangle.left, rectangle.width, side)
    return [Rectangle(top, left, height, width) for top, height in rows for left, width in columns]


def inset(rectangle: Rectangle, size: tuple[int, int], gap: int) -> Rectangle:
    """A rectangle without ``gap`` pixels at each side that is not a border of the raster.

    Args:
        rectangle: the rectangle.
        size: height and width of the raster.
        gap: pixels to leave out; at least one row and one column stay.
    """
    spans = []
    for start, side, whole in zip(rectangle[:2], rectangle[2:], size, strict=True):
        first = start + (gap if start > 0 else 0)
        last = start + side - (gap if start + side < whole else 0)
        if first >= last:
            first = start + side // 2
            last = first + 1
        spans.append((first, last - first))
    (top, height), (left, width) = spans
    return Rectangle(top, left, height, width)


def _parts(start: int, length: int, side: int) -> list[tuple[int, int]]:
    """(start, length) of the fewest parts of nearly equal length."""
    number = -(-length // side)
    borders = [start + length * i // number for i in range(number + 1)]
    return [(low, high - low) for low, high in pairwise(borders)]
