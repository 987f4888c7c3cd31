"""Imports the export of a labelling tool as a data set on disk: images/, labels/ and dataset.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from encnet.data.labelling import coco, cvat, huggingface, label_studio, labelme, masks, yolo
from encnet.data.labelling.annotations import shown_name
from encnet.data.labelling.archives import unpacked
from encnet.data.labelling.orientation import Orientation
from encnet.data.labelling.plan import make_plan
from encnet.data.labelling.survey import Reader, Survey, account, survey_source
from encnet.data.labelling.unused import refuse_by_format, refuse_images, refuse_val_share
from encnet.data.labelling.writing import write_images
from encnet.system.checks import require
from encnet.system.errors import InputError
from encnet.system.files import staging
from encnet.system.ledger import Ledger
from encnet.system.unwritable import unwritable

DEFAULT_VAL_SHARE: float = 0.2

READERS: dict[str, Reader] = {
    "labelme": labelme,
    "cvat": cvat,
    "coco": coco,
    "label_studio": label_studio,
    "yolo": yolo,
    "masks": masks,
}
"""Every tool by name."""
FORMATS: tuple[str, ...] = (*READERS, huggingface.FORMAT)
"""Names of all formats: those of files, and data sets of a library."""


@dataclass(frozen=True)
class Imported:
    """The result of an import."""

    root: Path
    """The folder that was written."""
    format: str
    """Name of the tool."""
    classes: tuple[str, ...]
    """Class names, in the order of their indices."""
    images: Mapping[str, int]
    """Split -> number of images."""
    unlabelled: int
    """Number of photographs left out because they have no area of a class."""
    left_out: Mapping[str, int]
    """Kind of annotation left out (no area, a bad one, or one whose label is not a class) -> number of them."""
    examples: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Kind of annotation left out -> the first ones, as "file: label"."""
    notes: tuple[str, ...] = ()
    """Sentences about what was decided."""
    warnings: tuple[str, ...] = ()
    """Sentences about what is probably a mistake in the annotations."""
    ledger: Ledger = field(default_factory=Ledger)
    """What became of every file."""
    why: str = ""
    """What showed the format, as the end of a sentence; may be empty."""


def import_labels(
    source: str | Path,
    out: str | Path,
    format: str | None = None,
    *,
    images: str | Path | None = None,
    classes: Sequence[str] = (),
    background: str | None = None,
    ignore: Sequence[str] = (),
    val_share: float | None = None,
    order: Literal["tool", "area"] | None = None,
    orientation: Orientation | None = None,
    columns: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    on_header: Callable[[int, int], object] | None = None,
) -> Imported:
    """Writes a data set from the export of a labelling tool.

    Photographs are copied as they are. Label maps are palette PNGs of class indices, 255 where nothing is labelled, for
    the upright photograph. A photograph that several annotation files name gets the areas of all. Files and shapes that
    cannot be used are left out and listed in the result. The folder gets its name once everything in it is written.

    Args:
        source: the tool's file, a folder of its files, or the .zip that it exports; for ``huggingface`` a folder or the
            id of a data set on the Hub.
        out: the folder to make.
        format: one of ``FORMATS``; None detects it.
        images: folder of the photographs, if they are not where the tool puts them.
        classes: labels that become classes, in this order; if empty, all labels in the tool's order.
        background: class of pixels outside all areas, a new one or one of the labels; None ignores these pixels.
        ignore: labels whose areas are ignored; ``__ignore__`` always is.
        val_share: share of the images for the split val, if the tool has none; None is ``DEFAULT_VAL_SHARE``. The
            choice depends on their names alone.
        order: ``tool`` draws areas over one another as the tool does, ``area`` draws small ones over large ones; None
            means ``area`` for COCO and YOLO, whose files have no order, and ``tool`` for the others.
        orientation: on which pixels areas were drawn if the camera turned a photograph and the labelled size does not
            tell: ``shown`` means the upright photograph, ``stored`` the pixels as the file stores them.
        columns: for ``huggingface``, the names of the columns of images and of label maps, if they do not tell.
        progress: called after each image with the number done and the number of all.
        on_header: the same for each photograph whose size is read, before the first image is written.

    Raises:
        InputError: an argument is out of its range, ``out`` is not empty, the source is of no known tool or has no
            area, no annotation file or no photograph can be used, a photograph is in two splits, ``orientation`` is
            needed, an option that is given has no effect, or there are too many classes.
    """
    source, out = Path(source), Path(out)
    folder = None if images is None else Path(images)
    if format is not None and format not in FORMATS:
        raise InputError(f"there is no format '{format}' to import; choose one of {', '.join(FORMATS)}", "format")
    require(val_share is None or 0 <= val_share < 1, "val_share", val_share, "at least 0 and below 1")
    require(orientation in (None, "stored", "shown"), "orientation", orientation, "'stored' or 'shown'")
    for read in filter(None, (source, folder)):
        if read.exists() and read.resolve().is_relative_to(out.resolve()):
            raise InputError(f"{out} holds {read}, which is read and stays as it is; choose another folder", "out")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not empty; delete it or choose another folder", "out")
    if folder is not None and not folder.is_dir():
        raise InputError(f"there is no folder of images {folder}; correct the path", "images")
    target = out.absolute()
    try:
        with staging(target, out) as temporary, unpacked(source, temporary / "unpacked") as (place, notes):
            if format == huggingface.FORMAT or (format is None and huggingface.detect(place)):
                survey = Survey(huggingface.FORMAT, [], place)
                refuse_by_format(survey.format, columns, folder)
                annotations = huggingface.read(place, columns, temporary / "cache")
            else:
                survey = survey_source(place, format, READERS)
                refuse_by_format(survey.format, columns, folder)
                annotations = READERS[survey.format].read(survey.files, survey.root, folder)
            refuse_images(folder, annotations.images)
            survey.ledger.merge(annotations.ledger)
            plan = make_plan(
                source, annotations, survey, classes, background, ignore, order, orientation, out, on_header
            )
            if val_share is not None:
                refuse_val_share(val_share, plan.images)
            share = DEFAULT_VAL_SHARE if val_share is None else val_share
            written = write_images(temporary / "data", plan.images, plan.painting, share, target.name, progress)
            for image, error in written.failed:
                survey.leave_out(str(error).replace(f"'{image.name}'", "it").replace(image.name, "it"), [image])
            account(survey, annotations, written.files, folder)
            try:
                if target.exists():
                    target.rmdir()  # it is empty; not every system renames onto an empty folder
                (temporary / "data").replace(target)
            except OSError as error:
                raise unwritable(out, error) from error
    except OSError as error:
        read = error.filename or source
        raise InputError(f"cannot read {read}: {error.strerror or error}; correct its path or rights") from error
    for image, area in written.empty:
        plan.left_out.add("area without a pixel in the image", image.name, area.label)
    return Imported(
        out,
        survey.format,
        plan.painting.labels.names,
        written.images,
        len(plan.unlabelled),
        plan.left_out.numbers,
        plan.left_out.examples,
        (*notes, *plan.notes),
        plan.warnings,
        survey.ledger,
        annotations.why or f"{shown_name(survey.files[0], survey.root)} has its form",
    )
