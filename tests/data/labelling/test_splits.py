"""One split per image."""

from __future__ import annotations

import pytest

from encnet.data.labelling.splits import FolderSplits, one_split


@pytest.mark.parametrize(
    ("named", "expected", "notes"),
    [
        ({"train": "ab", "val": "c"}, {"a": "train", "b": "train", "c": "val"}, 0),
        ({"train": "abc", "val": "c", "test": "b"}, {"a": "train", "b": "test", "c": "val"}, 1),
        ({"train": "ab", "val": "bc", "test": "c"}, {"a": "train", "b": "val", "c": "test"}, 2),
        ({"train": "ab", "val": "ab"}, {"a": "train", "b": "train"}, 1),
        ({None: "abc", "val": "c"}, {"a": None, "b": None, "c": "val"}, 0),
        ({"val": "ab", "test": "b"}, {"a": "val", "b": "test"}, 1),
        ({}, {}, 0),
    ],
)
def test_an_image_in_several_splits_is_held_out_unless_nothing_is_left_to_train_on(
    named: dict[str | None, str], expected: dict[str, str | None], notes: int
) -> None:
    splits, said = one_split(named)
    assert splits == expected
    assert len(said) == notes


def test_the_note_names_the_images() -> None:
    _, (note,) = one_split({"train": ["a", "b"], "val": ["b"]})
    assert note == "1 image of the split train (b): in another split too, and only used there"


@pytest.mark.parametrize(
    ("folders", "split", "notes"),
    [
        (("train",), "train", 0),
        (("Test",), "test", 0),
        (("camera", "val_images", "day1"), "val", 1),
        (("validation-512",), "val", 1),
        (("Val Gardena",), None, 1),
        (("test drive", "train"), "train", 1),
        (("training", "test"), "train", 1),
        (("dev",), None, 0),
        ((), None, 0),
    ],
)
def test_a_folder_is_a_split_if_all_words_of_its_name_say_so(
    folders: tuple[str, ...], split: str | None, notes: int
) -> None:
    splits = FolderSplits()
    assert splits.of(*folders) == split
    assert len(splits.notes) == notes
