"""Finds the photographs that annotations name."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path, PurePath, PurePosixPath

from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.unread import UNREAD_SUFFIXES
from encnet.system.errors import InputError
from encnet.system.folders import files_below

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
        self._folders_of_files: set[tuple[str, ...]] | None = None

    def at(self, name: str) -> Path | None:
        """The photograph with exactly that relative path in one of the folders; None if there is none."""
        if PurePosixPath(name).suffix.lower() not in PHOTOGRAPH_SUFFIXES:
            return None
        return next((folder / name for folder in self._folders if (folder / name).is_file()), None)

    def find(self, name: str, source: Path) -> Path:
        """The file with that relative path in one of the folders, or else the one below them that fits the name best.

        The suffix does not count if the name has none, as frames of videos, or is that of a picture that is not read:
        a.jpg, which was saved from a.heic, is found by the name a.heic. The folders in the name need not be here, as
        those of another machine. One that is here, and holds other photographs, is where the photograph must be.

        Args:
            name: relative path of the image, with forward slashes.
            source: the annotation file that names the image, for messages.

        Raises:
            PhotographError: there is no such file, there are several, or it is of a kind that is not read.
        """
        path = PurePosixPath(name)
        whole = path.suffix.lower() in PHOTOGRAPH_SUFFIXES
        file = self.at(name)
        if file is not None:
            return file
        wanted = path if whole or not path.name else path.with_suffix("")
        named = self._files().get(spelling_key(path.stem), [])
        spelled = {
            file: file if whole else file.with_suffix("")
            for file in named
            if not whole or spelling_key(file.name) == spelling_key(path.name)
        }
        best = self._best(spelled, wanted)
        if len(best) == 1:
            return best[0]
        if not spelled and path.suffix.lower() in OTHER_PICTURES:
            raise PhotographError(f"{source} names the picture {name}; {NOT_READ}", NOT_READ)
        raise self._error(name, source, best)

    def find_all(self, names: Iterable[str], source: Path) -> dict[str, Path | PhotographError]:
        """As :meth:`find` for all names of one annotation file, each with its photograph or with why it has none.

        Two names with different folders are two photographs: a file that fits both is that of the name with its path.
        """
        found: dict[str, Path | PhotographError] = {}
        named: dict[Path, list[str]] = {}
        for name in dict.fromkeys(names):
            try:
                file = found[name] = self.find(name, source)
                named.setdefault(file, []).append(name)
            except PhotographError as error:
                found[name] = error
        for file, several in named.items():
            unlike = [name for name in several if not _ends_with(file.parts, PurePosixPath(name).parts)]
            for name in unlike if len(several) > 1 else ():
                if len(unlike) < len(several):
                    found[name] = self._error(name, source, [])
                else:
                    found[name] = PhotographError(
                        f"{source} names the images {unlike[0]} and {unlike[1]}, and both can be {file}; put each into"
                        " its folder",
                        "the annotations name several photographs of that name, and one is here; put each into its"
                        " folder",
                    )
        return found

    def find_stem(self, stem: str, source: Path) -> Path:
        """As :meth:`find`, for a relative path without suffix, whose name may have dots.

        Raises:
            PhotographError: there is no such file, or there are several.
        """
        path = PurePosixPath(stem)
        spelled = {file: file.with_suffix("") for file in self._files().get(spelling_key(path.name), [])}
        within = [file for file, spelling in spelled.items() if spelling in [each / path for each in self._folders]]
        best = within if len(within) == 1 else self._best(spelled, path)
        if len(best) == 1:
            return best[0]
        raise self._error(stem, source, within or best)

    def _best(self, spelled: Mapping[Path, Path], wanted: PurePosixPath) -> list[Path]:
        """The files whose spellings have most of the last parts of a wanted path, and its letters; none if its folder
        is here and holds other photographs."""
        agreeing = {file: _agreeing(spelling, wanted) for file, spelling in spelled.items()}
        most = max(agreeing.values(), default=0)
        own = tuple(map(spelling_key, wanted.parts[-most - 1 : -1]))
        if len(wanted.parts) > most and any(_ends_with(folder, own) for folder in self._holding()):
            return []
        best = [file for file, number in agreeing.items() if number == most]
        exact = [file for file in best if _ends_with(spelled[file].parts, wanted.parts)]
        same = [file for file in best if spelled[file].name == wanted.name]
        return next((files for files in (exact, same) if len(files) == 1), best)

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
        """Stem, in the spelling of :func:`spelling_key` -> photographs."""
        if self._by_stem is None:
            self._by_stem = {}
            files = {file for folder in self._folders for file in visible_files(folder)}
            for file in sorted(file for file in files if file.suffix.lower() in PHOTOGRAPH_SUFFIXES):
                self._by_stem.setdefault(spelling_key(file.stem), []).append(file)
        return self._by_stem

    def _holding(self) -> set[tuple[str, ...]]:
        """The parts, in the spelling of :func:`spelling_key`, of the paths of all folders that hold photographs."""
        if self._folders_of_files is None:
            folders = {file.parent for files in self._files().values() for file in files}
            self._folders_of_files = {tuple(map(spelling_key, folder.parts)) for folder in folders}
        return self._folders_of_files


def visible_files(folder: Path) -> Iterator[Path]:
    """The files below a folder whose path below it has no hidden part."""
    return (path for path in files_below(folder) if not is_hidden(path.relative_to(folder)))


def is_hidden(path: Path) -> bool:
    """Whether a relative path has a hidden part, or one that macOS adds to archives."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)


def spelling_key(name: str) -> str:
    """One spelling for names that some systems consider equal: composed accents, lower case."""
    return unicodedata.normalize("NFC", name).casefold()


def _agreeing(path: PurePath, wanted: PurePath) -> int:
    """The number of last parts that two paths have in common."""
    pairs = zip(reversed(path.parts), reversed(wanted.parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: spelling_key(pair[0]) == spelling_key(pair[1]), pairs))


def _ends_with(parts: tuple[str, ...], end: tuple[str, ...]) -> bool:
    return bool(end) and parts[-len(end) :] == end
