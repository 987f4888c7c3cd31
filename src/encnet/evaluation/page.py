"""The HTML page of an evaluation: one file that includes its pictures and loads nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from encnet.metrics.scores import Scores
from encnet.reports.html import figure, percent, rendered
from encnet.system.text import counted

MOST_RANKED: int = 15
"""Upper bound on the images in the table of the highest disagreements."""


MOST_NAMED: int = 12
"""Upper bound on the classes that a sentence names."""


def evaluation_page(
    title: str,
    facts: Mapping[str, str],
    protocol: str,
    scores: Scores,
    images: Sequence[ImageScore],
    worst: Sequence[tuple[ImageScore, Example]],
    figures: Mapping[str, bytes],
) -> str:
    """The page as HTML: scores, calibration of presence, the ranking by disagreement and the worst images.

    Args:
        title: title of the page.
        facts: headline figures, as name -> value.
        protocol: how the model was run, in one line.
        scores: scores over all images.
        images: scores of each image.
        worst: predictions to show, the worst first.
        figures: PNG files by name: ``confusion``, and for a model that predicts presence ``calibration`` and
            ``disagreement``.
    """
    columns, classes = class_table(scores, contradiction_rate(images))
    calibration = ranking = None
    notes: list[str] = []
    if scores.presence is not None:
        calibration = figure(
            figures["calibration"],
            "Reliability diagrams: share of the images that have a class, over its presence; mean calibration error of"
            f" the classes: {percent(scores.mean_presence_calibration_error)} %",
        )
        notes = presence_sentences(scores)
    quality = ranking_quality(images)
    if quality is not None:
        ranking = {
            "picture": figure(
                figures["disagreement"],
                "Mean IoU over disagreement, one point per image; " + correlations(quality),
            ),
            "sentence": ranking_sentence(quality),
            "rows": [_ranked_row(image, scores.names) for image in by_disagreement(images)[:MOST_RANKED]],
        }
    return rendered(
        "evaluation.html",
        title=title,
        facts=facts,
        protocol=protocol,
        columns=columns,
        classes=classes,
        means=mean_rows(scores),
        confusion=figure(
            figures["confusion"],
            "Confusion matrix: rows are true classes, columns are predicted classes",
        ),
        calibration=calibration,
        notes=notes,
        ranking=ranking,
        worst=[_worst(score, example) for score, example in worst],
    )


def class_table(scores: Scores, contradictions: np.ndarray | None = None) -> tuple[list[str], list[list[str]]]:
    """The column names and the rows of the table of scores by class, in percent, with each class's share of the pixels.

    Args:
        scores: scores over all images.
        contradictions: (classes,) share of the images, 0-1, in which pixels and presence contradict each other; None
            leaves the column out.
    """
    shares = scores.true_pixels / max(1, scores.true_pixels.sum())
    by_class = {
        "IoU": scores.iou,
        "accuracy": scores.accuracy,
        "precision": scores.precision,
        "Dice": scores.dice,
    }
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
    """Name and value, in percent, of each score over all classes."""
    rows = {
        "pixel accuracy": scores.pixel_accuracy,
        "mean accuracy": scores.mean_accuracy,
        "mean precision": scores.mean_precision,
        "mean Dice": scores.mean_dice,
        "mean IoU, absent classes left out": scores.mean_iou,
        "mean IoU, absent classes counted as 0": scores.mean_iou_absent_zero,
        "frequency-weighted IoU": scores.frequency_weighted_iou,
        "presence average precision": scores.mean_presence_average_precision,
        "presence F1": scores.mean_presence_f1,
        "presence calibration error": scores.mean_presence_calibration_error,
    }
    return [[name, percent(value)] for name, value in rows.items() if value is not None]


def presence_sentences(scores: Scores) -> list[str]:
    """Says which classes every image has; empty if there are none, or presence is not predicted."""
    if scores.presence is None or not scores.presence.everywhere.any():
        return []
    names = [scores.names[c] for c in np.flatnonzero(scores.presence.everywhere)]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return [
        f"Every image has {', '.join(names[:MOST_NAMED])}{more}: whether their presence is right for other images is"
        " not measured here, and their average precision is undefined."
    ]


def correlations(quality: RankingQuality) -> str:
    """The two correlations as text, with a dash for an undefined one."""
    spearman, pearson = ("–" if np.isnan(r) else f"{r:.2f}" for r in (quality.spearman, quality.pearson))
    return f"Spearman {spearman}, Pearson {pearson}"


def ranking_sentence(quality: RankingQuality) -> str:
    """The quality of the ranking by disagreement in words."""
    return (
        f"Correlation between disagreement and mean IoU over {counted(quality.images, 'image')}:"
        f" {correlations(quality)}. The average mean IoU is {percent(quality.worst_quarter)} % in the quarter with the"
        f" highest disagreement and {percent(quality.others)} % in the others."
    )


def _ranked_row(image: ImageScore, names: Sequence[str]) -> list[str]:
    """The cells of an image in the table of the highest disagreements."""
    assert image.disagreement is not None
    doubtful = "; ".join(map(str, image.disagreement.doubtful(names)))
    return [image.file, f"{image.disagreement.score:.3f}", percent(image.mean_iou), doubtful]


def _worst(score: ImageScore, example: Example) -> dict[str, Any]:
    """The values for a prediction with its truth, and the scores of its image."""
    caption = f"mean IoU {percent(score.mean_iou)} %, pixel accuracy {percent(score.pixel_accuracy)} %"
    if score.disagreement is not None:
        caption += f", disagreement {score.disagreement.score:.3f}"
    return {**example_values(example, photographs=True), "caption": caption}
