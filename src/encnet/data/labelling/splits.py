"""The split of each image, where lists or folders of several splits may name the same image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

_HELD_OUT_FIRST = ("test", "val", "train", None)


def one_split(named: Mapping[str | None, Iterable[Key]], left_out: Counter[str]) -> dict[Key, str | None]:
    """The one split of each image.

    An image that several splits name counts as held out, so that it is not trained on. If that leaves nothing to train
    on (some data sets name the same folder twice), it counts as train.

    Args:
        named: split, or None for no split -> the images that it names.
        left_out: counts images that a second split names too.

    Returns:
        image -> split.
    """
    lists = {split: dict.fromkeys(images) for split, images in named.items()}
    splits: dict[Key, str | None] = {}
    for order in (_HELD_OUT_FIRST, ("train", "val", "test", None)):
        splits = {}
        for split in order:
            for image in lists.get(split, {}):
                splits.setdefault(image, split)
        if "train" in splits.values() or not lists.get("train"):
            break
    for split, images in lists.items():
        twice = sum(splits[image] != split for image in images)
        if twice and split is not None:
            left_out[f"image in the list or folder of {split} that is in another split too"] += twice
    return splits
