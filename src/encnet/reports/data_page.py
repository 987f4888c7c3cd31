"""The page check.html: everything that a check found in a data set, with pictures; one file that loads nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from encnet.data.check import CheckReport, Problem
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.near_duplicates import NearDuplicate
from encnet.data.sample_files import name_in
from encnet.data.suspicious import Suspect, Suspicion, suspicions
from encnet.reports.contact_sheet import Chosen, choose_samples, labelled_thumbnail, thumbnail
from encnet.reports.data_figures import aspect_histogram, histogram, object_rows, raw_rows, size_rows, target_text
from encnet.reports.html import css_color, percent, picture, render
from encnet.reports.raster_overview import overviews, split_colors

CHECK_PAGE: str = "check.html"
"""Name of the page."""

STRIDE: int = 8
"""Pixels of an image for each pixel of the features, in all variants of the network."""

MOST_PROBLEMS: int = 200
"""Problems, and warnings, that the page lists; the number of the others is said."""

MOST_SUSPECTS: int = 8
"""Pictures for each reason to suspect an image; the names of the others are listed."""

MOST_PAIRS: int = 40
"""Near-duplicates that are shown side by side; the names of the others are listed."""

_PAIR_SIDE = 240  # pixels


def write_check_page(
    index: DatasetIndex, report: CheckReport, path: str | Path, long_side: int | None = None, stride: int = STRIDE
) -> None:
    """Writes what a check found to one HTML file.

    The page has problems and warnings, suspicious images and near-duplicates, the meaning of the label maps, a contact
    sheet of each split, the sizes of objects and of images, and their brightness.

    Args:
        index: the data set.
        report: its check.
        path: file to write.
        long_side: working size: the length in pixels to which training resizes the long side of each image; None if it
            does not.
        stride: pixels of an image for each pixel of the network's features.

    Raises:
        InputError: the file cannot be written, or an image has vanished since the check.
    """
    findings = report.findings
    photographs = [found for found in findings.images.values() if found.size is not None]
    sizes = [found.size for found in photographs if found.size is not None]
    rows, left_out = raw_rows(index, findings)
    render(
        "check.html",
        path,
        title=f"Check of {index.root.name or index.name}",
        folder=str(index.root),
        facts=_facts(index, report),
        ledger=report.ledger.lines(),
        absent=dict(index.absent),
        notes=[note for note in (index.origin, *index.notes) if note],
        problems=_listed(report.problems),
        warnings=_listed(report.warnings),
        suspicions=[_suspicion(suspicion, index) for suspicion in suspicions(index, findings)],
        pairs=[_pair(pair, index) for pair in report.near_duplicates[:MOST_PAIRS]],
        more_pairs=[_pair_caption(pair, index) for pair in report.near_duplicates[MOST_PAIRS:]],
        encoding="value" if index.labels.encoding == "value" else "colour",
        splits=list(index.splits),
        raw_rows=[
            {
                "raw": row.raw,
                "name": target_text(row.target, index.labels),
                "color": _color(row.target, index),
                "declared": row.target is not None,
                "shares": [(_share(share.share), share.images) for share in row.shares.values()],
            }
            for row in rows
        ],
        raw_left_out=left_out,
        class_notes=report.notes(),
        rasters=_rasters(index),
        split_colors={split: css_color(color) for split, color in split_colors(index).items()},
        sheets=[_sheet(split, samples, index, report) for split, samples in index.splits.items()],
        objects=[
            {
                "name": index.labels.names[row.target],
                "color": _color(row.target, index),
                "objects": row.objects,
                "median": f"{row.median:.0f}",
                "narrow": row.narrow,
                "resized": row.narrow_resized,
            }
            for row in object_rows(findings.labels.values(), stride, long_side)
        ],
        stride=stride,
        long_side=long_side,
        sizes=size_rows(sizes),
        aspects=aspect_histogram(sizes),
        brightness=histogram([found.brightness for found in photographs], list(range(0, 257, 16))),
    )


def _rasters(index: DatasetIndex) -> list[tuple[Any, str]]:
    """(picture, caption) of each raster that is drawn."""
    drawn = []
    for raster, image in overviews(index):
        name = name_in(index.root, raster)
        drawn.append((picture(image, f"{name} with the windows of its splits outlined", photograph=True), name))
    return drawn


def _facts(index: DatasetIndex, report: CheckReport) -> dict[str, str]:
    """The most important numbers, as name -> value."""
    labelled = sum(int(pixels.sum()) for pixels in report.class_pixels.values())
    ignored = sum(report.ignored_pixels.values())
    return {
        **{f"images in {split}": str(len(samples)) for split, samples in index.splits.items()},
        "classes": str(index.labels.num_classes),
        "ignored pixels": f"{percent(ignored / max(1, labelled + ignored))} %",
        "problems": str(len(report.problems)),
        "warnings": str(len(report.warnings)),
    }


def _listed(problems: Sequence[Problem]) -> dict[str, Any]:
    return {"messages": [problem.message for problem in problems[:MOST_PROBLEMS]], "number": len(problems)}


def _suspicion(suspicion: Suspicion, index: DatasetIndex) -> dict[str, Any]:
    def caption(suspect: Suspect) -> str:
        return f"{suspect.split}: {name_in(index.root, suspect.sample.image)} – {suspect.detail}"

    shown, others = suspicion.suspects[:MOST_SUSPECTS], suspicion.suspects[MOST_SUSPECTS:]
    return {
        "title": suspicion.title,
        "advice": suspicion.advice,
        "number": len(suspicion.suspects),
        "pictures": [(_labelled(suspect.sample, index, suspect.detail), caption(suspect)) for suspect in shown],
        "others": [caption(suspect) for suspect in others],
    }


def _sheet(split: str, samples: Sequence[Sample], index: DatasetIndex, report: CheckReport) -> dict[str, Any]:
    """The contact sheet of a split, and the classes that it has but does not show."""
    chosen = choose_samples(samples, report.findings)
    shown = {c for choice in chosen for c in choice.shows}
    missing = [
        name for c, name in enumerate(index.labels.names) if report.class_images[split][c] > 0 and c not in shown
    ]
    return {
        "split": split,
        "number": len(samples),
        "pictures": [
            (_labelled(choice.sample, index, _shows(choice, index)), _sheet_caption(choice, index)) for choice in chosen
        ],
        "missing": missing,
        "legend": [{"name": index.labels.names[c], "color": _color(c, index)} for c in sorted(shown)],
    }


def _shows(choice: Chosen, index: DatasetIndex) -> str:
    return ", ".join(index.labels.names[c] for c in choice.shows)


def _sheet_caption(choice: Chosen, index: DatasetIndex) -> str:
    name, shows = name_in(index.root, choice.sample.image), _shows(choice, index)
    return f"{name}: {shows}" if shows else name


def _labelled(sample: Sample, index: DatasetIndex, detail: str) -> Any:
    """The picture of a sample under its label map."""
    what = "photograph" if sample.label is None else "photograph under the colours of its label map"
    alternative = f"{sample.image.name}: {what}{'; ' if detail else ''}{detail}"
    return picture(labelled_thumbnail(sample, index.labels, source=index.source), alternative, photograph=True)


def _pair(pair: NearDuplicate, index: DatasetIndex) -> dict[str, Any]:
    return {
        "pictures": [
            picture(thumbnail(path, _PAIR_SIDE, index.source), f"{path.name} in {split}", photograph=True)
            for path, split in ((pair.image, pair.split), (pair.other, pair.other_split))
        ],
        "caption": _pair_caption(pair, index),
    }


def _pair_caption(pair: NearDuplicate, index: DatasetIndex) -> str:
    image, other = name_in(index.root, pair.image), name_in(index.root, pair.other)
    return f"{pair.split}: {image} ~ {pair.other_split}: {other} ({pair.distance} of 256 bits differ)"


def _share(value: float | None) -> str:
    """A share in percent; one that is not 0 is not shown as 0."""
    return "<0.01" if value and value < 5e-5 else percent(value, 2)


def _color(target: int | None, index: DatasetIndex) -> str | None:
    """The CSS colour of a class; None for ignored and undeclared pixels."""
    return None if target is None or target == index.labels.ignore else css_color(index.labels.palette[target])
