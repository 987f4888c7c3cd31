"""Finds the photographs that annotations name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.unread import UNREAD_SUFFIXES
from encnet.system.errors import InputError

JPEG_SUFFIXES = frozenset({".jfif", ".jpe", ".jif"})
"""Other suffixes of JPEG files; a data set gets them as .jpg."""
PHOTOGRAPH_SUFFIXES = IMAGE_SUFFIXES | JPEG_SUFFIXES
"""Suffixes of photographs that are read."""
OTHER_PICTURES = UNREAD_SUFFIXES
"""Suffixes of pictures that are not read."""
NOT_READ = "pictures of this kind are not read; save each as .jpg or .png in the same folder under the same name"


class PhotographError(InputError):
    """No file, or no single one, is the photograph that an annotation names.

    Args:
        message: the sentence for a user whose photographs are all not found.
        reason: why this photograph is left out, for the ledger.
        argument: name of the argument that helps.
    """

    def __init__(self, message: str, reason: str, argument: str | None = None) -> None:
        super().__init__(message, argument)
        self.reason = reason


class Photographs:
    """Finds image files in some folders by the names that annotations give them."""

    def __init__(self, *folders: Path) -> None:
        self._folders = list(dict.fromkeys(folders))
        self._by_stem: dict[str, list[Path]] | None = None

    def find(self, name: str, source: Path) -> Path:
        """The file with that relative path in one of the folders, or else the only file of that name below them.

        The suffix does not count if the name has none, as frames of videos, or is that of a picture that is not read:
        a.jpg, which was saved from a.heic, is found by the name a.heic.

        Args:
            name: relative path of the image, with forward slashes.
            source: the annotation file that names the image, for messages.

        Raises:
            PhotographError: there is no such file, there are several, or it is of a kind that is not read.
        """
        path = PurePosixPath(name)
        whole = path.suffix.lower() in PHOTOGRAPH_SUFFIXES
        if whole:
            for folder in self._folders:
                if (folder / path).is_file():
                    return folder / path
        wanted = path if whole or not path.name else path.with_suffix("")
        spelled = {
            file: file if whole else file.with_suffix("")
            for file in self._files().get(_key(path.stem), [])
            if not whole or _key(file.name) == _key(path.name)
        }
        exact = [file for file, spelling in spelled.items() if spelling.as_posix().endswith(f"/{wanted}")]
        same = [file for file, spelling in spelled.items() if spelling.name == wanted.name]
        for candidates in (exact, same, list(spelled)):
            if len(candidates) == 1:
                return candidates[0]
        if not spelled and path.suffix.lower() in OTHER_PICTURES:
            raise PhotographError(f"{source} names the picture {name}; {NOT_READ}", NOT_READ)
        raise self._error(name, source, exact or list(spelled))

    def find_stem(self, stem: str, source: Path) -> Path:
        """As :meth:`find`, for a relative path without suffix, whose name may have dots.

        Raises:
            PhotographError: there is no such file, or there are several.
        """
        path = PurePosixPath(stem)
        same = self._files().get(_key(path.name), [])
        within = [file for file in same if any(file.with_suffix("") == folder / path for folder in self._folders)]
        exact = [file for file in same if file.with_suffix("").as_posix().endswith(f"/{path}")]
        for candidates in (within, exact, same):
            if len(candidates) == 1:
                return candidates[0]
        raise self._error(stem, source, within or exact or same)

    def _error(self, name: str, source: Path, candidates: Sequence[Path]) -> PhotographError:
        """The error for a name that several files have, or none."""
        if candidates:
            return PhotographError(
                f"{source} names the image {name}, which can be {candidates[0]} or {candidates[1]}; give the folder of"
                " the right one",
                "several photographs have the name that the annotations give; keep one, or give the folder of the right"
                " ones",
                "images",
            )
        folders = " or ".join(str(folder) for folder in self._folders)
        return PhotographError(
            f"{source} names the image {name}, which is not in {folders}; give its folder",
            "the photograph is missing; copy it into the folder",
            "images",
        )

    def _files(self) -> dict[str, list[Path]]:
        """Stem, in the spelling of :func:`_key` -> photographs."""
        if self._by_stem is None:
            self._by_stem = {}
            files = {file for folder in self._folders for file in visible_files(folder)}
            for file in sorted(file for file in files if file.suffix.lower() in PHOTOGRAPH_SUFFIXES):
                self._by_stem.setdefault(_key(file.stem), []).append(file)
        return self._by_stem


def visible_files(folder: Path) -> Iterator[Path]:
    """The files below a folder whose path below it has no hidden part."""
    return (path for path in folder.rglob("*") if not is_hidden(path.relative_to(folder)) and path.is_file())


def is_hidden(path: Path) -> bool:
    """Whether a relative path has a hidden part, or one that macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def _key(name: str) -> str:
    """One spelling for names that some systems consider equal: composed accents, lower case."""
    return unicodedata.normalize("NFC", name).casefold()
