"""ADE20K (Zhou et al., 2017) as distributed for its scene parsing challenge: 150 classes.

``ADEChallengeData2016/`` holds ``images/{training,validation}/ADE_*.jpg``, ``annotations/{training,validation}/*.png``
and ``objectInfo150.txt``. Label maps are grey: 0 is unlabelled and ignored, 1 to 150 are classes 0 to 149. The test
images, in ``images/testing/`` or ``release_test/testing/``, have no label maps.
"""

from __future__ import annotations

import csv
from importlib.resources import files
from pathlib import Path

from encnet.data.dataset import DatasetIndex
from encnet.data.formats.archive import Archive, first_file, first_folder
from encnet.data.formats.pairs import pair, read_names
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import Color
from encnet.system.errors import InputError
from encnet.system.text import counted

ARCHIVE: Archive = Archive("ADE20K", "http://sceneparsing.csail.mit.edu", {"": "ADEChallengeData2016.zip"})

_FOLDER = "ADEChallengeData2016"
_PARTS = {
    "train": ("images/training", "annotations/training"),
    "val": ("images/validation", "annotations/validation"),
}
_CLASS_TABLE = "objectInfo150.txt"


def recognise(root: Path) -> str | None:
    """Why ``root`` is or contains the unpacked archive, or a part of it: the names of its files."""
    base = first_folder(root / _FOLDER, root)
    found = first_file("ADE_*", *(base / part for parts in _PARTS.values() for part in parts))
    return None if found is None else f"it holds {found.relative_to(root)}"


def read(root: Path) -> DatasetIndex:
    """The splits train, val and, if its images are there, test.

    Raises:
        InputError: images or label maps are missing, or the class table has a mistake.
    """
    base = first_folder(root / _FOLDER, root)
    present = {split: parts for split, parts in _PARTS.items() if any((base / part).is_dir() for part in parts)}
    ARCHIVE.require(base, [part for parts in (present or _PARTS).values() for part in parts])
    splits = {split: pair(base / images, base / labels) for split, (images, labels) in present.items()}
    testing = first_folder(base / "images/testing", root / "release_test/testing", base.parent / "release_test/testing")
    if testing.is_dir():
        splits["test"] = pair(testing, None)
    absent = {split: ARCHIVE.lacks(parts) for split, parts in _PARTS.items() if split not in present}
    return DatasetIndex("ade20k", root, _labels(base / _CLASS_TABLE), splits, absent=absent)


def class_table() -> dict[str, Color]:
    """First name of each of the 150 classes -> the colour in which the data set's authors show it."""
    lines = (files("encnet.data.formats") / "tables" / "ade20k.csv").read_text(encoding="utf-8").splitlines()
    return {row["name"]: (int(row["r"]), int(row["g"]), int(row["b"])) for row in csv.DictReader(lines)}


def _labels(table: Path) -> LabelSet:
    """Raw value i + 1 is class i; the names come from the archive's own table if it is there."""
    names, palette = tuple(class_table()), tuple(class_table().values())
    if table.is_file():
        names = _read_names(table)
    raw: dict[int | Color, int] = {0: IGNORE, **{index + 1: index for index in range(len(names))}, IGNORE: IGNORE}
    try:
        return LabelSet(names, palette, "value", raw)
    except InputError as error:
        raise InputError(f"{table}: {error}; copy it from {ARCHIVE.origin['']}") from error


def _read_names(path: Path) -> tuple[str, ...]:
    """The first of the comma-separated names in each row's last column; the columns are separated by tabs."""
    lines = list(read_names(path).items())
    heading = lines[0][1] if lines else ""
    names: list[str] = []
    for number, row in lines[1:]:
        index, *_, name = row.split("\t")
        if not index.strip().isdecimal() or int(index) != len(names) + 1:
            raise InputError(f"{path}, line {number}: '{row}' does not start with {len(names) + 1} and a tab")
        names.append(name.split(",")[0].strip())
    if len(names) != 150:
        raise InputError(f"{path} names {counted(len(names), 'class')} below its heading '{heading}', not 150")
    return tuple(names)
