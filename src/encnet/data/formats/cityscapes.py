"""Cityscapes (Cordts et al., 2016), fine annotations: 19 classes.

``leftImg8bit/{train,val,test}/<city>/*_leftImg8bit.png`` are the images, ``gtFine/.../*_gtFine_labelIds.png`` the
label maps, both 2048 x 1024, the size at which the benchmark evaluates. Label maps are grey with ids 0 to 33; 19 ids
are evaluated and the others ignored. The label maps of test are dummies without labelled pixels, so they are not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats.archive import Archive, first_file, first_folder
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import Color

IMAGES, LABELS = "leftImg8bit", "gtFine"

ARCHIVE: Archive = Archive(
    "Cityscapes",
    "https://www.cityscapes-dataset.com/downloads (after registration)",
    {IMAGES: "leftImg8bit_trainvaltest.zip", LABELS: "gtFine_trainvaltest.zip"},
)

_IMAGE_ENDING, _LABEL_ENDING = "_leftImg8bit.png", "_gtFine_labelIds.png"


class _Class(NamedTuple):
    name: str
    id: int
    color: Color


# The classes that are evaluated, in the order of their train ids.
_CLASSES = (
    _Class("road", 7, (128, 64, 128)),
    _Class("sidewalk", 8, (244, 35, 232)),
    _Class("building", 11, (70, 70, 70)),
    _Class("wall", 12, (102, 102, 156)),
    _Class("fence", 13, (190, 153, 153)),
    _Class("pole", 17, (153, 153, 153)),
    _Class("traffic light", 19, (250, 170, 30)),
    _Class("traffic sign", 20, (220, 220, 0)),
    _Class("vegetation", 21, (107, 142, 35)),
    _Class("terrain", 22, (152, 251, 152)),
    _Class("sky", 23, (70, 130, 180)),
    _Class("person", 24, (220, 20, 60)),
    _Class("rider", 25, (255, 0, 0)),
    _Class("car", 26, (0, 0, 142)),
    _Class("truck", 27, (0, 0, 70)),
    _Class("bus", 28, (0, 60, 100)),
    _Class("train", 31, (0, 80, 100)),
    _Class("motorcycle", 32, (0, 0, 230)),
    _Class("bicycle", 33, (119, 11, 32)),
)
_IDS = range(34)


def recognise(root: Path) -> str | None:
    """Why ``root`` is or contains one of the two unpacked archives: the names of its files."""
    found = first_file(f"*/*/*{_IMAGE_ENDING}", _folder(root, IMAGES))
    found = found or first_file(f"*/*/*{_LABEL_ENDING}", _folder(root, LABELS))
    return None if found is None else f"it holds {found.name}"


def read(root: Path) -> DatasetIndex:
    """The splits train, val and, if its images are there, test.

    Raises:
        InputError: the images or the label maps of train or val are missing.
    """
    base = {part: _folder(root, part) for part in (IMAGES, LABELS)}
    parts = {split: [f"{part}/{split}" for part in base] for split in ("train", "val")}
    present = [split for split in parts if any((folder / split).is_dir() for folder in base.values())]
    required = [part for split in present or parts for part in parts[split]]
    missing = [part for part in required if not (base[part.split("/")[0]].parent / part).is_dir()]
    if missing:
        raise ARCHIVE.incomplete(root, missing)
    splits = {split: _pair(base[IMAGES] / split, base[LABELS] / split) for split in present}
    if (base[IMAGES] / "test").is_dir():
        splits["test"] = tuple(Sample(image, None) for image in _files(base[IMAGES] / "test", _IMAGE_ENDING).values())
    absent = {split: ARCHIVE.lacks(parts[split]) for split in parts if split not in present}
    return DatasetIndex("cityscapes", root, labels(), splits, absent=absent)


def labels() -> LabelSet:
    """The 19 evaluated classes; the other ids, and 255, are ignored."""
    targets = {entry.id: index for index, entry in enumerate(_CLASSES)}
    raw: dict[int | Color, int] = {value: targets.get(value, IGNORE) for value in (*_IDS, IGNORE)}
    names, palette = tuple(entry.name for entry in _CLASSES), tuple(entry.color for entry in _CLASSES)
    return LabelSet(names, palette, "value", raw)


def _folder(root: Path, part: str) -> Path:
    """The folder of images or label maps: in ``root``, in a folder named after its archive, or beside ``root``."""
    inner = root.resolve()
    beside = [inner.parent / part] if inner.name in (IMAGES, LABELS) else []
    return first_folder(*beside, root / "cityscapes" / part, root / f"{part}_trainvaltest" / part, root / part)


def _pair(images: Path, labels: Path) -> tuple[Sample, ...]:
    """The samples of a split; where an image or label map is missing, the path says where it was expected."""
    photographs, maps = _files(images, _IMAGE_ENDING), _files(labels, _LABEL_ENDING)
    return tuple(
        Sample(
            photographs.get(key, images / f"{key}{_IMAGE_ENDING}"),
            maps.get(key, labels / f"{key}{_LABEL_ENDING}"),
        )
        for key in sorted(photographs.keys() | maps.keys())
    )


def _files(folder: Path, ending: str) -> dict[str, Path]:
    """``<city>/<frame>`` -> file, sorted; a split has one folder per city."""
    paths = sorted(folder.glob(f"*/[!.]*{ending}"))
    return {f"{path.parent.name}/{path.name.removesuffix(ending)}": path for path in paths}
