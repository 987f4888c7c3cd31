"""PASCAL VOC 2012 (Everingham et al.) with the label maps that SBD (Hariharan et al., 2011) adds: 21 classes.

``VOCdevkit/VOC2012/`` holds ``JPEGImages/*.jpg``, ``SegmentationClass/*.png`` and the lists
``ImageSets/Segmentation/{train,val,trainval}.txt``. Label maps are palette images: the index is the class, 0 is
background and 255, the border of objects, is ignored.

The split ``train_aug`` is all of SBD and VOC train except the images of VOC val: 10582 images. SBD is in
``benchmark_RELEASE/``, as it unpacks, or converted in ``SegmentationClassAug/*.png``: in VOC2012/, beside it or beside
VOCdevkit/. Images of VOC train keep VOC's label maps, which are finer.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from pathlib import Path

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats.archive import Archive, first_file, first_folder
from encnet.data.formats.matching import LABEL_SUFFIXES
from encnet.data.formats.pairs import files, read_names
from encnet.data.labels import LabelSet
from encnet.data.matlab import MATLAB_SUFFIX
from encnet.data.palette import Color
from encnet.system.errors import InputError

ARCHIVE: Archive = Archive(
    "PASCAL VOC 2012", "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/", {"": "VOCtrainval_11-May-2012.tar"}
)
SBD: Archive = Archive("SBD", "http://home.bharathh.info/pubs/codes/SBD/download.html", {"": "benchmark.tgz"})

NAMES: tuple[str, ...] = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)

_STEM_PATTERNS = ("200[7-9]_00[0-9][0-9][0-9][0-9]", "201[0-2]_00[0-9][0-9][0-9][0-9]")
"""Glob patterns of the names of VOC's photographs, 2007_000032: years to 2012, and numbers below 10000."""

_FOLDER = "VOC2012"
_LISTS = "ImageSets/Segmentation"
_CLASS_TABLE = "labelmap.txt"  # CVAT writes it beside masks in VOC's folders
_SBD_FOLDER, _CONVERTED = "benchmark_RELEASE", "SegmentationClassAug"


def recognise(root: Path) -> str | None:
    """Why ``root`` is or contains VOC2012/, or contains SBD: the names of its files.

    Masks of one's own in VOC's folders are recognised too, although ``read`` only tells how to import them: else the
    answer would be that no format fits.
    """
    kit = find_devkit(root, _FOLDER)
    if kit == root and root.resolve().name == "VOC2010":  # the same folders; it counts as PASCAL Context
        return None
    if _has_table(root):
        return f"it has a {_CLASS_TABLE}"
    found = _official_file(kit) or first_of_voc("dataset/*/{}.*", root / _SBD_FOLDER)
    if found is None:
        return "it has the folders of PASCAL VOC" if _has_folders(root) else None
    return f"{found.parent.name}/ holds {found.name}"


def read(root: Path) -> DatasetIndex:
    """The splits train, val, trainval and train_aug, and test (without label maps) if its list is there.

    Raises:
        InputError: a folder or list of VOC2012/ is missing, a list cannot be read, or the masks are one's own.
    """
    voc = find_devkit(root, _FOLDER)
    if _has_table(voc) or (_has_folders(voc) and _official_file(voc) is None):
        reason = f"it has a {_CLASS_TABLE}" if _has_table(voc) else "it holds no photograph of VOC's"
        raise InputError(
            f"{voc} has the folders of PASCAL VOC, but is not PASCAL VOC: {reason}; import it by `encnet import-labels"
            f" {shlex.quote(str(voc))} --out FOLDER`"
        )
    ARCHIVE.require(voc, ["JPEGImages", "SegmentationClass", *(f"{_LISTS}/{split}.txt" for split in ("train", "val"))])
    lists = {split: voc / _LISTS / f"{split}.txt" for split in ("train", "val", "trainval", "test")}
    stems = {split: read_stems(path) for split, path in lists.items() if path.is_file()}
    splits = {split: samples(voc, stems[split], _label_in(voc)) for split in stems if split != "test"}
    absent = {}
    augmented = _augmented(voc, stems["train"], stems["val"])
    if isinstance(augmented, str):
        absent["train_aug"] = augmented
    else:
        splits["train_aug"] = augmented
    if "test" in stems:
        splits["test"] = samples(voc, stems["test"], lambda stem: None)
    labels = LabelSet.plain(NAMES, bit_palette(len(NAMES)))
    return DatasetIndex("voc", root, labels, splits, frozenset({"trainval", "train_aug"}), absent)


