"""Objects in label maps, against a flood fill in plain loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from encnet.data.connected_objects import REDUCED_SIDE, Objects, find_objects, reduction
from encnet.data.labels import IGNORE


def by_flood_fill(labels: np.ndarray) -> dict[int, list[Objects]]:
    """The objects of each class, found pixel by pixel."""
    height, width = labels.shape
    seen: set[tuple[int, int]] = set()
    numbers: dict[int, Counter[int]] = {}
    pixels: dict[int, Counter[int]] = {}
    for start in np.ndindex(height, width):
        target = int(labels[start])
        if start in seen or target == IGNORE:
            continue
        seen.add((start[0], start[1]))
        area, pending = [], [(start[0], start[1])]
        while pending:
            row, column = pending.pop()
            area.append((row, column))
            for y, x in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if 0 <= y < height and 0 <= x < width and (y, x) not in seen and labels[y, x] == target:
                    seen.add((y, x))
                    pending.append((y, x))
        rows, columns = zip(*area, strict=True)
        shorter = min(max(rows) - min(rows), max(columns) - min(columns)) + 1
        numbers.setdefault(target, Counter())[shorter] += 1
        pixels.setdefault(target, Counter())[shorter] += len(area)
    return {c: [Objects(w, numbers[c][w], pixels[c][w]) for w in sorted(numbers[c])] for c in sorted(numbers)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("classes", [[0], [0, 1], [0, 1, 2, IGNORE], [IGNORE]])
def test_objects_equal_those_of_a_flood_fill(seed: int, classes: list[int]) -> None:
    labels = np.random.default_rng(seed).choice(np.array(classes, np.uint8), (17, 23))
    found = find_objects(labels)
    assert {target: list(objects) for target, objects in found.items()} == by_flood_fill(labels)
    assert sum(o.pixels for objects in found.values() for o in objects) == (labels != IGNORE).sum()


def test_width_is_the_shorter_side_of_the_bounding_box() -> None:
    labels = np.full((20, 30), IGNORE, np.uint8)
    labels[2:17, 4:7] = 1  # a pole: 15 high, 3 wide
    labels[10:14, 10:20] = 1  # a bench: 4 high, 10 wide
    labels[0, 29] = 3
    assert find_objects(labels) == {1: (Objects(3, 1, 45), Objects(4, 1, 40)), 3: (Objects(1, 1, 1),)}


def test_sizes_in_a_sampled_map_are_those_of_the_whole_map() -> None:
    labels = np.zeros((48, 64), np.uint8)
    labels[8:24, 16:56] = 1
    whole, sampled = find_objects(labels), find_objects(labels[::4, ::4], step=4)
    assert sampled == whole
    assert whole[1] == (Objects(16, 1, 640),)


@pytest.mark.parametrize(
    ("height", "width", "step"),
    [(1, 1, 1), (360, 480, 1), (REDUCED_SIDE, 5, 1), (5, REDUCED_SIDE + 1, 2), (3000, 4000, 4), (30000, 1000, 30)],
)
def test_only_large_maps_are_sampled(height: int, width: int, step: int) -> None:
    assert reduction(height, width) == step
    assert max(height, width) / step <= REDUCED_SIDE
