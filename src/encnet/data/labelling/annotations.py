"""What every labelling tool exports: photographs, and labelled areas in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.palette import Color
from encnet.system.errors import InputError

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
    """A labelled part of a photograph."""

    label: str
    mask: Callable[[int, int], np.ndarray]
    """(height, width) of the photograph -> (height, width) bool, true inside; called when the area is drawn."""
    layer: int = 0
    """Areas on higher layers lie over others; on one layer, later areas lie over earlier ones."""


@dataclass(frozen=True)
class AnnotatedImage:
    """A photograph and its areas, in the order of the file that lists them."""

    name: str
    """The tool's name for it: a relative path with forward slashes."""
    read: Callable[[], bytes]
    """Returns the content of the image file; raises InputError if it cannot be read."""
    size: tuple[int, int] | None
    """(height, width) in pixels at which it was labelled; None if the file does not say."""
    areas: tuple[Area, ...]
    split: str | None = None
    """train, val or test; None if the tool does not say."""


@dataclass(frozen=True)
class Annotations:
    """Everything that was read from an export."""

    images: tuple[AnnotatedImage, ...]
    labels: Mapping[str, Color | None]
    """Label, in the tool's order -> the tool's colour for it, if it has one."""
    large_below: bool = False
    """Whether small areas lie over large ones, because the file has no drawing order."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Kind of annotation without an area (point, line, ...) -> number of them."""
    why: str = ""
    """What showed that the files are of this format, as the end of a sentence; may be empty."""


class Photographs:
    """Finds image files in some folders by the names that annotations give them."""

    def __init__(self, *folders: Path) -> None:
        self._folders = list(dict.fromkeys(folders))
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str, source: Path) -> Path:
        """The file with that relative path in one of the folders, or else the only file of that name below them.

        Args:
            name: relative path of the image, with forward slashes.
            source: the annotation file that names the image, for messages.

        Raises:
            InputError: there is no such file, or there are several.
        """
        for folder in self._folders:
            if (folder / name).is_file():
                return folder / name
        if self._by_name is None:
            self._by_name = {}
            files = {file for folder in self._folders for file in folder.rglob("*")}
            for file in sorted(file for file in files if file.suffix.lower() in IMAGE_SUFFIXES):
                self._by_name.setdefault(file.name, []).append(file)
        candidates = self._by_name.get(PurePosixPath(name).name, [])
        exact = [file for file in candidates if file.as_posix().endswith(f"/{name}")]
        if len(exact or candidates) == 1:
            return (exact or candidates)[0]
        folders = " or ".join(str(folder) for folder in self._folders)
        if not candidates:
            raise InputError(f"{source} names the image {name}, which is not in {folders}; give its folder", "images")
        raise InputError(
            f"{source} names the image {name}, which can be {candidates[0]} or {candidates[1]}; give the folder of the"
            " right one",
            "images",
        )


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises InputError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; correct its path or rights") from error


def is_json_with(path: Path, keys: Iterable[str]) -> bool:
    """Whether a file contains a JSON object with all of these keys."""
    if path.suffix.lower() != ".json":
        return False
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and all(key in document for key in keys)


def reason(error: Exception) -> str:
    """The message of an error while reading a document, in which a KeyError means that a key is missing."""
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)


def relative_name(name: str) -> str:
    """The path of an image, written by a tool on any system, with forward slashes."""
    return PureWindowsPath(name).as_posix()


def split_named(*names: str) -> str | None:
    """The split (train, val or test) that a word in one of the names of files or folders means; None if none does."""
    for name in names:
        words = "".join(letter if letter.isalpha() else " " for letter in name.lower()).split()
        for word in words:
            if word in _SPLITS:
                return _SPLITS[word]
    return None
