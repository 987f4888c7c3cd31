"""All 459 classes of PASCAL Context: the MATLAB files of ``pascal_context``, so this format is never detected.

A value i, 1 to 459, is the class that line i of the official ``labels.txt`` names; 0 is ignored.
"""

from __future__ import annotations

from pathlib import Path

from encnet.data.class_indices import ignore_of
from encnet.data.dataset import DatasetIndex
from encnet.data.formats.pascal_context import find_original, photographs, samples_of
from encnet.data.formats.voc import bit_palette
from encnet.data.labels import LabelSet
from encnet.data.palette import Color


def recognise(root: Path) -> str | None:
    """None: this format is used only if it is named."""
    return None


def read(root: Path) -> DatasetIndex:
    """The splits train and val, with classes in the order of their numbers.

    Raises:
        InputError: images, lists, ``trainval/*.mat`` or labels.txt are missing, or labels.txt has a mistake.
    """
    voc = photographs(root)
    maps = find_original(voc, spaces=True)
    ignore = ignore_of(len(maps.numbers))
    raw: dict[int | Color, int] = {0: ignore, **{number: index for index, number in enumerate(sorted(maps.numbers))}}
    names = tuple(maps.numbers[number] for number in sorted(maps.numbers))
    labels = LabelSet(names, bit_palette(len(names) + 1)[1:], "value", {ignore: ignore, **raw})
    return DatasetIndex("pascal_context459", root, labels, samples_of(voc, maps))
