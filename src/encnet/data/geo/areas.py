"""Splits the ground of rasters by area, so that each class is in every split in its share."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np

B = TypeVar("B", bound=Hashable)


def split_by_area(blocks: Mapping[B, Mapping[int, int]], shares: Mapping[str, float]) -> dict[B, str]:
    """The split of each block, so that every class has its share of pixels in each split, as far as blocks allow.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, 2011), with pixels in place of examples: the class that
    is in the fewest blocks that are left gives the block with most of its pixels to the split that lacks most of them;
    its last blocks go to the splits that have none. The result depends on the blocks alone.

    Args:
        blocks: block -> class -> number of pixels. Blocks that show the same ground are one block.
        shares: split -> share of the pixels, 0-1; they add up to 1, and "train" is one of them.
    """
    splits = list(shares)
    classes = sorted({c for counts in blocks.values() for c in counts})
    order = sorted(blocks, key=lambda block: hashlib.blake2b(repr(block).encode()).hexdigest())
    pixels = np.array([[blocks[block].get(c, 0) for c in classes] for block in order], np.float64)
    pixels = pixels.reshape(len(order), len(classes))
    needed = np.array([[shares[split]] for split in splits]) * pixels.sum(axis=0)  # (splits, classes)
    found = np.zeros(needed.shape, bool)  # whether a split has the class already
    left = np.ones(len(order), bool)
    result: dict[B, str] = {}
    while left.any():
        number = ((pixels > 0) & left[:, None]).sum(axis=0)
        if not number.any():
            result.update((order[place], "train") for place in np.flatnonzero(left))
            break
        rarest = int(np.argmin(np.where(number > 0, number, len(order) + 1)))
        place = int(np.argmax(np.where(left, pixels[:, rarest], -1)))
        lacking = [i for i in range(len(splits)) if not found[i, rarest]]
        choice = lacking if number[rarest] <= len(lacking) else range(len(splits))
        split = max(choice, key=lambda i: (needed[i, rarest], needed[i].sum()))
        needed[split] -= pixels[place]
        found[split] |= pixels[place] > 0
        left[place] = False
        result[order[place]] = splits[split]
    return result
