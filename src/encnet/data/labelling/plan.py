"""What an import will write: photographs with upright areas, one record each, and the classes of the areas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from encnet.data.labelling.annotations import AnnotatedImage, Annotations, LeftOutShapes, first_names
from encnet.data.labelling.classes import alike_labels, label_set
from encnet.data.labelling.contradictions import contradiction_warnings
from encnet.data.labelling.merging import Record, copies, merge_records
from encnet.data.labelling.orientation import Orientation, Oriented, orient
from encnet.data.labelling.orientation_picture import write_orientation_picture
from encnet.data.labelling.survey import Survey
from encnet.data.labelling.unused import refuse_order, refuse_orientation
from encnet.data.labelling.writing import Painting, wrong_size
from encnet.system.errors import InputError
from encnet.system.text import counted


@dataclass(frozen=True)
class Plan:
    """What will be written, and what will not."""

    images: list[AnnotatedImage]
    """The photographs, with areas for the upright photograph."""
    painting: Painting
    """How the areas are drawn."""
    unlabelled: list[AnnotatedImage]
    """Photographs left out because they have no area of a class."""
    left_out: LeftOutShapes
    """The annotations left out."""
    notes: tuple[str, ...]
    """Sentences about what was decided."""
    warnings: tuple[str, ...]
    """Sentences about what is probably a mistake in the annotations."""


def make_plan(
    source: Path,
    annotations: Annotations,
    survey: Survey,
    classes: Sequence[str],
    background: str | None,
    ignore: Sequence[str],
    order: Literal["tool", "area"] | None,
    orientation: Orientation | None,
    out: Path,
    on_header: Callable[[int, int], object] | None = None,
) -> Plan:
    """Decides what to write; arguments and errors are those of :func:`encnet.data.labelling.import_labels`.

    Args:
        annotations: everything that was read from the source.
        survey: gets the photographs that are left out.
    """
    _require_area(source, annotations, any(image.areas for image in annotations.images))
    labels, values = label_set(annotations, classes, background, ignore)
    fill = labels.ignore if background is None else labels.names.index(background)
    painting = Painting(labels, values, fill, annotations.large_below if order is None else order == "area")
    oriented = _oriented(annotations, painting, orientation, out, survey, on_header)
    records = merge_records(oriented.images)
    if order is not None:
        refuse_order(survey.format, any(len(record.parts) > 1 for record in records))
    if orientation is not None:
        refuse_orientation(oriented.decided)
    images: list[AnnotatedImage] = []
    unlabelled: list[AnnotatedImage] = []
    for record in records:
        labelled = any(values.get(area.label, labels.ignore) != labels.ignore for area in record.image.areas)
        (images if labelled or fill != labels.ignore else unlabelled).append(record.image)
    _require_area(source, annotations, bool(images))
    survey.leave_out("photographs in which nothing is labelled", unlabelled, meant=False)
    examples = {kind: [*names] for kind, names in annotations.examples.items()}
    left_out = LeftOutShapes(Counter(annotations.left_out), examples)
    for record in records:
        for area in record.image.areas:
            if area.label not in values:
                left_out.add(f"area of '{area.label}'", record.image.name, None)
    notes = (*annotations.notes, *_notes(oriented, records))
    contradictions = contradiction_warnings(records, values, painting.large_below, labels.ignore)
    warnings = (*alike_labels(annotations.labels), *copies(records), *contradictions)
    return Plan(images, painting, unlabelled, left_out, notes, warnings)


def _require_area(source: Path, annotations: Annotations, found: bool) -> None:
    """Raises an error, with the kinds of annotations that were left out, unless an area was found."""
    if not found:
        kinds = [
            f"{number} x {kind} ({', '.join(annotations.examples[kind])})" if kind in annotations.examples else kind
            for kind, number in annotations.left_out.items()
        ]
        left_out = f" (left out: {'; '.join(kinds)})" if kinds else ""
        raise InputError(f"{source} has no area of a class in any image{left_out}; draw polygons, boxes or masks")


def _oriented(
    annotations: Annotations,
    painting: Painting,
    orientation: Orientation | None,
    out: Path,
    survey: Survey,
    on_header: Callable[[int, int], object] | None,
) -> Oriented:
    """The photographs with upright areas; those of a wrong size are left out."""
    oriented = orient(annotations.images, painting.values, orientation, on_header)
    if oriented.undecided:
        picture = out.with_name(f"{out.name}_orientation.png")
        write_orientation_picture(picture, oriented.undecided, painting.labels, painting.values, painting.large_below)
        names = [image.name for image, _ in oriented.undecided]
        raise InputError(
            f"the camera's orientation turns {counted(len(names), 'photograph')} ({first_names(names)}), and their"
            " sizes do not tell whether the labels were drawn on the photograph as it is shown or on the pixels as they"
            f" are stored; look at {picture} and set orientation to 'shown' or 'stored'",
            "orientation",
        )
    if oriented.mismatched and not oriented.images:
        image, header = oriented.mismatched[0]
        raise wrong_size(image, header.upright)
    survey.leave_out(
        "photographs of another size than the one that was labelled; restore those that were labelled",
        [image for image, _ in oriented.mismatched],
    )
    return oriented


def _notes(oriented: Oriented, records: Sequence[Record]) -> list[str]:
    """What was decided about orientations and about photographs that are named several times."""
    notes: list[str] = []
    if oriented.turned:
        notes.append(
            f"{counted(oriented.turned, 'photograph')}: the labels were drawn on the pixels as they are stored, and are"
            " turned as the camera's orientation turns the photograph"
        )
    merged = [record.image.name for record in records if len(record.parts) > 1]
    if merged:
        notes.append(
            f"{counted(len(merged), 'photograph')} ({first_names(merged)}): named several times in the annotations;"
            " each is written once, with the areas of all"
        )
    repeated = [record.image.name for record in records if record.repeated]
    if repeated:
        number = sum(record.repeated for record in records)
        notes.append(
            f"{counted(number, 'area')} in {counted(len(repeated), 'photograph')} ({first_names(repeated)}): there"
            " already with the same outline and label; drawn once"
        )
    return notes
