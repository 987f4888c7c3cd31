"""Expands what the user gives, files, folders and glob patterns, and accounts for every file that is found there."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from encnet.data.images import IMAGE_SUFFIXES
from encnet.data.unread import UNREAD_SUFFIXES, VIDEO_SUFFIXES
from encnet.system.errors import InputError
from encnet.system.folders import walk
from encnet.system.ledger import Ledger
from encnet.system.outputs import Records

_SNIFFED = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "JPEG2000")
"""Pillow's formats of photographs, by which files without a known suffix are recognised."""
_PREVIEWS = frozenset({".thm", ".ico", ".icns", ".cur"})
"""Suffixes of pictures that nobody means."""


class Passed(NamedTuple):
    """A file that was found and is not used."""

    name: str  #: the file, relative to the folder that the user gave
    reason: str  #: as for :meth:`Ledger.leave_out`
    meant: bool  #: as for :meth:`Ledger.leave_out`


def expand_inputs(
    patterns: Iterable[str | os.PathLike[str]], ledger: Ledger | None = None, videos: bool = True
) -> list[Path]:
    """Expands files, folders and glob patterns to files, each once, in the given order and sorted within a pattern.

    A folder stands for the images and videos in it, by suffix, without subfolders and hidden files. In a pattern,
    ``**`` matches any subfolders. Files that encnet wrote are results, not inputs. A file is accepted with any suffix.

    Args:
        patterns: paths and glob patterns.
        ledger: gets the files that are found and not used, with the reasons; the caller adds those that it uses.
        videos: whether videos are used; if not, a folder stands for its images.

    Raises:
        InputError: a pattern matches no file that can be used; the message names it.
    """
    search = _Search(videos)
    files: dict[Path, Path] = {}  # its place -> the file by the name that was given first
    passed: dict[Path, Passed] = {}
    for pattern in patterns:
        path = Path(pattern).expanduser()
        found, others = search.files(path)
        if not found:
            raise InputError(
                f"{pattern} matches no image{_reasons(others)}; give image files, folders that contain some, or a glob"
                " pattern"
            )
        for file in found:
            files.setdefault(_place(file), file)
        passed |= others
    if ledger is not None:
        for path, (name, reason, meant) in passed.items():
            if _place(path) not in files:  # another pattern may have given it
                ledger.leave_out(reason, name, meant=meant)
    return list(files.values())


class _Search:
    """Finds the files of patterns.

    Args:
        videos: whether videos are used.
    """

    def __init__(self, videos: bool) -> None:
        self._videos = videos
        self._used = IMAGE_SUFFIXES | VIDEO_SUFFIXES if videos else IMAGE_SUFFIXES
        self._records = Records()

    def files(self, path: Path) -> tuple[list[Path], dict[Path, Passed]]:
        """The files to use of one pattern, sorted, and the others that it matches or that lie in its subfolders."""
        if path.is_file():
            return [path], {}
        if path.is_dir():
            try:
                root, matches = path, list(path.iterdir())
            except OSError as error:
                raise InputError(f"cannot read the folder {path}: {error.strerror}; change its permissions") from error
        else:
            root, matches = _root(path), [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        used: list[Path] = []
        passed: dict[Path, Passed] = {}
        for file in sorted(file for file in matches if not file.is_dir()):
            reason = self._reason(file, root == path)
            if reason is None:
                used.append(file)
            else:
                passed[file] = Passed(str(file.relative_to(path) if root == path else file), *reason)
        matched = {*used, *passed}
        for folder in sorted(folder for folder in matches if folder.is_dir() and folder != path):
            for file in self._pictures_below(folder):
                if file not in matched and file not in passed:
                    name = str(file.relative_to(path) if root == path else file)
                    passed[file] = Passed(name, f'sub-folders are not searched; give "{root / "**"}" for them', True)
        return used, passed

    def _reason(self, file: Path, hidden_too: bool) -> tuple[str, bool] | None:
        """Why a file is not used, and whether the user probably meant it; None if it is used.

        Args:
            file: a file that a folder or a pattern gives.
            hidden_too: whether hidden files are left out, as they are in a folder; a pattern has to name them.
        """
        suffix = file.suffix.lower()
        if self._records.wrote(file):
            return "results of encnet, which are inputs only if they are named", False
        if hidden_too and file.name.startswith("."):
            return "hidden files", False
        if suffix in self._used:
            return None
        if suffix in VIDEO_SUFFIXES:
            return "videos are not used here; `encnet predict` takes them", True
        if suffix in UNREAD_SUFFIXES:
            return f"encnet does not read {suffix}; convert to JPEG or PNG", True
        if suffix not in _PREVIEWS and _is_picture(file):
            return "pictures without the suffix of one; give the files themselves, or rename them", True
        return ("no images or videos" if self._videos else "no images"), False

    def _pictures_below(self, folder: Path) -> Iterator[Path]:
        """The pictures and videos in a folder and its subfolders that are neither hidden nor written by encnet."""
        suffixes = IMAGE_SUFFIXES | UNREAD_SUFFIXES | (VIDEO_SUFFIXES if self._videos else frozenset())
        if folder.name.startswith("."):
            return
        for parent, names in walk(folder):
            for name in names:
                file = parent / name
                if file.suffix.lower() in suffixes and not self._records.wrote(file):
                    yield file


def _place(file: Path) -> Path:
    """The same for all names of a file but links to the file itself, each of which has results of its own."""
    return file.parent.resolve() / file.name


def _root(pattern: Path) -> Path:
    """The folder above the first part of a pattern that is not a plain name."""
    root = Path(pattern.anchor)
    for part in pattern.relative_to(root).parts:
        if glob.has_magic(part):
            break
        root /= part
    return root


def _is_picture(file: Path) -> bool:
    try:
        with Image.open(file, formats=_SNIFFED):
            return True
    except Exception:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error, ...
        return False


def _reasons(passed: dict[Path, Passed]) -> str:
    """The reasons for which files are not used, for a message; those that the user probably meant come first."""
    ledger = Ledger()
    for name, reason, meant in sorted(passed.values(), key=lambda each: not each.meant):
        ledger.leave_out(reason, name, meant=meant)
    lines = ledger.lines()[1:]
    return f" ({'; '.join(lines)})" if lines else ""
