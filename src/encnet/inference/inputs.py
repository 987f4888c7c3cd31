"""Which files are meant by what a user typed, what they are, and how their results are called."""

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
from encnet.errors import InputError

VIDEO_SUFFIXES = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".wmv"})
"""Files that are taken for videos."""
RASTER_PIXELS = 89_478_485
"""A TIFF with more pixels is taken for a raster; of this many Pillow warns."""
_GEOREFERENCE = frozenset({33550, 33922, 34264, 34735})  # TIFF tags: scale, tie points, transformation, geographic keys

Kind = Literal["image", "video", "raster"]


def kind_of(path: Path) -> Kind:
    """What a file is to be predicted as, by its suffix.

    A TIFF is a raster if it is georeferenced, has more than :data:`RASTER_PIXELS` pixels, or is of a kind that Pillow
    does not read: of four bands, or of 16 bits in colour. Of a TIFF only the header is read.
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
    """Files, folders and glob patterns -> image files, each once, in the order given and sorted within one pattern.

    A folder stands for the images in it, by suffix, without its subfolders and hidden files. In a pattern, ``**``
    stands for any subfolders; one that ends in the suffix of a video stands for videos. A file is taken whatever its
    suffix.

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
        suffixes = IMAGE_SUFFIXES | ({path.suffix.lower()} & VIDEO_SUFFIXES)
        images = sorted(
            file for file in matches if file.is_file() and (file == path or file.suffix.lower() in suffixes)
        )
        if not images:
            raise InputError(f"{pattern} stands for no image; give image files, folders that hold some, or a glob")
        found.update(dict.fromkeys(images))
    return list(found)


def output_stems(paths: Iterable[Path], reserved: Iterable[str] = ()) -> list[str]:
    """A file name without suffix for the results of each image, so that no result overwrites another.

    It is the image's own stem where no earlier image has it, else the stem with folder and suffix, else with a number.
    Stems that are ``reserved``, for other files in the same folder, are given to no image.
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
    # Some file systems ignore case; and "x_overlay" is both the overlay of x and what an image may be called.
    return {stem.casefold(), f"{stem}_overlay".casefold()}


def _is_tiff(path: Path) -> bool:
    """Whether a file begins as a TIFF does, of up to 4 GB or of more."""
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
    except OSError:
        return False
