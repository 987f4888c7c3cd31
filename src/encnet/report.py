"""The HTML report of a run: one file, with its pictures inside, that needs no network."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image

from encnet.evaluation import EvaluationReport
from encnet.files import write_text
from encnet.inference.segmentation import Segmentation
from encnet.metrics import Scores
from encnet.visualize import confusion_figure, curves_figure, figure_png, overlay


class Example(NamedTuple):
    """A prediction beside its truth."""

    segmentation: Segmentation
    truth: np.ndarray  #: (H, W) uint8 class indices


class _Picture(NamedTuple):
    source: str  #: data URL
    alternative: str


def write_report(
    path: str | Path,
    title: str,
    introduction: str,
    facts: Mapping[str, str],
    history: Iterable[Mapping[str, Any]],
    evaluation: EvaluationReport,
    examples: Sequence[Example],
) -> None:
    """Writes curves, scores by class, confusion matrix and examples to one HTML file.

    Args:
        path: of the file.
        title: of the page.
        introduction: one paragraph of plain text.
        facts: what a reader wants to know first, as name -> value.
        history: what was logged while training, as :func:`read_history` gives it.
        evaluation: of the model.
        examples: predictions to show, each with its truth.

    Raises:
        InputError: the file cannot be written.
    """
    scores = evaluation.scores
    page = Environment(loader=PackageLoader("encnet", "templates"), autoescape=True, undefined=StrictUndefined)
    html = page.get_template("report.html").render(
        title=title,
        introduction=introduction,
        facts=facts,
        curves=_figure(figure_png(curves_figure(history)), "Loss, learning rate and validation scores over the steps"),
        confusion=_figure(
            figure_png(confusion_figure(scores.confusion, scores.names)),
            "Confusion matrix: rows are true classes, columns predicted ones",
        ),
        protocol=evaluation.protocol.describe(),
        classes=_class_rows(scores),
        means=_mean_rows(scores),
        examples=[_example(example) for example in examples],
    )
    write_text(path, html)


def read_history(folder: str | Path) -> list[dict[str, Any]]:
    """Rows that the CSV logs of a training run hold, in the order of steps, over all its interruptions."""
    rows = []
    for file in sorted(Path(folder).glob("version_*/metrics.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                numbers = {name: float(value) for name, value in row.items() if value not in ("", None)}
                rows.append({name: value for name, value in numbers.items() if name != "epoch"})
    return sorted(rows, key=lambda row: row["step"])


def _figure(png: bytes, alternative: str) -> _Picture:
    return _Picture("data:image/png;base64," + base64.b64encode(png).decode("ascii"), alternative)


def _picture(image: Image.Image, alternative: str) -> _Picture:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return _figure(buffer.getvalue(), alternative)


def _example(example: Example) -> dict[str, Any]:
    segmentation, truth = example
    name = segmentation.path.name if segmentation.path else "image"
    exists = set(np.unique(truth).tolist())
    shown = exists | set(np.unique(segmentation.labels).tolist())
    presence = []
    if segmentation.presence is not None:
        presence = [
            {"name": segmentation.names[c], "probability": float(p), "exists": c in exists}
            for c, p in enumerate(segmentation.presence)
        ]
    return {
        "name": name,
        "photograph": _picture(segmentation.image, f"{name}: the image"),
        "prediction": _picture(
            overlay(segmentation.image, segmentation.labels, segmentation.palette), f"{name}: predicted classes"
        ),
        "truth": _picture(overlay(segmentation.image, truth, segmentation.palette), f"{name}: true classes"),
        "legend": [
            {
                "name": n,
                "color": "rgb({}, {}, {})".format(*segmentation.palette[c]),
            }
            for c, n in enumerate(segmentation.names)
            if c in shown
        ],
        "presence": sorted(presence, key=lambda row: -row["probability"]),
    }


def _class_rows(scores: Scores) -> list[dict[str, Any]]:
    pixels = scores.true_pixels / max(1, scores.true_pixels.sum())
    presence = scores.presence_average_precision
    return [
        {
            "name": name,
            "iou": _number(scores.iou[c]),
            "accuracy": _number(scores.accuracy[c]),
            "presence": None if presence is None else _number(presence[c]),
            "pixels": float(pixels[c]),
        }
        for c, name in enumerate(scores.names)
    ]


def _mean_rows(scores: Scores) -> dict[str, float | None]:
    rows = {
        "pixel accuracy": scores.pixel_accuracy,
        "mean accuracy": scores.mean_accuracy,
        "mean IoU, absent classes left out": scores.mean_iou,
        "mean IoU, absent classes counted as 0": scores.mean_iou_absent_zero,
        "frequency-weighted IoU": scores.frequency_weighted_iou,
        "presence average precision": scores.mean_presence_average_precision,
        "presence F1": scores.mean_presence_f1,
    }
    return {name: _number(value) for name, value in rows.items()}


def _number(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
