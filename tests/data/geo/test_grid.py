"""Windows cover rectangles."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from encnet.data.geo.grid import divided, inset
from encnet.data.geo.window import Rectangle

sides = st.integers(1, 150)
starts = st.integers(0, 60)


@given(starts, starts, sides, sides, st.integers(1, 90))
def test_parts_cover_a_rectangle_without_overlap(top: int, left: int, height: int, width: int, side: int) -> None:
    covered = np.zeros((top + height + 3, left + width + 3), int)
    parts = divided(Rectangle(top, left, height, width), side)
    for part in parts:
        covered[part.top : part.top + part.height, part.left : part.left + part.width] += 1
    expected = np.zeros_like(covered)
    expected[top : top + height, left : left + width] = 1
    np.testing.assert_array_equal(covered, expected)
    assert max(max(part[2:]) for part in parts) <= side
    for lengths in zip(*(part[2:] for part in parts), strict=True):
        assert max(lengths) - min(lengths) <= 1
    assert len(parts) == -(-height // side) * -(-width // side)


@given(st.data(), sides, sides, st.integers(0, 40))
def test_a_gap_is_left_at_each_side_that_is_no_border(data: st.DataObject, rows: int, columns: int, gap: int) -> None:
    top, left = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    rectangle = Rectangle(top, left, data.draw(st.integers(1, rows - top)), data.draw(st.integers(1, columns - left)))
    found = inset(rectangle, (rows, columns), gap)
    for axis, size in enumerate((rows, columns)):
        start, length = rectangle[axis], rectangle[2 + axis]
        kept = [
            pixel
            for pixel in range(start, start + length)
            if (start == 0 or pixel >= start + gap) and (start + length == size or pixel < start + length - gap)
        ]
        span = range(found[axis], found[axis] + found[2 + axis])
        assert len(span) >= 1 and span.start >= start and span.stop <= start + length
        if kept:
            assert set(kept) == set(span)
        else:
            assert len(span) == 1
