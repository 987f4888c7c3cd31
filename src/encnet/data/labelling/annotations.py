"""What every labelling tool exports: photographs, and labelled areas in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path, PureWindowsPath
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import numpy as np

from encnet.data.labelling.photographs import Photographs as Photographs  # readers import both from here
from encnet.data.palette import Color
from encnet.system.errors import InputError
from encnet.system.ledger import NAMED, Ledger

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}

DAMAGED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)
"""What reading a document raises that is not as its tool writes it. InputError is one of them, as a ValueError."""


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
    source: str = ""
    """The annotation file, relative to the folder of the export, for messages."""
    digest: str | None = None
    """Digest of a photograph inside its annotation file: equal digests mean the same photograph."""

    @property
    def file(self) -> Path | None:
        """The image file that :attr:`read` returns the content of; None if the photograph is inside another file."""
        of_file = isinstance(self.read, partial) and self.read.func is read_bytes
        return self.read.args[0] if of_file else None  # pyright: ignore[reportFunctionMemberAccess]


@dataclass(frozen=True)
class Annotations:
    """Everything that was read from an export."""

    images: tuple[AnnotatedImage, ...]
    labels: Mapping[str, Color | None]
    """Label, in the tool's order -> the tool's colour for it, if it has one."""
    large_below: bool = False
    """Whether small areas lie over large ones, because the file has no drawing order."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Kind of annotation that has no area (point, line, ...), or a bad one -> number of them."""
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Kind of annotation left out -> the first ones, as "file: label"."""
    ledger: Ledger = field(default_factory=Ledger)
    """The annotation files that cannot be used, and the annotated photographs that are missing."""
    sources: tuple[Path, ...] | None = None
    """Files that areas were read from beyond those that the reader was given; None if the reader does not say, and then
    nobody can tell which files of the folder are not used."""
    notes: tuple[str, ...] = ()
    """Sentences about what was decided while reading."""
    why: str = ""
    """What showed that the files are of this format, as the end of a sentence; may be empty."""


@dataclass
class LeftOutShapes:
    """Counts the annotations that a reader leaves out, and names the first ones of each kind."""

    numbers: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, source: str, label: object) -> None:
        """Counts one.

        Args:
            kind: what it is, in the singular: "polygon of fewer than three corners".
            source: the file that it is in, or the photograph that it is for.
            label: its label.
        """
        self.numbers[kind] += 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < NAMED:
            examples.append(f"{source}: {label}" if isinstance(label, str) and label.strip() else source)


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises InputError if it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; correct its path or rights") from error


def read_json(path: Path) -> Any:
    """The JSON document in a file, which is UTF-8, or UTF-16 or UTF-32.

    Raises:
        InputError: the file cannot be read, is in another encoding, or is not JSON.
    """
    content = read_bytes(path)
    try:
        return json.loads(content)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text; convert it from the encoding of the computer that wrote it, for example by"
            " `iconv -f GB18030 -t UTF-8 OLD > NEW`"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged or half-written; save it again with the labelling tool") from error


def read_xml(path: Path) -> Element:
    """The root of the XML document in a file; raises InputError if the file cannot be read or is not XML."""
    content = read_bytes(path)
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: of its encoding
        raise InputError(f"{path} is not valid XML ({error}); export it again") from error


def is_json_with(path: Path, keys: Iterable[str]) -> bool:
    """Whether a file contains a JSON object with all of these keys."""
    return json_keys(path).issuperset(keys)


def json_keys(path: Path) -> frozenset[str]:
    """The keys of the JSON object in a file; none if it contains no such object."""
    if path.suffix.lower() != ".json":
        return frozenset()
    try:
        status = path.stat()
        return _json_keys(path, status.st_mtime_ns, status.st_size)
    except (OSError, ValueError, RecursionError):
        return frozenset()


@lru_cache(maxsize=4096)  # every reader asks for the keys of every file
def _json_keys(path: Path, modified: int, size: int) -> frozenset[str]:
    document = json.loads(path.read_bytes())
    return frozenset(document) if isinstance(document, dict) else frozenset()


def shown_name(path: Path, root: Path) -> str:
    """A path as messages name it: relative to a folder if it is inside, with forward slashes."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


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


def same_names(source: str, names: Mapping[int, str]) -> list[str]:
    """A sentence for each name that several classes of a file have.

    Args:
        source: the file, for the sentence.
        names: number of a class -> its name.
    """
    numbers: dict[str, list[int]] = {}
    for number, name in names.items():
        numbers.setdefault(name, []).append(number)
    return [
        f"{source} calls the classes {', '.join(map(str, several))} all '{name}'; they are one class"
        for name, several in numbers.items()
        if len(several) > 1
    ]


def first_names(names: Sequence[str]) -> str:
    """The first three of some names, for a sentence."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
