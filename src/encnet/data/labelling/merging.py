"""One photograph, one record: photographs that several annotation files name get the areas of all of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from encnet.data.labelling.annotations import AnnotatedImage, Area, first_names
from encnet.system.errors import InputError
from encnet.system.text import counted


@dataclass(frozen=True)
class Record:
    """A photograph, and what each annotation file, or each entry of a file, says about it."""

    image: AnnotatedImage
    """The photograph with the areas of all, in the order of the files; no area is there twice."""
    parts: tuple[AnnotatedImage, ...]
    """The photograph with the areas of each alone."""
    repeated: int
    """Number of areas left out because the same area with the same label is there already."""


def merge_records(images: Sequence[AnnotatedImage]) -> list[Record]:
    """One record per photograph: per image file, or per content of a photograph inside annotation files.

    Args:
        images: photographs in the order of the annotation files.

    Raises:
        InputError: one photograph is in two splits.
    """
    groups: dict[Hashable, list[AnnotatedImage]] = {}
    for image in images:
        groups.setdefault(_identity(image), []).append(image)
    return [_merged(parts) for parts in groups.values()]


def _identity(image: AnnotatedImage) -> Hashable:
    file = image.file
    return image.digest or id(image) if file is None else file.resolve()


def _merged(parts: Sequence[AnnotatedImage]) -> Record:
    first = parts[0]
    splits = {part.split: part for part in parts if part.split is not None}
    if len(splits) > 1:
        (split, one), (other, two), *_ = splits.items()
        raise InputError(
            f"the image {first.name} is in two splits: in {split} by {one.source or one.name}, in {other} by"
            f" {two.source or two.name}; delete it from one of the two files"
        )
    areas: dict[Hashable, Area] = {}
    number = 0
    for part in parts:
        for area in part.areas:
            key = (area.label, area.layer, _content(area.mask))
            areas.pop(key, None)  # of equal areas the last one stays, since it hides what lies below it
            areas[key] = area
            number += 1
    split = next(iter(splits), None)
    sizes = [part.size for part in parts if part.size is not None]
    image = replace(first, areas=tuple(areas.values()), split=split, size=sizes[0] if sizes else None)
    return Record(image, tuple(parts), number - len(areas))


def copies(records: Sequence[Record]) -> list[str]:
    """A sentence about image files that are byte for byte copies of others of the same name, if there are any.

    Files of different names may be equal too, but then nobody can say which annotations belong together.
    """
    files = [record.image.file for record in records]
    names = Counter(file.name.casefold() for file in files if file is not None)
    first: dict[tuple[str, bytes], Path] = {}
    found: list[str] = []
    for record, file in zip(records, files, strict=True):
        if file is not None and names[file.name.casefold()] > 1:
            try:
                digest = hashlib.sha256(record.image.read()).digest()
            except InputError:  # it appears when the photograph is written
                continue
            if first.setdefault((file.name.casefold(), digest), file) != file:
                found.append(record.image.name)
    if not found:
        return []
    return [
        f"{counted(len(found), 'photograph')} ({first_names(found)}): byte for byte the same as another one of the same"
        " name; delete the copies, and each photograph gets the areas of all annotation files"
    ]


def _content(value: Any) -> Hashable:
    """Equal for equal arguments of functions that draw areas, and for a function with equal arguments."""
    if isinstance(value, partial):
        return value.func, _content(value.args), _content(value.keywords)
    if isinstance(value, np.ndarray):
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, Mapping):
        return tuple((key, _content(entry)) for key, entry in sorted(value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_content(entry) for entry in value)
    return value if isinstance(value, Hashable) else id(value)
