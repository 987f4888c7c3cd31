"""Options of an import that are given and would have no effect are refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from encnet.data.labelling.annotations import AnnotatedImage
from encnet.system.errors import InputError

WITH_COLUMNS = "huggingface"
"""The format whose label maps and photographs are columns of one data set."""
WITHOUT_OVERLAPS = frozenset({"masks", WITH_COLUMNS})
"""The formats in which a pixel belongs to one area."""


def refuse_by_format(format: str, columns: Sequence[str], images: Path | None) -> None:
    """Refuses columns of a format that has none, and a folder of photographs for a format that holds its own.

    Raises:
        InputError: an option has no effect.
    """
    if columns and format != WITH_COLUMNS:
        raise _unused("columns", f"on an export of {format}, which has no columns", f"give the format {WITH_COLUMNS}")
    if images is not None and format == WITH_COLUMNS:
        raise _unused(
            "images", "on a Hugging Face data set, which holds its photographs", "import the labels from files"
        )


def refuse_images(images: Path | None, annotated: Sequence[AnnotatedImage]) -> None:
    """Refuses a folder of photographs from which none is taken.

    Raises:
        InputError: the folder has no effect.
    """
    if images is None:
        return
    root = images.resolve()
    if not any(image.file is not None and image.file.resolve().is_relative_to(root) for image in annotated):
        raise _unused(
            "images",
            f"because all photographs are in the export and none is taken from {images}",
            "take the photographs out of the export",
        )


def refuse_order(format: str, several: bool) -> None:
    """Refuses an order of areas that cannot overlap.

    Args:
        format: the format.
        several: whether a photograph has the areas of several annotation files.

    Raises:
        InputError: the order has no effect.
    """
    if format in WITHOUT_OVERLAPS and not several:
        raise _unused("order", "on masks, in which areas do not overlap", "import polygons")


def refuse_orientation(decided: int) -> None:
    """Refuses an orientation that decides nothing.

    Args:
        decided: number of photographs for which it decides on which pixels they were labelled.

    Raises:
        InputError: the orientation has no effect.
    """
    if decided == 0:
        raise _unused(
            "orientation",
            "because the camera turned no labelled photograph, or the labelled sizes tell on which pixels labels were"
            " drawn",
            "correct the sizes in the export",
        )


def refuse_val_share(val_share: float, images: Sequence[AnnotatedImage]) -> None:
    """Refuses a share of photographs for val where no photograph can be chosen.

    Raises:
        InputError: the share has no effect.
    """
    if any(image.split == "val" for image in images):
        raise _unused(
            "val_share", "on an export that has a split val of its own", "delete its splits to choose new ones"
        )
    if val_share > 0 and sum(image.split != "test" for image in images) < 2:
        raise _unused("val_share", "without two photographs that are not in the split test", "label more photographs")


def _unused(name: str, reason: str, way_out: str) -> InputError:
    return InputError(f"{name} has no effect {reason}; leave it out, or {way_out}", name)
