"""Masks with a class table: CVAT's export "Segmentation mask 1.1", and folders of one's own that are like PASCAL VOC.

``SegmentationClass/*.png`` holds the masks and ``JPEGImages/`` the photographs. ``labelmap.txt`` gives each label a
colour; ``class_names.txt``, as labelme's converter writes it, gives each label a value; without either, the values or
colours themselves become classes. The lists ``ImageSets/Segmentation/{train,val,test}.txt`` are splits, and CVAT's
``default.txt`` is none. https://docs.cvat.ai/docs/dataset_management/formats/format-smask/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from encnet.data.images import open_image
from encnet.data.labelling.annotations import AnnotatedImage, Annotations, Area, read_bytes, split_named
from encnet.data.labelling.class_table import CLASS_NAMES, LABELMAP, ClassTable, read_lines, read_table
from encnet.data.labelling.finder import MISSING, Finder
from encnet.data.labelling.mask_scan import contents, encoding_of, raw, scan_masks
from encnet.data.labelling.splits import one_split
from encnet.data.palette import Color
from encnet.data.raw_labels import unpack_color
from encnet.system.errors import InputError

_MASKS, _OBJECTS, _PHOTOGRAPHS = "SegmentationClass", "SegmentationObject", "JPEGImages"
_LISTS = "ImageSets/Segmentation"
_NAMED_COLORS = 5  # of those that a table lacks; smoothed edges have thousands


def detect(path: Path) -> bool:
    """Whether a file is a class table beside SegmentationClass/, or a mask in SegmentationClass/."""
    if path.name in (LABELMAP, CLASS_NAMES):
        return (path.parent / _MASKS).is_dir()
    return path.suffix.lower() == ".png" and _MASKS in path.parts


def read(files: list[Path], root: Path, images: Path | None) -> Annotations:
    """The areas of each label in the masks.

    Args:
        files: class tables and masks; other files of their folders are found from these.
        root: the folder that they are in.
        images: folder of the photographs; None means JPEGImages/ beside the masks.

    Raises:
        InputError: a class table or list has a mistake, there is no mask, all photographs are missing, or masks without
            a table are of two kinds or have too many values.
    """
    folders = dict.fromkeys(_export_of(path) for path in files)
    left_out: Counter[str] = Counter()
    annotated: list[AnnotatedImage] = []
    labels: dict[str, Color | None] = {}
    reasons = []
    for folder in folders:
        masks = {path.relative_to(folder / _MASKS).with_suffix("").as_posix(): path for path in _pngs(folder / _MASKS)}
        if not masks:
            raise InputError(f"{folder / _MASKS} has no mask; export the masks again, as PNG")
        table = read_table(folder) or scan_masks(masks.values(), folder / _MASKS)
        for label, color in table.labels.items():
            labels[label] = labels.get(label) or color
        photographs = Finder(images or folder / _PHOTOGRAPHS)
        annotated += _Export(folder, table, photographs, left_out).images(masks)
        reasons.append(f"{folder.name}/{_MASKS} holds {len(masks)} masks, with the classes of {table.source}")
    return Annotations(tuple(annotated), labels, left_out=left_out, why="; ".join(reasons))


def _export_of(path: Path) -> Path:
    """The folder of SegmentationClass/ that a table or mask belongs to."""
    if path.name in (LABELMAP, CLASS_NAMES):
        return path.parent
    return next(folder.parent for folder in path.parents if folder.name == _MASKS)


def _pngs(folder: Path) -> list[Path]:
    files = folder.rglob("*") if folder.is_dir() else ()
    return sorted(path for path in files if path.suffix.lower() == ".png" and not path.name.startswith("."))


class _Export:
    """One folder with masks: its table, its photographs and the notes on what is left out."""

    def __init__(self, folder: Path, table: ClassTable, photographs: Finder, left_out: Counter[str]) -> None:
        self._folder = folder
        self._table = table
        self._photographs = photographs
        self._left_out = left_out
        self._labels = list(table.labels)
        self._unknown: dict[int, tuple[int, int]] = {}  # value or colour -> pixels, files
        # The areas of an image are drawn one after the other: its mask is decoded once for all.
        self._raw: Callable[[Path, str], np.ndarray] = lru_cache(maxsize=1)(_decoded)

    def images(self, masks: dict[str, Path]) -> list[AnnotatedImage]:
        """The photographs of these masks; stem -> mask."""
        splits = _splits(self._folder / _LISTS, masks, self._left_out)
        found: list[AnnotatedImage] = []
        missing = 0
        for stem, mask in masks.items():
            if splits is not None and stem not in splits:
                self._left_out[f"mask that no list in {_LISTS} names"] += 1
                continue
            photograph = self._photographs.find(mask, stem)
            if photograph is None:
                missing += 1
                continue
            try:
                size, areas = self._areas(mask)
            except (InputError, ValueError):
                self._left_out["mask that cannot be read"] += 1
                continue
            name = f"{stem}{photograph.suffix}"
            split = splits[stem] if splits is not None else None
            found.append(AnnotatedImage(name, partial(read_bytes, photograph), size, areas, split))
        if missing:
            self._photographs.require(len(found), self._folder / _MASKS, next(iter(masks)))
            self._left_out[MISSING] += missing
        if without := (splits or {}).keys() - masks.keys():
            self._left_out[f"photograph in {_LISTS} without a mask"] += len(without)
        if objects := _pngs(self._folder / _OBJECTS):
            self._left_out[f"mask of {_OBJECTS}/, which tells objects apart, not classes"] += len(objects)
        if self._unknown and not any(image.areas for image in found):
            raise InputError(
                f"the masks in {self._folder / _MASKS} have nothing that {self._table.source} lists, but"
                f" {self._named(next(iter(self._unknown)))}, for example; correct {self._table.source}"
            )
        self._count_unknown()
        return found

    def _areas(self, mask: Path) -> tuple[tuple[int, int], tuple[Area, ...]]:
        """(height, width) of a mask, and an area for each label in it."""
        image = open_image(mask)
        encoding = encoding_of(image, self._table)
        areas = []
        for code, pixels in contents(image, encoding).items():
            if encoding == "position":
                label = self._labels[code]
            elif code in self._table.codes:
                label = self._table.codes[code]
            else:
                known_pixels, known_files = self._unknown.get(code, (0, 0))
                self._unknown[code] = (known_pixels + pixels, known_files + 1)
                continue
            if label is not None:
                areas.append(Area(label, partial(self._mask, mask, encoding, code)))
        return (image.height, image.width), tuple(areas)

    def _mask(self, path: Path, encoding: str, code: int, height: int, width: int) -> np.ndarray:
        mask = self._raw(path, encoding) == code
        if mask.shape != (height, width):
            raise InputError(
                f"{path} is {mask.shape[1]} x {mask.shape[0]} pixels, but its photograph is {width} x {height}; export"
                " the mask at the size of the photograph"
            )
        return mask

    def _named(self, code: int) -> str:
        return f"colour {unpack_color(code)}" if self._table.encoding == "color" else f"value {code}"

    def _count_unknown(self) -> None:
        """Counts the pixels of colours that the table lacks, the most frequent colours by name."""
        often = sorted(self._unknown.items(), key=lambda entry: -entry[1][0])
        for code, (pixels, number) in often[:_NAMED_COLORS]:
            files = "1 mask" if number == 1 else f"{number} masks"
            self._left_out[f"pixel of {self._named(code)} in {files}, which {self._table.source} lacks"] += pixels
        if len(often) > _NAMED_COLORS:
            kind = f"pixel of {len(often) - _NAMED_COLORS} other colours or values, which {self._table.source} lacks"
            self._left_out[kind] += sum(pixels for _, (pixels, _) in often[_NAMED_COLORS:])


def _decoded(path: Path, encoding: str) -> np.ndarray:
    return raw(open_image(path), encoding)


def _splits(folder: Path, masks: dict[str, Path], left_out: Counter[str]) -> dict[str, str | None] | None:
    """Stem -> split, of all stems that a list names; None if there is no list."""
    lists = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    named: dict[str | None, list[str]] = {}
    for path in lists:
        named.setdefault(split_named(path.stem), []).extend(_stem(line, masks) for line in read_lines(path) if line)
    return one_split(named, left_out) if lists else None


def _stem(line: str, masks: dict[str, Path]) -> str:
    """The stem in a line of a list: the whole line, the text in its quotes, or its first word (VOC adds a flag)."""
    candidates = (line, line.strip('"'), line.split()[0])
    return next((stem for stem in candidates if stem in masks), candidates[1])
