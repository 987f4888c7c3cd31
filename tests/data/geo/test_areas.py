"""The split of the ground, by rules and by trying all splits."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from encnet.data.geo.areas import split_by_area

TWO = {"train": 0.8, "val": 0.2}
THREE = {"train": 0.7, "val": 0.2, "test": 0.1}


def random_blocks(seed: int, number: int = 60, classes: int = 4) -> dict[tuple[int, int], dict[int, int]]:
    """Blocks in which classes occur together, some of them seldom."""
    rng = np.random.default_rng(seed)
    blocks = {}
    for place in range(number):
        there = rng.random(classes) < np.linspace(0.9, 0.15, classes)
        blocks[place // 10, place % 10] = {c: int(rng.integers(1, 1000)) for c in range(classes) if there[c]}
    return blocks


@pytest.mark.parametrize("shares", [TWO, THREE])
@pytest.mark.parametrize("seed", range(5))
def test_each_class_has_about_its_share_in_each_split(seed: int, shares: dict[str, float]) -> None:
    blocks = random_blocks(seed)
    split = split_by_area(blocks, shares)
    assert split.keys() == blocks.keys()
    for c in range(4):
        total = sum(counts.get(c, 0) for counts in blocks.values())
        for name, share in shares.items():
            there = sum(counts.get(c, 0) for block, counts in blocks.items() if split[block] == name)
            assert there > 0
            assert there / total == pytest.approx(share, abs=0.15)


@pytest.mark.parametrize("seed", range(40))
def test_few_blocks_have_every_class_in_both_splits_if_any_split_has(seed: int) -> None:
    """All splits of 6 blocks are tried; each class is in two of them or more, and one class is common."""
    rng = np.random.default_rng(seed)
    blocks: dict[int, dict[int, int]] = {block: {0: 1000} for block in range(6)}
    for c in (1, 2):
        for block in rng.choice(6, 2, replace=False):
            blocks[int(block)][c] = int(rng.integers(1, 500))

    def complete(split: dict[int, str]) -> bool:
        return all(
            {split[block] for block, counts in blocks.items() if c in counts} == {"train", "val"} for c in range(3)
        )

    possible = any(complete(dict(enumerate(choice))) for choice in product(("train", "val"), repeat=6))
    assert possible
    assert complete(split_by_area(blocks, TWO))


def test_a_class_of_one_block_is_in_train() -> None:
    blocks = {i: {0: 100} for i in range(10)} | {10: {0: 100, 1: 5}}
    assert split_by_area(blocks, TWO)[10] == "train"


def test_blocks_without_labels_are_in_train() -> None:
    assert split_by_area({0: {}, 1: {}}, TWO) == {0: "train", 1: "train"}
    assert split_by_area({}, TWO) == {}


def test_the_order_of_the_blocks_and_hash_seeds_change_nothing() -> None:
    blocks = {(f"raster {i}", i): {0: 100} for i in range(30)}
    split = split_by_area(blocks, THREE)
    assert split_by_area(dict(reversed(blocks.items())), THREE) == split
    program = (
        "from encnet.data.geo.areas import split_by_area\n"
        "blocks = {(f'raster {i}', i): {0: 100} for i in range(30)}\n"
        "print(split_by_area(blocks, {'train': 0.7, 'val': 0.2, 'test': 0.1}))"
    )
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        shown = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert shown.stdout.strip() == str(split), shown.stderr
