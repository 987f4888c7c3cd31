"""Camera orientation: were areas drawn on the upright photograph, or on the pixels as its file stores them?

A camera that is turned stores the pixels as its sensor reads them, and notes in EXIF how to turn them. Label maps are
written for the upright photograph, as everything else in this package shows it.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from encnet.data.image_facts import describe_content, describe_image
from encnet.data.labelling.annotations import AnnotatedImage, Area
from encnet.system.errors import InputError

Orientation = Literal["stored", "shown"]
"""On which pixels areas were drawn: as the file stores them, or as the upright photograph is shown."""

_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).T,
    8: lambda stored: np.rot90(stored, 1),
}
"""EXIF orientation -> turns (H, W) stored pixels upright."""
_SIDEWAYS = frozenset({5, 6, 7, 8})


@dataclass(frozen=True)
class Header:
    """What an image file says before its pixels."""

    stored: tuple[int, int]
    """(height, width) in pixels as stored."""
    orientation: int
    """EXIF orientation, 1 to 8; 1 is upright."""

    @property
    def upright(self) -> tuple[int, int]:
        """(height, width) in pixels of the upright photograph."""
        height, width = self.stored
        return (width, height) if self.orientation in _SIDEWAYS else self.stored


@dataclass
class Oriented:
    """Annotated photographs, all with the upright size and with areas for it."""

    images: list[AnnotatedImage] = field(default_factory=list)
    turned: int = 0
    """Number of photographs whose areas were turned, because they were drawn on the stored pixels."""
    decided: int = 0
    """Number of photographs with areas for which the orientation that was given decided."""
    mismatched: list[tuple[AnnotatedImage, Header]] = field(default_factory=list)
    """Photographs of another size than the one that was labelled."""
    undecided: list[tuple[AnnotatedImage, Header]] = field(default_factory=list)
    """Photographs with an orientation, whose size does not tell on which pixels the areas were drawn."""


def orient(
    images: Sequence[AnnotatedImage],
    drawn: Container[str],
    orientation: Orientation | None = None,
    on_header: Callable[[int, int], object] | None = None,
) -> Oriented:
    """Finds out on which pixels the areas were drawn: by the labelled size if it tells, else as ``orientation`` says.

    Args:
        images: the photographs, with areas as their files have them.
        drawn: the labels whose areas are drawn; a photograph that has no such area needs no decision.
        orientation: the decision for photographs whose size does not tell; None puts them into ``undecided``.
        on_header: called after each photograph's header is read, with the number done and the number of all.
    """
    result = Oriented()
    for done, image in enumerate(images, start=1):
        header = read_header(image)
        if on_header is not None:
            on_header(done, len(images))
        if header is None:  # the error appears when its pixels are read
            result.images.append(image)
            continue
        if image.size not in (None, header.stored, header.upright):
            result.mismatched.append((image, header))
            continue
        side = _side(image, header)
        if side is None and any(area.label in drawn for area in image.areas):
            if orientation is None:
                result.undecided.append((image, header))
                continue
            result.decided += 1
        side = side or orientation
        areas = image.areas
        if side == "stored" and header.orientation != 1 and areas:
            areas = turned_areas(image, header)
            result.turned += 1
        result.images.append(replace(image, size=header.upright, areas=areas))
    return result


def _side(image: AnnotatedImage, header: Header) -> Orientation | None:
    """On which pixels the areas were drawn, if the size tells."""
    if header.orientation == 1:
        return "shown"
    if image.size is not None and header.stored != header.upright:
        return "shown" if image.size == header.upright else "stored"
    return None


def turned_areas(image: AnnotatedImage, header: Header) -> tuple[Area, ...]:
    """The areas of an image, drawn on the stored pixels, as they lie on the upright photograph."""
    return tuple(replace(area, mask=partial(_turned_mask, area.mask, header.orientation)) for area in image.areas)


def _turned_mask(mask: Callable[[int, int], np.ndarray], orientation: int, height: int, width: int) -> np.ndarray:
    stored = (width, height) if orientation in _SIDEWAYS else (height, width)
    return _TURNS[orientation](mask(*stored))


def read_header(image: AnnotatedImage) -> Header | None:
    """The header of a photograph; None if it cannot be read."""
    try:
        return _header(image.file or io.BytesIO(image.read()))
    except InputError:
        return None


def orientation_of(file: Path) -> int:
    """The EXIF orientation of an image file, 1 to 8; 1 if it has none or cannot be read."""
    header = _header(file)
    return 1 if header is None else header.orientation


def _header(source: Path | io.BytesIO) -> Header | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about its size or its EXIF: they appear when its pixels are read
            facts = describe_image(source) if isinstance(source, Path) else describe_content(source)
    except Exception:  # readers of damaged headers raise OSError, SyntaxError, ValueError, struct.error, ...
        return None
    width, height = facts.size
    return Header((height, width), facts.orientation)
