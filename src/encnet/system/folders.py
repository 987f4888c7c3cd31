"""Walks through a folder and the folders in it, also through links, each once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Folder(NamedTuple):
    """A folder that was walked through."""

    path: Path  #: the folder, as it is reached from the one where the walk began
    names: list[str]  #: the names of its files, sorted


def walk(
    root: Path,
    without: Path | None = None,
    on_error: Callable[[OSError], object] | None = None,
    hidden: bool = False,
) -> list[Folder]:
    """A folder and the folders in it, each before its inner ones, sorted by name.

    Links to folders are followed: people keep photographs on another disk. Links can lead in a circle, so a folder is
    entered once, by its own name if it has one in ``root``, and never by a link to it from within.

    Args:
        root: the folder.
        without: an inner folder that is not entered.
        on_error: gets the error of a folder that cannot be listed; None leaves such folders out.
        hidden: whether hidden files and folders count too.
    """
    real = os.path.realpath(root)
    entered = {str(above) for above in Path(real).parents}
    if without is not None:
        entered |= {os.path.realpath(without)} - {real}
    found: list[Folder] = []
    starts = [root]
    while starts:
        links: list[Path] = []  # entered after the folders, which keep their own names
        for start in starts:
            for path, inner, names in os.walk(start, onerror=on_error):
                real = os.path.realpath(path)
                if real in entered:
                    inner.clear()
                    continue
                entered.add(real)
                inner[:] = sorted(inner if hidden else _visible(inner))
                links += [Path(path, name) for name in inner if Path(path, name).is_symlink()]
                found.append(Folder(Path(path), sorted(names if hidden else _visible(names))))
        starts = links
    return sorted(found, key=lambda folder: folder.path.parts)


def files_below(root: Path) -> list[Path]:
    """Every file below a folder, also hidden ones, as :func:`walk` finds them; none if there is no such folder."""
    files = (folder.path / name for folder in walk(root, hidden=True) for name in folder.names)
    return [file for file in files if file.is_file()]


def _visible(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith(".")]
