"""Which files are meant by what a user typed, and how their results are called."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path

from encnet.data.images import IMAGE_SUFFIXES
from encnet.errors import InputError


def expand_inputs(patterns: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Files, folders and glob patterns -> image files, each once, in the order given and sorted within one pattern.

    A folder stands for the images in it, by suffix, without its subfolders and hidden files. In a pattern, ``**``
    stands for any subfolders. A file is taken whatever its suffix.

    Raises:
        InputError: a pattern stands for no image; the message names it.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern).expanduser()
        if path.is_file():
            matches = [path]
        elif path.is_dir():
            matches = [file for file in path.iterdir() if not file.name.startswith(".")]
        else:
            matches = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 (absolute too)
        images = sorted(file for file in matches if file.is_file() and (file == path or _is_image(file)))
        if not images:
            raise InputError(f"{pattern} stands for no image; give image files, folders that hold some, or a glob")
        found.update(dict.fromkeys(images))
    return list(found)


def output_stems(paths: Iterable[Path]) -> list[str]:
    """A file name without suffix for the results of each image, so that no result overwrites another.

    It is the image's own stem where no earlier image has it, else the stem with folder and suffix, else with a number.
    """
    taken: set[str] = set()
    stems = []
    for path in paths:
        named = [path.stem, f"{path.parent.name}_{path.stem}", f"{path.parent.name}_{path.name.replace('.', '_')}"]
        numbered = (f"{path.stem}_{number}" for number in count(2))
        stem = next(stem for stem in chain(named, numbered) if taken.isdisjoint(_files(stem)))
        taken |= _files(stem)
        stems.append(stem)
    return stems


def _files(stem: str) -> set[str]:
    # Some file systems ignore case; and "x_overlay" is both the overlay of x and what an image may be called.
    return {stem.casefold(), f"{stem}_overlay".casefold()}


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES
