"""PASCAL Context (Mottaghi et al., 2014): 59 classes and background, on the images of PASCAL VOC 2010.

``VOCdevkit/VOC2010/`` holds ``JPEGImages/*.jpg``. The label maps are in VOC2010/, beside it or beside VOCdevkit/:

- ``SegmentationClassContext/*.png``: 0 is background, 1 to 59 the classes in alphabetical order, as converters write;
- ``59_context_labels/*.png``: 0 is background, 1 to 59 the classes as the official ``59_labels.txt`` numbers them;
- ``trainval/*.mat``: the original's 459 classes, as the official ``labels.txt`` numbers them. They are matched to the
  59 by name; the 400 others, and 0, are background.

The splits are ``ImageSets/SegmentationContext/{train,val}.txt`` or else ``ImageSets/Main/{train,val}.txt`` (4998 and
5105 images), those of VOC 2010 and of published figures. The format ``pascal_context59`` ignores background instead,
and ``pascal_context459`` keeps all 459 classes of the original.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats.archive import Archive
from encnet.data.formats.pairs import read_names
from encnet.data.formats.voc import bit_palette, find_beside, find_devkit, first_of_voc, read_stems, samples
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.matlab import MATLAB_SUFFIX
from encnet.data.palette import Color
from encnet.system.errors import InputError

ARCHIVE: Archive = Archive(
    "PASCAL Context",
    "https://cs.stanford.edu/~roozbeh/pascal-context",
    {
        "59_labels.txt": "59_labels.txt",
        "labels.txt": "trainval.tar.gz",
        "trainval": "trainval.tar.gz",
        "59_context_labels": "59_context_labels.tar.gz",
    },
)
IMAGES: Archive = Archive(
    "PASCAL VOC 2010", "http://host.robots.ox.ac.uk/pascal/VOC/voc2010/", {"": "VOCtrainval_03-May-2010.tar"}
)

NAMES: tuple[str, ...] = (
    *("aeroplane", "bag", "bed", "bedclothes", "bench", "bicycle", "bird", "boat", "book", "bottle", "building", "bus"),
    *("cabinet", "car", "cat", "ceiling", "chair", "cloth", "computer", "cow", "cup", "curtain", "dog", "door"),
    *("fence", "floor", "flower", "food", "grass", "ground", "horse", "keyboard", "light", "motorbike", "mountain"),
    *("mouse", "person", "plate", "platform", "pottedplant", "road", "rock", "sheep", "shelves", "sidewalk", "sign"),
    *("sky", "snow", "sofa", "table", "track", "train", "tree", "truck", "tvmonitor", "wall", "water", "window"),
    "wood",
)
"""The 59 classes in alphabetical order, which is also that of their numbers among the 459."""

# Names in 59_labels.txt that differ -> the names above.
_ALIASES = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}

_FOLDER = "VOC2010"
_CONVERTED, _OFFICIAL, _ORIGINAL = "SegmentationClassContext", "59_context_labels", "trainval"
_LISTS = "ImageSets/SegmentationContext"


def recognise(root: Path) -> str | None:
    """Why ``root`` is or contains VOC2010/, or contains label maps of PASCAL Context: the names of its files."""
    kit = find_devkit(root, _FOLDER)
    folders = [base / part for base in (kit, root) for part in (_CONVERTED, _OFFICIAL, _ORIGINAL)]
    inside = first_of_voc("{}.*", *folders)
    if inside is None and (kit != root or root.resolve().name == _FOLDER):
        inside = first_of_voc("{}.jpg", kit / "JPEGImages")
    return None if inside is None else f"{inside.parent.name}/ holds {inside.name}"


def read(root: Path) -> DatasetIndex:
    """The splits train and val, with background as class 0.

    Raises:
        InputError: images, lists, label maps or the table of class numbers are missing or have a mistake.
    """
    return read_classes(root, "pascal_context", background=True)


def read_classes(root: Path, name: str, background: bool) -> DatasetIndex:
    """The data set ``name``, whose 59 classes follow background as class 0, or start at 0 if background is ignored."""
    voc = photographs(root)
    maps = _find_maps(voc)
    return DatasetIndex(name, root, _labels(maps.numbers, background), samples_of(voc, maps))


def photographs(root: Path) -> Path:
    """VOC2010/ in ``root``; raises InputError if its photographs or lists are missing."""
    voc = find_devkit(root, _FOLDER)
    IMAGES.require(voc, ["JPEGImages", *(f"{_lists(voc)}/{split}.txt" for split in ("train", "val"))])
    return voc


def _lists(voc: Path) -> str:
    return _LISTS if (voc / _LISTS).is_dir() else "ImageSets/Main"


class Maps(NamedTuple):
    """The label maps of PASCAL Context in one of their forms."""

    folder: Path
    """Where they are."""
    suffix: str
    """The suffix of their files."""
    numbers: dict[int, str]
    """Value -> class name, without 0."""


def samples_of(voc: Path, maps: Maps) -> dict[str, tuple[Sample, ...]]:
    """The splits train and val."""
    stems = {split: read_stems(voc / _lists(voc) / f"{split}.txt") for split in ("train", "val")}
    return {split: samples(voc, stems[split], lambda stem: maps.folder / f"{stem}{maps.suffix}") for split in stems}


def _find_maps(voc: Path) -> Maps:
    folder = find_beside(voc, _CONVERTED)
    if folder is not None:
        return Maps(folder, ".png", dict(enumerate(NAMES, start=1)))
    folder = find_beside(voc, _OFFICIAL)
    if folder is not None:
        return Maps(folder, ".png", _read_numbers(voc, "59_labels.txt"))
    if find_beside(voc, _ORIGINAL) is None:
        raise ARCHIVE.incomplete(voc, [_OFFICIAL])
    return find_original(voc)


def find_original(voc: Path, spaces: bool = False) -> Maps:
    """The original label maps, with 459 classes.

    Args:
        voc: VOC2010/.
        spaces: whether class names are as labels.txt has them, not as in ``NAMES``.

    Raises:
        InputError: they or labels.txt are missing, or SciPy is not installed.
    """
    folder = find_beside(voc, _ORIGINAL)
    if folder is None:
        raise ARCHIVE.incomplete(voc, [_ORIGINAL])
    return Maps(folder, MATLAB_SUFFIX, _read_numbers(voc, "labels.txt", spaces))


def _read_numbers(voc: Path, file_name: str, spaces: bool = False) -> dict[int, str]:
    """Number -> name from a table of lines ``number: name``; the 59 classes get the names in ``NAMES``."""
    path = find_beside(voc, file_name)
    if path is None:
        raise ARCHIVE.incomplete(voc, [file_name])
    numbers: dict[int, str] = {}
    for line, text in read_names(path).items():
        number, colon, name = text.partition(":")
        if not colon or not number.strip().isdecimal():
            raise InputError(f"{path}, line {line}: '{text}' is not of the form 'number: name'")
        name = name.strip() if spaces else name.replace(" ", "")
        if int(number) in numbers:
            raise InputError(f"{path}, line {line}: the number {int(number)} is on an earlier line too")
        numbers[int(number)] = name if spaces else _ALIASES.get(name, name)
    if spaces:
        numbers.pop(0, None)
        return numbers
    lacking = [name for name in NAMES if name not in numbers.values()]
    if lacking:
        raise InputError(f"{path} does not name {', '.join(lacking)}; copy it from {ARCHIVE.home}")
    numbers.pop(0, None)
    return numbers


def _labels(numbers: dict[int, str], background: bool) -> LabelSet:
    names = ("background", *NAMES) if background else NAMES
    rest = 0 if background else IGNORE
    targets = {name: index for index, name in enumerate(names)}
    raw: dict[int | Color, int] = {0: rest}
    raw.update({number: targets.get(name, rest) for number, name in sorted(numbers.items())})
    raw.setdefault(IGNORE, IGNORE)  # unless it is one of the 459 numbers
    return LabelSet(names, bit_palette(len(NAMES) + 1)[-len(names) :], "value", raw)
