"""The split of each image, where lists or folders of several splits may name the same image."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from encnet.data.formats.folder_words import meaning_of
from encnet.data.labelling.annotations import first_names, split_named
from encnet.system.text import counted

_HELD_OUT_FIRST = ("test", "val", "train", None)
_TRAIN_FIRST = ("train", "val", "test", None)


class FolderSplits:
    """The splits that the names of folders say, and what was decided about these names."""

    def __init__(self) -> None:
        self._used: dict[str, str] = {}
        self._unused: dict[str, str] = {}

    def of(self, *folders: str) -> str | None:
        """The split (train, val or test) that the outermost of some folders says; None if none does.

        A name of which one word says nothing, as in "Val Gardena", is the user's own and no split.
        """
        for folder in folders:
            split = split_named(folder)
            if split is not None and meaning_of((folder,)).split is not None:
                self._used[folder] = split
                return split
            if split is not None:
                self._unused[folder] = split
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """A sentence about each folder that was asked about, unless its name is that of its split."""
        used = (
            f"the folder '{folder}' counts as the split {split}"
            for folder, split in self._used.items()
            if folder.lower() != split
        )
        unused = (
            f"the folder '{folder}' is no split, as its name says more than that; if it is one, call it '{split}'"
            for folder, split in self._unused.items()
        )
        return (*used, *unused)


def one_split(named: Mapping[str | None, Iterable[str]]) -> tuple[dict[str, str | None], tuple[str, ...]]:
    """The one split of each image, and notes about images that several splits name.

    An image that several splits name counts as held out, so that it is not trained on. If that leaves nothing to train
    on (some data sets name the same folder twice), it counts as train.

    Args:
        named: split, or None for no split -> the images that it names.

    Returns:
        image -> split, and sentences.
    """
    lists = {split: dict.fromkeys(images) for split, images in named.items()}
    splits: dict[str, str | None] = {}
    for order in (_HELD_OUT_FIRST, _TRAIN_FIRST):
        splits = {}
        for split in order:
            for image in lists.get(split, {}):
                splits.setdefault(image, split)
        if "train" in splits.values() or not lists.get("train"):
            break
    notes = []
    for split, images in lists.items():
        twice = [image for image in images if splits[image] != split]
        if twice and split is not None:
            notes.append(
                f"{counted(len(twice), 'image')} of the split {split} ({first_names(twice)}):"
                " in another split too, and only used there"
            )
    return splits, tuple(notes)