def _has_folders(root: Path) -> bool:
    return all((root / part).is_dir() for part in ("JPEGImages", "SegmentationClass", _LISTS))


def _has_table(root: Path) -> bool:
    return (root / _CLASS_TABLE).is_file() and (root / "SegmentationClass").is_dir()


def _official_file(kit: Path) -> Path | None:
    """A file of a development kit with the name of a photograph of VOC."""
    folders = [kit / "SegmentationClass", *([kit / "JPEGImages"] if (kit / _LISTS).is_dir() else [])]
    return first_of_voc("{}.*", *folders)


def first_of_voc(pattern: str, *folders: Path) -> Path | None:
    """A file in one of the folders that is named like a photograph of VOC; None if there is none.

    Args:
        pattern: glob pattern of its path in the folder, in which ``{}`` stands for the name.
        folders: the folders.
    """
    found = (first_file(pattern.format(stem), *folders) for stem in _STEM_PATTERNS)
    return next((path for path in found if path is not None), None)


def find_devkit(root: Path, year: str) -> Path:
    """The folder ``year`` of a development kit; ``root`` is that folder, VOCdevkit/, or the folder above it."""
    return first_folder(root / "VOCdevkit" / year, root / year, root)


def find_beside(voc: Path, name: str) -> Path | None:
    """A folder or file in a development kit's folder of a year, beside that, or beside VOCdevkit/; else None."""
    year = voc.resolve()
    beside = [year.parent, year.parent.parent] if year.parent.name == "VOCdevkit" else [year.parent]
    return next((folder / name for folder in (voc, *beside) if (folder / name).exists()), None)


def read_stems(path: Path) -> list[str]:
    """The first word of each line of a list file."""
    return [line.split()[0] for line in read_names(path).values()]


def samples(voc: Path, stems: Iterable[str], label: Callable[[str], Path | None]) -> tuple[Sample, ...]:
    """Samples with the images of these stems in JPEGImages/; ``label`` gives the label map of a stem."""
    return tuple(Sample(voc / "JPEGImages" / f"{stem}.jpg", label(stem)) for stem in stems)


def bit_palette(n: int) -> tuple[Color, ...]:
    """VOC's own palette: bits 0, 1 and 2 of an index are the top bits of red, green and blue, and so on."""
    return tuple((_channel(index, 0), _channel(index, 1), _channel(index, 2)) for index in range(n))


def _channel(index: int, channel: int) -> int:
    return sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))


def _label_in(voc: Path) -> Callable[[str], Path]:
    return lambda stem: voc / "SegmentationClass" / f"{stem}.png"


def _augmented(voc: Path, train: list[str], val: list[str]) -> tuple[Sample, ...] | str:
    """The samples of train_aug, or why there are none; converted label maps come first, as they are faster to read."""
    converted, sbd = find_beside(voc, _CONVERTED), find_beside(voc, _SBD_FOLDER)
    if converted is not None:
        added = {path.stem: path for path in files(converted, LABEL_SUFFIXES)}
    elif sbd is None:
        return SBD.lacks([_SBD_FOLDER])
    else:
        parts = [f"dataset/{part}" for part in ("img", "cls", "train.txt", "val.txt")]
        missing = [f"{_SBD_FOLDER}/{part}" for part in parts if not (sbd / part).exists()]
        if missing:
            return SBD.lacks(missing)
        listed = [stem for split in ("train", "val") for stem in read_stems(sbd / "dataset" / f"{split}.txt")]
        added = {stem: sbd / "dataset" / "cls" / f"{stem}{MATLAB_SUFFIX}" for stem in listed}
    label_of = {**added, **{stem: _label_in(voc)(stem) for stem in train}}
    augmented = samples(voc, sorted(label_of.keys() - set(val)), label_of.get)
    if sbd is None:
        return augmented
    # VOC 2012 has the images of SBD too; those that a copy lacks are taken from SBD.
    return tuple(s if s.image.is_file() else Sample(sbd / "dataset" / "img" / s.image.name, s.label) for s in augmented)
