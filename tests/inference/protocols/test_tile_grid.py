"""Positions of tiles: they cover the image and overlap enough, and their cores and weights count every pixel once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encnet.inference.protocols.tile_grid import ALIGNMENT, spans, weights

sides = st.integers(1, 5000)
blocks = st.integers(1, 20)


@st.composite
def grids(draw: st.DrawFn) -> tuple[int, int, int]:
    """Side, tile and margin."""
    tile = draw(blocks)
    margin = draw(st.integers(0, (tile - 1) // 2))
    return draw(sides), ALIGNMENT * tile, ALIGNMENT * margin


@given(grids())
def test_tiles_cover_the_side_and_overlap_by_two_margins(grid: tuple[int, int, int]) -> None:
    side, tile, margin = grid
    found = spans(side, tile, margin)
    assert found[0].start == 0
    assert found[-1].stop == side
    assert all(span.start % ALIGNMENT == 0 for span in found)
    assert all(span.stop - span.start == tile for span in found[:-1])
    assert side <= tile or tile - ALIGNMENT < side - found[-1].start <= tile
    for before, after in pairwise(found):
        assert before.start < after.start
        assert before.stop < side
        assert before.stop - after.start >= 2 * margin


@given(grids())
def test_fewer_tiles_would_not_cover_the_side(grid: tuple[int, int, int]) -> None:
    side, tile, margin = grid
    fewer = len(spans(side, tile, margin)) - 1
    assert fewer == 0 or fewer * (tile - 2 * margin) + 2 * margin < side


@given(grids())
def test_each_pixel_is_in_one_core_and_a_margin_from_the_end_of_its_tile(grid: tuple[int, int, int]) -> None:
    side, tile, margin = grid
    counted = np.zeros(side, int)
    for span in spans(side, tile, margin):
        counted[span.core] += 1
        assert span.core.start % ALIGNMENT == 0
        assert span.start == 0 or span.core.start - span.start >= margin
        assert span.stop == side or span.stop - span.core.stop >= margin
    assert (counted == 1).all()


@given(grids(), st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_weights_of_a_place_sum_to_one(grid: tuple[int, int, int], stride: int) -> None:
    side = grid[0]
    found, places = spans(*grid), -(-side // stride)
    total = np.zeros(places)
    for span, weight in zip(found, weights(found, stride, places), strict=True):
        assert len(weight) == -(-(span.stop - span.start) // stride)
        assert ((weight >= 0) & (weight <= 1)).all()
        total[span.start // stride :][: len(weight)] += weight
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_weights_change_in_the_middle_of_an_overlap() -> None:
    first, second = weights(spans(192, 128, 32), 8, 24)
    steps = (np.arange(4) + 0.5) / 4
    falling, rising = np.cos(np.pi / 2 * steps) ** 2, np.sin(np.pi / 2 * steps) ** 2
    np.testing.assert_allclose(first, [*np.ones(8 + 2), *falling, 0, 0], atol=1e-7)
    np.testing.assert_allclose(second, [0, 0, *rising, *np.ones(2 + 8)], atol=1e-7)


@pytest.mark.parametrize(
    ("side", "expected"),
    [(100, [0]), (128, [0]), (129, [0, 32]), (192, [0, 64]), (250, [0, 64, 128]), (257, [0, 32, 96, 160])],
)
def test_tiles_are_spread_evenly(side: int, expected: list[int]) -> None:
    assert [span.start for span in spans(side, 128, 32)] == expected
