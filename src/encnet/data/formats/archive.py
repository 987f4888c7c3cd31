"""Published data sets: which parts must be there, and where to download them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from encnet.system.errors import InputError


@dataclass(frozen=True)
class Archive:
    """The official source of a data set.

    Attributes:
        title: the data set's name, as in a sentence.
        home: address of the download page, and its conditions if it has any.
        origin: first folder of a part -> the file that contains it; ``""`` stands for every other part.
    """

    title: str
    home: str
    origin: Mapping[str, str]

    def require(self, root: Path, parts: Iterable[str]) -> None:
        """Raises InputError, which names all missing ones, if any file or folder of ``parts`` is not in ``root``."""
        missing = [part for part in parts if not (root / part).exists()]
        if missing:
            raise self.incomplete(root, missing)

    def incomplete(self, root: Path, missing: Iterable[str]) -> InputError:
        """The error that names the parts missing from ``root``."""
        return InputError(f"{root} is not a complete copy of {self.title}: {self.lacks(missing)}")

    def lacks(self, parts: Iterable[str]) -> str:
        """A sentence that names missing parts, the files that contain them, and where to download those."""
        parts = list(parts)
        verb = "are" if len(parts) > 1 else "is"
        files = dict.fromkeys(self.origin.get(part.split("/")[0], self.origin.get("", "")) for part in parts)
        return f"{_joined(parts)} {verb} missing; unpack {_joined(list(files))} from {self.home}"


def first_file(pattern: str, *folders: Path) -> Path | None:
    """A file in one of the folders whose relative path fits the glob pattern; None if there is none.

    The names of files tell a published data set from a user's own in folders of the same names.
    """
    for folder in folders:
        for path in folder.glob(pattern):
            return path
    return None


def first_folder(*candidates: Path) -> Path:
    """The first candidate that is a folder, or else the last; for places where a part of a data set may be."""
    return next((folder for folder in candidates if folder.is_dir()), candidates[-1])


def _joined(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
