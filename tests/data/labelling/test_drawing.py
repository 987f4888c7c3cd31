"""Areas drawn as pixels, compared with loops over pixels and with pycocotools."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from encnet.data.labelling.annotations import Area
from encnet.data.labelling.drawing import (
    circle_mask,
    outline_mask,
    paint,
    patch_mask,
    rectangle_mask,
    rings_mask,
    run_length_mask,
)
from encnet.data.labels import IGNORE

HEIGHT, WIDTH = 20, 30


@settings(max_examples=50, deadline=None)
@given(st.integers(-12, 35), st.integers(-12, 25), st.integers(1, 9), st.integers(1, 9))
def test_a_patch_is_cut_off_at_the_edges_of_the_image(left: int, top: int, columns: int, rows: int) -> None:
    patch = np.random.default_rng(rows * columns).random((rows, columns)) > 0.4
    expected = np.zeros((HEIGHT, WIDTH), bool)
    for y in range(rows):
        for x in range(columns):
            if 0 <= top + y < HEIGHT and 0 <= left + x < WIDTH:
                expected[top + y, left + x] = patch[y, x]
    assert np.array_equal(patch_mask(patch, left, top, HEIGHT, WIDTH), expected)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 29), st.floats(0, 19), st.floats(1, 15))
def test_a_circle_is_round(x: float, y: float, radius: float) -> None:
    mask = circle_mask([(x, y), (x + radius, y)], HEIGHT, WIDTH)
    distance = np.hypot(np.arange(WIDTH)[None] - x, np.arange(HEIGHT)[:, None] - y)
    assert mask[distance < radius - 2].all()  # Pillow rounds both ends
    assert not mask[distance > radius + 2].any()


@pytest.mark.parametrize("corners", [[(3, 2), (9, 11)], [(9, 11), (3, 2)], [(9, 2), (3, 11)]])
def test_a_rectangle_includes_its_corners(corners: list[tuple[float, float]]) -> None:
    expected = np.zeros((HEIGHT, WIDTH), bool)
    expected[2:12, 3:10] = True
    assert np.array_equal(rectangle_mask(corners, HEIGHT, WIDTH), expected)
    assert np.array_equal(outline_mask([(3, 2), (9, 2), (9, 11), (3, 11)], HEIGHT, WIDTH), expected)


def inside(points: list[tuple[float, float]], x: float, y: float) -> bool:
    """Whether a point is inside a polygon, by the even-odd rule."""
    crossings = 0
    for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            crossings += 1
    return crossings % 2 == 1


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 30), st.floats(0, 20)), min_size=3, max_size=3, unique=True))
def test_polygons_cover_their_inside_to_two_pixels(points: list[tuple[float, float]]) -> None:
    """Both functions round, and whole numbers are pixel centres for one and pixel corners for the other."""
    pytest.importorskip("pycocotools")
    for drawn, middle in ((outline_mask(points, HEIGHT, WIDTH), 0.0), (rings_mask([points], HEIGHT, WIDTH), 0.5)):
        for row in range(1, HEIGHT - 1):
            for column in range(1, WIDTH - 1):
                around = [
                    inside(points, column + middle + dx, row + middle + dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)
                ]
                if all(around):
                    assert drawn[row, column]
                elif not any(around) and drawn[row, column]:
                    assert min(distances(points, column + middle, row + middle)) < 2


def distances(points: list[tuple[float, float]], x: float, y: float) -> list[float]:
    """The distances of a point from each side of a polygon."""
    result = []
    for first, second in zip(points, points[1:] + points[:1], strict=True):
        p, q = np.array(first), np.array(second)
        along = np.clip(np.dot((x, y) - p, q - p) / max(np.dot(q - p, q - p), 1e-9), 0, 1)
        result.append(float(np.linalg.norm((x, y) - p - along * (q - p))))
    return result


@pytest.mark.parametrize("packed", [True, False])
def test_run_lengths_are_read_as_pycocotools_reads_them(packed: bool) -> None:
    masks = pytest.importorskip("pycocotools.mask")
    mask = np.random.default_rng(0).random((HEIGHT, WIDTH)) > 0.5
    code = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    if packed:
        code["counts"] = code["counts"].decode()  # as in JSON
    else:  # column by column, outside first
        flat = np.concatenate([[0], mask.T.ravel(), [0]])
        ends = np.flatnonzero(np.diff(flat)).tolist()
        code["counts"] = np.diff([0, *ends, mask.size] if ends[-1] != mask.size else [0, *ends]).tolist()
    assert np.array_equal(run_length_mask(code, HEIGHT, WIDTH), mask)
    with pytest.raises(ValueError, match="size"):
        run_length_mask(code, HEIGHT, WIDTH + 1)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([0.0, 0.02, 0.5, 0.98, 1.0]), st.integers(0, 99))
def test_packed_run_lengths_of_any_mask_are_read(height: int, width: int, share: float, seed: int) -> None:
    masks = pytest.importorskip("pycocotools.mask")
    mask = np.random.default_rng(seed).random((height, width)) < share
    code = masks.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert np.array_equal(run_length_mask(code, height, width), mask)


def test_areas_without_a_pixel_are_reported() -> None:
    outside = Area("a", partial(patch_mask, np.ones((2, 2), bool), 30, 0))
    found: list[Area] = []
    drawn = paint([outside, square("a", 3, 4)], {"a": 0}, 20, 20, IGNORE, False, empty=found.append)
    assert found == [outside]
    assert (drawn == 0).sum() == 4


def test_counts_that_do_not_fill_the_image_are_an_error() -> None:
    pytest.importorskip("pycocotools")
    with pytest.raises(ValueError, match="add up"):
        run_length_mask({"size": [2, 3], "counts": [1, 2]}, 2, 3)


def square(label: str, start: int, stop: int, layer: int = 0) -> Area:
    return Area(label, partial(rectangle_mask, [(start, start), (stop, stop)]), layer)


def test_later_areas_lie_over_earlier_ones_and_higher_layers_over_both() -> None:
    areas = [square("a", 0, 9, layer=1), square("b", 5, 14), square("c", 8, 18), square("unknown", 0, 19)]
    drawn = paint(areas, {"a": 0, "b": 1, "c": 2}, 20, 20, IGNORE, large_below=False)
    assert [drawn[i, i] for i in (0, 6, 9, 12, 14, 19)] == [0, 0, 0, 2, 2, IGNORE]
    assert drawn.dtype == np.uint8


def test_large_areas_lie_below_small_ones_in_any_order() -> None:
    areas = [square("small", 4, 6), square("large", 0, 19), square("middle", 2, 10)]
    values = {"small": 0, "middle": 1, "large": 2}
    for order in (areas, areas[::-1]):
        drawn = paint(order, values, 20, 20, IGNORE, large_below=True)
        assert [drawn[i, i] for i in (1, 3, 5, 8, 15)] == [2, 1, 0, 1, 2]
