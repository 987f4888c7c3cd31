"""Where a YOLO data set has its photographs and text files, and what its classes are called."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from encnet.data.dataset import SPLITS
from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.labelling.annotations import relative_name, same_names, shown_name, split_named
from encnet.data.labelling.class_table import read_lines, read_names
from encnet.data.labelling.splits import FolderSplits, one_split
from encnet.system.errors import InputError
from encnet.system.folders import files_below

IMAGES, LABELS = "images", "labels"
CLASSES: str = "classes.txt"
_NOT_LABELS = frozenset({CLASSES, "train.txt", "val.txt", "test.txt"})


@dataclass(frozen=True)
class Entry:
    """A photograph and its text file, of which one may be missing."""

    name: str
    """Relative path of the photograph without suffix, with forward slashes."""
    image: Path | None
    """The photograph; None if it is not where data.yaml says."""
    labels: Path
    """The text file."""
    split: str | None = None
    """train, val or test; None if nothing says."""


@dataclass(frozen=True)
class Layout:
    """What a data.yaml or classes.txt says."""

    source: Path
    names: Mapping[int, str]
    """Number of a class -> its name."""
    entries: tuple[Entry, ...]
    lists: tuple[Path, ...] = ()
    """The lists of photographs that were read."""
    notes: tuple[str, ...] = ()
    """Sentences about what data.yaml names, but is not there, and about images in several splits."""


def is_layout(path: Path) -> bool:
    """Whether a YAML file names classes and folders as YOLO's data.yaml does."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError):
        return False
    return isinstance(document, dict) and "names" in document and not {"classes", "labels"} & document.keys()


