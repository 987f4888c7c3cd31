"""Scores of each image, and how well disagreement finds the badly predicted images."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from encnet.metrics.disagreement import Disagreement
from encnet.metrics.presence import mean_of_defined, number
from encnet.system.files import write_text
from encnet.system.text import cell

FILES: str = "files.csv"
"""Name of the table of all images of an evaluation, from all processes."""


@dataclass(frozen=True, eq=False)
class ImageScore:
    """The scores of one image."""

    file: str
    """Path of the image, relative to the data set."""
    mean_iou: float
    """Mean IoU of this image alone, 0-1, over the classes in its truth or prediction; nan without labelled pixels."""
    pixel_accuracy: float
    """Share of the labelled pixels that are predicted correctly, 0-1; nan without labelled pixels."""
    disagreement: Disagreement | None
    """Disagreement between pixels and presence; None if the model does not predict presence."""

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """The scores as JSON types; ``contradictions`` maps class name to [presence, share of the pixels]."""
        scores = {
            "file": self.file,
            "mean_iou": number(self.mean_iou),
            "pixel_accuracy": number(self.pixel_accuracy),
        }
        if self.disagreement is None:
            return scores
        contradictions = {
            row.name: [round(row.presence, 6), round(row.share, 6)] for row in self.disagreement.contradictions(names)
        }
        return {**scores, "disagreement": round(self.disagreement.score, 6), "contradictions": contradictions}


class RankingQuality(NamedTuple):
    """How well disagreement, which needs no truth, finds images with a low mean IoU."""

    images: int  #: number of images with labelled pixels
    spearman: float  #: rank correlation of disagreement and mean IoU over the images, -1 to 1; nan if undefined
    pearson: float  #: Pearson correlation of the same, -1 to 1; nan if undefined
    worst_quarter: float  #: average mean IoU of the quarter of the images with the highest disagreement
    others: float  #: average mean IoU of the other images; nan if there are none

    def to_dict(self) -> dict[str, Any]:
        """The values as JSON types."""
        return {name: value if name == "images" else number(value) for name, value in self._asdict().items()}


def ranking_quality(images: Sequence[ImageScore]) -> RankingQuality | None:
    """The quality of a ranking of images by disagreement; None if no image has a disagreement."""
    pairs = [(image.disagreement.score, image.mean_iou) for image in images if image.disagreement is not None]
    if not pairs:
        return None
    labelled = np.array([pair for pair in pairs if not np.isnan(pair[1])]).reshape(-1, 2)
    disagreement, mean_iou = labelled.T
    order = np.argsort(-disagreement, kind="stable")
    quarter = -(-len(order) // 4)
    return RankingQuality(
        len(labelled),
        correlation(ranks(disagreement), ranks(mean_iou)),
        correlation(disagreement, mean_iou),
        mean_of_defined(mean_iou[order[:quarter]]),
        mean_of_defined(mean_iou[order[quarter:]]),
    )


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation of two lists of numbers, -1 to 1; nan if one of them is constant."""
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def ranks(values: np.ndarray) -> np.ndarray:
    """Rank of each number in ascending order, from 1; equal numbers get the mean of their ranks."""
    _, group, size = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    return (last - (size - 1) / 2)[group]


def by_disagreement(images: Sequence[ImageScore]) -> list[ImageScore]:
    """The images that have a disagreement, highest first."""
    pairs = [(image.disagreement.score, image) for image in images if image.disagreement is not None]
    return [image for _, image in sorted(pairs, key=lambda pair: -pair[0])]


def contradiction_rate(images: Sequence[ImageScore]) -> np.ndarray | None:
    """(classes,) share of the images, 0-1, where pixels and presence contradict each other; None without presence."""
    contradictory = [image.disagreement.contradictory for image in images if image.disagreement is not None]
    return np.mean(contradictory, axis=0) if contradictory else None


def write_files_table(folder: str | os.PathLike[str], files: Sequence[str], scores: Mapping[int, ImageScore]) -> Path:
    """Writes files.csv, the ledger of all processes: the columns file, fate, mean_iou and pixel_accuracy (0-1).

    Args:
        folder: folder of the report.
        files: path of each image of the split, relative to the data set.
        scores: place in ``files`` -> scores, of the images that have some; the others are not scored yet.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("file", "fate", "mean_iou", "pixel_accuracy"))
    for place, file in enumerate(files):
        score = scores.get(place)
        values = (None, None) if score is None else (number(score.mean_iou), number(score.pixel_accuracy))
        fate = "of another share, not yet" if score is None else "scored"
        table.writerow((cell(file), fate, *("" if value is None else value for value in values)))
    path = Path(folder, FILES)
    write_text(path, text.getvalue())
    return path
