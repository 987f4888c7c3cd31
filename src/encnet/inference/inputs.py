"""Expands the inputs of a user to files, and chooses the kind of prediction and the output names of each file."""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path
from typing import Literal

from PIL import Image

from encnet.data.images import IMAGE_SUFFIXES
from encnet.system.errors import InputError

VIDEO_SUFFIXES: frozenset[str] = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv"})
"""Suffixes of videos."""
RASTER_PIXELS: int = 89_478_485
"""A TIFF with more pixels is a raster; Pillow warns about images of this size."""
_GEOREFERENCE = frozenset({33550, 33922, 34264, 34735})  # TIFF tags: scale, tie points, transformation, geographic keys

Kind = Literal["image", "video", "raster"]
"""Kinds of prediction."""


def kind_of(path: Path) -> Kind:
    """The kind of prediction of a file, by its suffix.

    A TIFF is a raster if it is georeferenced, has more than :data:`RASTER_PIXELS` pixels, or has a format that Pillow
    cannot read, such as four bands or 16-bit colour. Only the header of a TIFF is read.
    """
    suffix = path.suffix.lower()
    if suffix in VIDEO_SUFFIXES:
        return "video"
    if suffix not in (".tif", ".tiff"):
        return "image"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged tags, many pixels
            with Image.open(path) as image:
                tags: dict[int, object] = dict(getattr(image, "tag_v2", {}))
                georeferenced = not _GEOREFERENCE.isdisjoint(tags)
                return "raster" if georeferenced or image.width * image.height > RASTER_PIXELS else "image"
    except Image.DecompressionBombError:
        return "raster"
    except Exception:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error, ...
        return "raster" if _is_tiff(path) else "image"


def expand_inputs(patterns: Iterable[str | os.PathLike[str]]) -> list[Path]:
    """Expands files, folders and glob patterns to files, each once, in the given order and sorted within a pattern.

    A folder stands for the images in it, by suffix, without subfolders and hidden files. In a pattern, ``**`` matches
    any subfolders; a pattern that ends in the suffix of a video stands for videos. A file is accepted with any suffix.

    Raises:
        InputError: a pattern matches no image; the message names it.
    """
    files: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern).expanduser()
        if path.is_file():
            matches = [path]
        elif path.is_dir():
            matches = [file for file in path.iterdir() if not file.name.startswith(".")]
        else:
            matches = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207 (absolute too)
        suffixes = IMAGE_SUFFIXES | ({path.suffix.lower()} & VIDEO_SUFFIXES)
        images = sorted(
            file for file in matches if file.is_file() and (file == path or file.suffix.lower() in suffixes)
        )
        if not images:
            raise InputError(
                f"{pattern} matches no image; give image files, folders that contain some, or a glob pattern"
            )
        files.update(dict.fromkeys(images))
    return list(files)


def output_stems(paths: Iterable[Path], reserved: Iterable[str] = ()) -> list[str]:
    """A file name without suffix for the results of each image, such that no result overwrites another.

    It is the stem of the image if no earlier image has it; otherwise the stem with folder and suffix, or with a number.
    ``reserved`` stems, of other files in the same folder, are not used.
    """
    taken = {stem.casefold() for stem in reserved}
    stems = []
    for path in paths:
        named = [path.stem, f"{path.parent.name}_{path.stem}", f"{path.parent.name}_{path.name.replace('.', '_')}"]
        numbered = (f"{path.stem}_{number}" for number in count(2))
        stem = next(stem for stem in chain(named, numbered) if taken.isdisjoint(_files(stem)))
        taken |= _files(stem)
        stems.append(stem)
    return stems


def _files(stem: str) -> set[str]:
    # Some file systems ignore case; and "x_overlay" can be both the overlay of x and the name of an image.
    return {stem.casefold(), f"{stem}_overlay".casefold()}


def _is_tiff(path: Path) -> bool:
    """Whether a file begins with the signature of a TIFF or a BigTIFF."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    except OSError:
        return False
