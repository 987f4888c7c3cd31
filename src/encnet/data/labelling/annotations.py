"""What every labelling tool says: photographs, and areas of them that have a label."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.palette import Color
from encnet.errors import InputError

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Area:
    """A part of a photograph."""

    label: str
    mask: Callable[[int, int], np.ndarray]
    """(height, width) of the photograph -> (height, width) bool, true inside; called when it is drawn."""
    depth: int = 0
    """Areas of greater depth lie above others; of one depth, the later ones."""


@dataclass(frozen=True)
class AnnotatedImage:
    """A photograph and its areas, in the order of the file that has them."""

    name: str
    """As the tool has it: a relative path with forward slashes."""
    read: Callable[[], bytes]
    """The content of the image file. Raises InputError."""
    size: tuple[int, int] | None
    """(height, width) in pixels that the areas are drawn on; None where the file does not say."""
    areas: tuple[Area, ...]
    split: str | None = None
    """train, val or test, where the tool says."""


@dataclass(frozen=True)
class Annotations:
    """All that was read of an export."""

    images: tuple[AnnotatedImage, ...]
    labels: Mapping[str, Color | None]
    """The labels in the tool's order, with its colours."""
    large_below: bool = False
    """The file has no drawing order: large areas lie below small ones."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Kind of annotation that is no area (point, line, ...) -> how many there are."""


class Photographs:
    """The image files in some folders, found by the name that an annotation gives them."""

    def __init__(self, *folders: Path) -> None:
        self._folders = list(dict.fromkeys(folders))
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str, said_in: Path) -> Path:
        """The file of that relative path in one of the folders, or else the only one of that file name below them.

        Raises:
            InputError: there is none, or there are several.
        """
        for folder in self._folders:
            if (folder / name).is_file():
                return folder / name
        if self._by_name is None:
            self._by_name = {}
            files = {file for folder in self._folders for file in folder.rglob("*")}
            for file in sorted(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES):
                self._by_name.setdefault(file.name, []).append(file)
        found = self._by_name.get(PurePosixPath(name).name, [])
        exact = [file for file in found if file.as_posix().endswith(f"/{name}")]
        if len(exact or found) == 1:
            return (exact or found)[0]
        folders = " or ".join(str(folder) for folder in self._folders)
        if not found:
            raise InputError(f"{said_in} names the image {name}, which is not in {folders}; give its folder: --images")
        raise InputError(
            f"{said_in} names the image {name}, and {found[0]} and {found[1]} could both be it; give the folder that"
            " it is meant from: --images"
        )


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises InputError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; correct its path or rights") from error


def is_json_with(path: Path, keys: Iterable[str]) -> bool:
    """Whether a file is readable JSON, an object with all of these keys."""
    if path.suffix.lower() != ".json":
        return False
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and all(key in document for key in keys)


def relative_name(name: str) -> str:
    """The path of an image as tools on any system write it, with forward slashes."""
    return PureWindowsPath(name).as_posix()


def split_named(*names: str) -> str | None:
    """The split that one of the names of files and folders says: train, val or test, and what stands for them."""
    for name in names:
        words = "".join(letter if letter.isalpha() else " " for letter in name.lower()).split()
        for word in words:
            if word in _SPLITS:
                return _SPLITS[word]
    return None
