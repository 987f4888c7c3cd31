"""Masks with a class table: CVAT's export "Segmentation mask 1.1", and folders of one's own that are like PASCAL VOC.

``SegmentationClass/*.png`` holds the masks and ``JPEGImages/`` the photographs. ``labelmap.txt`` gives each label a
colour; ``class_names.txt``, as labelme's converter writes it, gives each label a value; without either, the values or
colours themselves become classes. The lists ``ImageSets/Segmentation/{train,val,test}.txt`` are splits, and CVAT's
``default.txt`` is none. https://docs.cvat.ai/docs/dataset_management/formats/format-smask/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container
from functools import lru_cache, partial
from pathlib import Path, PurePosixPath

import numpy as np

from encnet.data.images import open_label_map
from encnet.data.labelling.annotations import (
    AnnotatedImage,
    Annotations,
    Area,
    first_names,
    read_bytes,
    relative_name,
    shown_name,
    split_named,
)
from encnet.data.labelling.class_table import CLASS_NAMES, LABELMAP, read_lines, read_table
from encnet.data.labelling.mask_scan import Unknown, contents, encoding_of, positions_mask, raw, scan_masks
from encnet.data.labelling.photographs import PhotographError, Photographs
from encnet.data.labelling.splits import one_split
from encnet.data.palette import Color
from encnet.system.errors import InputError
from encnet.system.folders import files_below
from encnet.system.ledger import Ledger
from encnet.system.text import counted

_MASKS, _OBJECTS, _PHOTOGRAPHS = "SegmentationClass", "SegmentationObject", "JPEGImages"
_LISTS = "ImageSets/Segmentation"


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
    exports = [_Export(folder, root, images) for folder in folders]
    labels: dict[str, Color | None] = {}
    for export in exports:
        export.read()
        for label, color in export.table.labels.items():
            labels[label] = labels.get(label) or color
    annotated = [image for export in exports for image in export.images]
    if not annotated:
        raise next(error for export in exports for error in export.errors)
    ledger = Ledger()
    left_out: Counter[str] = Counter()
    examples: dict[str, list[str]] = {}
    for export in exports:
        ledger.merge(export.ledger)
        for kind, (number, names) in export.unknown.kinds(export.table).items():
            left_out[kind] += number
            examples[kind] = names
    return Annotations(
        tuple(annotated),
        labels,
        False,
        left_out,
        examples,
        ledger,
        tuple(path for export in exports for path in export.lists),
        tuple(note for export in exports for note in export.notes),
        "; ".join(export.why for export in exports),
    )


def _export_of(path: Path) -> Path:
    """The folder of SegmentationClass/ that a table or mask belongs to."""
    if path.name in (LABELMAP, CLASS_NAMES):
        return path.parent
    return next(folder.parent for folder in path.parents if folder.name == _MASKS)


def _pngs(folder: Path) -> list[Path]:
    return sorted(
        path for path in files_below(folder) if path.suffix.lower() == ".png" and not path.name.startswith(".")
    )


class _Export:
    """One folder with masks."""

    def __init__(self, folder: Path, root: Path, images: Path | None) -> None:
        self._folder = folder
        self._root = root
        self._photographs = Photographs(images or folder / _PHOTOGRAPHS)
        self._masks = {
            path.relative_to(folder / _MASKS).with_suffix("").as_posix(): path for path in _pngs(folder / _MASKS)
        }
        if not self._masks:
            raise InputError(f"{folder / _MASKS} has no mask; export the masks again, as PNG")
        self.table = read_table(folder) or scan_masks(self._masks.values(), folder / _MASKS)
        self._shows_positions = positions_mask(self._masks.values(), self.table)
        self.lists = sorted((folder / _LISTS).glob("*.txt")) if (folder / _LISTS).is_dir() else []
        self.images: list[AnnotatedImage] = []
        self.unknown = Unknown()
        self.ledger = Ledger()
        self.errors: list[InputError] = []
        self.notes: tuple[str, ...] = ()
        self._positions: list[str] = []  # grey masks whose values are positions in the table
        self.why = f"{shown_name(folder / _MASKS, root)} holds masks, and their classes are from {self.table.source}"
        # The areas of an image are drawn one after the other: its mask is decoded once for all.
        self._raw: Callable[[Path, str], np.ndarray] = lru_cache(maxsize=1)(_decoded)

    def read(self) -> None:
        """Reads all masks into ``images``, and notes those that cannot be used."""
        splits = self._splits()
        for stem, mask in self._masks.items():
            name = shown_name(mask, self._root)
            if self.lists and stem not in splits:
                self.ledger.leave_out(f"no list in {_LISTS} names it", name)
                continue
            try:
                photograph = self._photographs.find_stem(stem, mask)
                size, areas = self._areas(mask, name)
            except PhotographError as error:
                self.errors.append(error)
                self.ledger.leave_out(error.reason, name)
                continue
            except (InputError, ValueError) as error:  # ValueError: a colour image whose classes are values
                self.errors.append(InputError(f"{mask}: {error}; save it as the other masks"))
                reason = str(error).replace(f"the label map {mask}", "it").replace(f"{mask}", "it")
                self.ledger.leave_out(reason, name)
                continue
            file, read = f"{stem}{photograph.suffix}", partial(read_bytes, photograph)
            self.images.append(AnnotatedImage(file, read, size, areas, splits.get(stem), name))
        self.ledger.leave_out(
            "the lists name it, but it has no mask; draw one", *(stem for stem in splits if stem not in self._masks)
        )
        objects = [shown_name(path, self._root) for path in _pngs(self._folder / _OBJECTS)]
        self.ledger.leave_out("masks of objects; masks of classes are used", *objects, meant=False)
        if self._positions:
            note = f"values count as positions in {self.table.source}, where 0 is '{next(iter(self.table.labels))}'"
            masks = f"{counted(len(self._positions), 'grey mask')} ({first_names(self._positions)})"
            self.notes = (*self.notes, f"{masks}: {note}")
        if self.images and not any(image.areas for image in self.images):
            self.unknown.require_known(self.table, self._folder / _MASKS)

    def _splits(self) -> dict[str, str | None]:
        """Stem -> split, of all stems that a list names."""
        named: dict[str | None, list[str]] = {}
        for path in self.lists:
            stems = [_stem(line, self._masks) for line in read_lines(path) if line]
            named.setdefault(split_named(path.stem), []).extend(stems)
        splits, self.notes = one_split(named)
        return splits

    def _areas(self, mask: Path, name: str) -> tuple[tuple[int, int], tuple[Area, ...]]:
        """(height, width) of a mask, and an area for each label in it."""
        image = open_label_map(mask)
        encoding = encoding_of(image, self.table, self._shows_positions is not None)
        labels = list(self.table.labels)
        found = contents(image, encoding)
        if self._shows_positions is not None and encoding == "position":
            if max(found) >= len(labels):
                shows = shown_name(self._shows_positions, self._root)
                raise InputError(
                    f"it has the value {max(found)}, which is no position in {self.table.source}, but grey masks hold"
                    f" positions, as {shows} shows; save it as that one"
                )
            self._positions.append(name)
        areas = []
        for code, pixels in found.items():
            if encoding != "position" and code not in self.table.codes:
                self.unknown.add(code, pixels, name)
                continue
            label = labels[code] if encoding == "position" else self.table.codes[code]
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


def _decoded(path: Path, encoding: str) -> np.ndarray:
    return raw(open_label_map(path), encoding)


def _stem(line: str, masks: Container[str]) -> str:
    """The stem in a line of a list: the whole line, the text in its quotes, or its first word (VOC adds a flag).

    It may be a path, such as JPEGImages/a.jpg, of the photograph or of the mask.
    """
    texts = (line, line.strip('"'), line.split()[0])
    paths = [_below(PurePosixPath(relative_name(text))) for text in texts]
    candidates = (
        *texts,
        *(path.as_posix() for path in paths),
        *((path.parent / path.stem).as_posix() for path in paths),
    )
    return next((stem for stem in candidates if stem in masks), texts[1])


def _below(path: PurePosixPath) -> PurePosixPath:
    """The part of a path below the folder of the photographs or of the masks; without one, the path itself."""
    places = [place for place, part in enumerate(path.parts[:-1]) if part in (_PHOTOGRAPHS, _MASKS)]
    return PurePosixPath(*path.parts[places[-1] + 1 :]) if places else path
