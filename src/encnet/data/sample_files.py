"""What the photograph and the label map of a sample can be: a file, a part of one, or made from several."""

from __future__ import annotations

from pathlib import Path

from encnet.data.derived_labels import DerivedLabels
from encnet.data.geo.window import Window
from encnet.data.image_facts import ImageFacts, describe_image

ImageFile = Path | Window
"""A photograph: a file, or a window of a raster."""

LabelFile = Path | DerivedLabels
"""A label map: a file, or one that is made when it is read."""


def files_of(part: ImageFile | LabelFile) -> tuple[Path, ...]:
    """The files on disk that a photograph or a label map is read from."""
    return (part,) if isinstance(part, Path) else part.files


def stamp(part: ImageFile | LabelFile) -> str:
    """A text that changes when the content of a photograph or a label map may have changed.

    Raises:
        OSError: a file is missing.
    """
    stats = [(path.stat(), path.absolute()) for path in files_of(part)]
    # Archives and `cp -p` restore the time of the content, but neither that of the last change nor the inode.
    stamps = " ".join(
        f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino} {path}" for stat, path in stats
    )
    return stamps if isinstance(part, Path) else f"{stamps} {part!r}"


def name_in(root: Path, part: ImageFile | LabelFile) -> str:
    """The name of a photograph or a label map relative to the folder of a data set, or as it is if it is elsewhere."""
    if isinstance(part, Path):
        return part.relative_to(root).as_posix() if part.is_relative_to(root) else str(part)
    return str(part).removeprefix(f"{root}/")


def describe(image: str | ImageFile) -> ImageFacts:
    """The facts of a photograph or of a window of a raster; no pixel is decoded.

    Raises:
        InputError: there is no such file, or its header cannot be read.
    """
    return image.facts() if isinstance(image, Window) else describe_image(image)
