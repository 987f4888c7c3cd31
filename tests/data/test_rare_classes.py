"""Classes of hardly any pixel are named with a label map that has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.data.dataset import DatasetIndex
from encnet.data.findings import Findings
from encnet.data.inspection import LabelFinding
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.rare_classes import rare_classes
from encnet.data.sample_files import LabelFile

INDEX = DatasetIndex("data", Path("data"), LabelSet.plain(("sky", "road", "car")), {})


def warned(*maps: dict[int, int]) -> list[tuple[str, str]]:
    """(file, sentence) of label maps with these pixels of each class; the files are 0.png, 1.png, ..."""
    findings: dict[LabelFile, LabelFinding] = {
        Path(f"{number}.png"): LabelFinding((9, 9), None, pixels=tuple(pixels.items()))
        for number, pixels in enumerate(maps)
    }
    return [(str(file), message) for file, message in rare_classes(INDEX, Findings(labels=findings))]


def test_a_class_of_one_pixel_is_named_with_its_label_map() -> None:
    ((file, message),) = warned({0: 400, 1: 400}, {0: 399, 1: 400, 2: 1})
    assert file == "1.png"
    assert message.startswith("the class 'car' has only 1 pixel in all label maps, 1.png for example; ")


def test_the_lowest_class_can_be_a_slip_too() -> None:
    ((file, message),) = warned({0: 3, 1: 400, 2: 400}, {0: 1, 1: 400})
    assert file == "0.png"
    assert message.startswith("the class 'sky' has only 4 pixels in all label maps")


@pytest.mark.parametrize(
    "maps",
    [
        [{0: 400, 1: 400, 2: 3}, {2: 2}],  # five pixels together
        [{0: 9, 1: 9, 2: 1}],  # one of nineteen
        [{0: 400, 1: 400, IGNORE: 1}],
    ],
)
def test_other_classes_are_not_named(maps: list[dict[int, int]]) -> None:
    assert warned(*maps) == []
