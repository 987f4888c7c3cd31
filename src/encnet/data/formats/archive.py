"""A published data set as its owners hand it out: what must be there, and where it is to be had."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from encnet.errors import InputError


@dataclass(frozen=True)
class Archive:
    """Where a data set officially comes from.

    Attributes:
        title: the data set's name in a sentence.
        home: address of the page that offers it, with what it asks for.
        origin: first folder of a part -> the file which that part unpacks from; ``""`` is every other part.
    """

    title: str
    home: str
    origin: Mapping[str, str]

    def require(self, root: Path, parts: Iterable[str]) -> None:
        """Raises InputError where files or folders ``parts``, relative to ``root``, are missing; it names them all."""
        missing = [part for part in parts if not (root / part).exists()]
        if missing:
            raise self.incomplete(root, missing)

    def incomplete(self, root: Path, missing: Iterable[str]) -> InputError:
        """The error that says which parts ``root`` lacks."""
        return InputError(f"{root} is not a whole copy of {self.title}: {self.lacks(missing)}")

    def lacks(self, parts: Iterable[str]) -> str:
        """The sentence that parts are missing, which files they unpack from, and where these are to be had."""
        parts = list(parts)
        verb = "are" if len(parts) > 1 else "is"
        files = dict.fromkeys(self.origin.get(part.split("/")[0], self.origin.get("", "")) for part in parts)
        return f"{_joined(parts)} {verb} missing; unpack {_joined(list(files))} from {self.home}"


def first_folder(*candidates: Path) -> Path:
    """The first that is a folder, or else the last: where a part of a data set may lie, the likeliest first."""
    return next((folder for folder in candidates if folder.is_dir()), candidates[-1])


def _joined(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