def has_lines(path: Path) -> bool:
    """Whether the first line of a file is a class and numbers."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            words = file.readline().split()
        return len(words) >= 5 and float(words[0]).is_integer() and all(math.isfinite(float(word)) for word in words)
    except (OSError, ValueError):  # ValueError: no numbers, or no UTF-8
        return False


def read_layout(path: Path) -> Layout:
    """The photographs and classes of a data.yaml.

    Raises:
        InputError: the file has a mistake, is for keypoints, or names no folder that is there.
    """
    try:
        document: Any = yaml.safe_load(path.read_bytes())
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InputError(f"cannot read {path}: {error}; correct the file") from error
    if not isinstance(document, dict) or "names" not in document:
        raise InputError(f"{path} names no classes; add `names: [first, second, ...]`")
    if "kpt_shape" in document:
        raise InputError(f"{path} is for keypoints (it has `kpt_shape`), which have no areas; export polygons")
    names = _names(document["names"], path)
    splits = {split: document[key] for key in document for split in [_split(key)] if split and document[key]}
    if not splits:
        return _unlisted(path, names)
    base = path.parent / str(document.get("path") or ".")
    entries: dict[str, Entry] = {}
    named: dict[str | None, list[str]] = {}
    lists: list[Path] = []
    absent: list[str] = []
    for split, places in splits.items():
        for place in places if isinstance(places, list) else [places]:
            candidate = _place(str(place), [base, path.parent])
            if candidate is None:
                absent.append(f"{path.name} names '{place}' as the split {split}, which is not there")
                continue
            lists += [candidate] if candidate.is_file() else []
            found = {shown_name(entry.labels, path.parent): entry for entry in _at(candidate, [base, path.parent])}
            entries.update(found)
            named.setdefault(split, []).extend(found)
    if not entries:
        raise InputError(
            f"{path} names {' and '.join(str(place) for place in splits.values())}, which are not below {path.parent};"
            " correct its `path`"
        )
    split_of, notes = one_split(named)
    chosen = tuple(replace(entry, split=split_of[text]) for text, entry in entries.items())
    return Layout(path, names, chosen, tuple(lists), (*absent, *notes, *same_names(path.name, names)))


def read_folder(path: Path) -> Layout:
    """The photographs of a folder with a classes.txt; folders called train, val or test are splits.

    Raises:
        InputError: classes.txt cannot be read, or has an empty line between names.
    """
    return _unlisted(path, _names(read_names(path), path))


def _unlisted(path: Path, names: Mapping[int, str]) -> Layout:
    """The layout of a file that names classes alone: the folders beside it say the splits."""
    splits = FolderSplits()
    entries = [
        replace(entry, split=splits.of(*entry.name.split("/")[:-1])) for entry in _beside(path.parent, path.parent)
    ]
    return Layout(path, names, tuple(entries), notes=(*splits.notes, *same_names(path.name, names)))


def _names(names: Any, path: Path) -> dict[int, str]:
    try:
        numbered = names.items() if isinstance(names, dict) else enumerate(names)
        named = {int(number): str(name) for number, name in numbered}
    except (TypeError, ValueError):
        named = {}
    if not named or isinstance(names, str):
        raise InputError(f"the names in {path} are not a list of classes, nor numbers with classes; correct them")
    return named


def _split(key: Any) -> str | None:
    split = split_named(str(key))
    return split if split in SPLITS and str(key).isalpha() else None


def _place(place: str, bases: list[Path]) -> Path | None:
    """The folder or list that data.yaml names; None if it is not there."""
    # Roboflow writes ../train/images for train/images beside data.yaml; data.yaml may come from another machine.
    shortened = place.removeprefix("../").removeprefix("./")
    candidates = dict.fromkeys(base / part for part in (place, shortened) for base in bases)
    return next((path for path in candidates if path.exists() or _labels_of(path).is_dir()), None)


def _at(place: Path, bases: list[Path]) -> Iterator[Entry]:
    """The entries of a folder, or of a list of photographs."""
    labels = _labels_of(place)
    if place.is_file():
        for line in filter(None, read_lines(place)):
            yield _listed(relative_name(line), [place.parent, *bases])
    else:
        yield from _beside(place, labels if labels.is_dir() else place)


def _beside(images: Path, labels: Path) -> Iterator[Entry]:
    """The entries of a folder of photographs and a folder of text files."""
    photographs = {_name(path, images): path for path in _files(images, IMAGE_SUFFIXES)}
    texts = {_name(path, labels): path for path in _files(labels, {".txt"}) if path.name not in _NOT_LABELS}
    for name, path in list(texts.items()):
        if name not in photographs and LABELS not in path.parts and not has_lines(path):
            del texts[name]  # a README, for example
    for name in sorted(photographs.keys() | texts.keys()):
        text = texts.get(name, labels / f"{name}.txt")
        yield Entry(name, photographs.get(name), text)


def _files(folder: Path, suffixes: Collection[str]) -> list[Path]:
    return sorted(
        path for path in files_below(folder) if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )


def _name(path: Path, folder: Path) -> str:
    """The relative path of a photograph or text file without suffix and without the folders images and labels."""
    relative = path.relative_to(folder)
    return "/".join([*(part for part in relative.parts[:-1] if part not in (IMAGES, LABELS)), relative.stem])


def _listed(line: str, bases: list[Path]) -> Entry:
    """The entry of a line in a list of photographs, which may start with ./ or with data/, as CVAT writes it."""
    shortened = line.removeprefix("./").removeprefix("data/")
    candidates = [base / part for part in dict.fromkeys((line, shortened)) for base in bases]
    name = PurePosixPath(shortened.lstrip("/"))
    key = "/".join([*(part for part in name.parts[:-1] if part != IMAGES), name.stem])
    for image in candidates:
        labels = _labels_of(image).with_suffix(".txt")
        if image.is_file() or labels.is_file():
            return Entry(key, image if image.is_file() else None, labels)
    return Entry(key, None, _labels_of(candidates[-1]).with_suffix(".txt"))


def images_of(labels: Path) -> Path:
    """The path of a text file with its last component ``labels`` replaced by ``images``."""
    return _replaced(labels, LABELS, IMAGES)


def _labels_of(image: Path) -> Path:
    """The path of a photograph or of a folder with its last component ``images`` replaced by ``labels``."""
    return _replaced(image, IMAGES, LABELS)


def _replaced(path: Path, old: str, new: str) -> Path:
    """A path with the last one of its components that is ``old`` replaced; without one, the path itself."""
    parts = list(path.parts)
    for i in reversed(range(len(parts))):
        if parts[i] == old:
            return Path(*parts[:i], new, *parts[i + 1 :])
    return path
