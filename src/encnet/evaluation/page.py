"""The HTML page of an evaluation: one file, with its pictures inside, that needs no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from encnet.evaluation.examples import Example, example_values
from encnet.evaluation.image_scores import (
    ImageScore,
    RankingQuality,
    by_disagreement,
    contradiction_rate,
    ranking_quality,
)
from encnet.html import figure, percent, render
from encnet.metrics import Scores

MOST_RANKED = 15
"""Images in the table of those that disagree most."""


def write_evaluation_page(
    path: str | Path,
    title: str,
    facts: Mapping[str, str],
    protocol: str,
    scores: Scores,
    images: Sequence[ImageScore],
    worst: Sequence[tuple[ImageScore, Example]],
    figures: Mapping[str, bytes],
) -> None:
    """Writes scores, calibration of presence, the ranking by disagreement and the worst images to one HTML file.

    Args:
        path: of the file.
        title: of the page.
        facts: what a reader wants to know first, as name -> value.
        protocol: how the model was run, in one line.
        scores: of all images.
        images: the score of each image.
        worst: predictions to show, the worst first.
        figures: PNG files by name: ``confusion``, and of a model that says which classes are in an image
            ``calibration`` and ``disagreement``.

    Raises:
        InputError: the file cannot be written.
    """
    ranked, opposed = by_disagreement(images), contradiction_rate(images)
    columns, classes = class_table(scores, opposed)
    calibration = ranking = None
    if scores.presence is not None:
        calibration = figure(
            figures["calibration"],
            "Reliability diagrams: the share of the images that have a class over its presence; calibration error"
            f" {percent(scores.mean_presence_calibration_error)} % in the mean over classes",
        )
    quality = ranking_quality(images)
    if quality is not None:
        ranking = {
            "picture": figure(
                figures["disagreement"],
                "Mean IoU of each image over its disagreement: a point an image; " + correlations(quality),
            ),
            "sentence": ranking_sentence(quality),
            "rows": [_ranked_row(each, scores.names) for each in ranked[:MOST_RANKED]],
        }
    render(
        "evaluation.html",
        path,
        title=title,
        facts=facts,
        protocol=protocol,
        columns=columns,
        classes=classes,
        means=mean_rows(scores),
        confusion=figure(
            figures["confusion"],
            "Confusion matrix: rows are true classes, columns predicted ones",
        ),
        calibration=calibration,
        ranking=ranking,
        worst=[_worst(score, example) for score, example in worst],
    )


def class_table(scores: Scores, contradictions: np.ndarray | None = None) -> tuple[list[str], list[list[str]]]:
    """Columns, and rows of cells in percent: the scores of each class, and its share of the true pixels.

    Args:
        scores: of all images.
        contradictions: (classes,) share of the images, 0-1, in which pixels and presence say the opposite; None leaves
            the column out.
    """
    shares = scores.true_pixels / max(1, scores.true_pixels.sum())
    by_class = {"IoU": scores.iou, "accuracy": scores.accuracy}
    if scores.presence is not None:
        presence = scores.presence
        by_class |= {"presence AP": presence.average_precision, "presence F1": presence.f1}
        by_class |= {"calibration error": presence.calibration.error}
    by_class |= {} if contradictions is None else {"contradictions": contradictions}
    rows = [
        [name, *(percent(values[c]) for values in by_class.values()), percent(shares[c], 2)]
        for c, name in enumerate(scores.names)
    ]
    return ["class", *by_class, "share of pixels"], rows


def mean_rows(scores: Scores) -> list[list[str]]:
    """Name and value in percent of each score of all classes."""
    rows = {
        "pixel accuracy": scores.pixel_accuracy,
        "mean accuracy": scores.mean_accuracy,
        "mean IoU, absent classes left out": scores.mean_iou,
        "mean IoU, absent classes counted as 0": scores.mean_iou_absent_zero,
        "frequency-weighted IoU": scores.frequency_weighted_iou,
        "presence average precision": scores.mean_presence_average_precision,
        "presence F1": scores.mean_presence_f1,
        "presence calibration error": scores.mean_presence_calibration_error,
    }
    return [[name, percent(value)] for name, value in rows.items() if value is not None]


def correlations(quality: RankingQuality) -> str:
    """The two correlations as text, a dash where one is undefined."""
    spearman, pearson = ("–" if np.isnan(r) else f"{r:.2f}" for r in (quality.spearman, quality.pearson))
    return f"Spearman {spearman}, Pearson {pearson}"


def ranking_sentence(quality: RankingQuality) -> str:
    """What the ranking by disagreement is worth, in words."""
    return (
        f"Correlation of disagreement with the mean IoU of an image, over {quality.images} images:"
        f" {correlations(quality)}. The quarter that disagrees most has an IoU of {percent(quality.worst_quarter)} % in"
        f" the mean, the others {percent(quality.others)} %."
    )


def _ranked_row(image: ImageScore, names: Sequence[str]) -> list[str]:
    assert image.disagreement is not None
    told = "; ".join(map(str, image.disagreement.doubtful(names)))
    return [image.file, f"{image.disagreement.score:.3f}", percent(image.mean_iou), told]


def _worst(score: ImageScore, example: Example) -> dict[str, Any]:
    """A prediction beside its truth, and the scores of its image."""
    said = f"mean IoU {percent(score.mean_iou)} %, pixel accuracy {percent(score.pixel_accuracy)} %"
    if score.disagreement is not None:
        said += f", disagreement {score.disagreement.score:.3f}"
    return {**example_values(example, photographs=True), "said": said}
