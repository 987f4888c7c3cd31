"""The files below a folder, also through links to other folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below a folder, by its path through the links that lead to it; none if there is no such folder.

    Links to folders inside of ``folder``, whose files are found anyway, and to folders around it are not followed.
    """
    root = folder.resolve()
    seen: set[Path] = set()  # links can lead in a circle
    for path, inner, names in os.walk(folder, followlinks=True):
        yield from (file for file in (Path(path, name) for name in names) if file.is_file())
        inner[:] = [name for name in sorted(inner) if not _leads_back(Path(path, name), root, seen)]


def _leads_back(folder: Path, root: Path, seen: set[Path]) -> bool:
    """Whether a folder is a link into or around the root, or to a folder seen before; adds its target to these."""
    if not folder.is_symlink():
        return False
    target = folder.resolve()
    known = target in seen or target.is_relative_to(root) or root.is_relative_to(target)
    seen.add(target)
    return known
