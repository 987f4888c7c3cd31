"""What an evaluation found: scores with all it takes to get them again, as a table and as files."""

from __future__ import annotations

import io
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from encnet.files import replacing, write_text
from encnet.inference.protocol import Protocol
from encnet.metrics import Scores
from encnet.visualize import confusion_figure, figure_png


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """Scores, and all it takes to get them again."""

    scores: Scores
    variant: str
    """Builder of the model."""
    checkpoint: str | None
    """Where the model was loaded from; None for a model in memory."""
    dataset: str
    """Name of the data set."""
    split: str
    images: int
    """Number of images scored."""
    protocol: Protocol
    """How the model was run, with all its numbers."""
    engine: str
    """What computed the network."""
    device: str
    precision: str
    """The number format of the computation."""
    seconds: float
    """Wall-clock time from the first image read to the last scored."""

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds

    @property
    def mean_iou(self) -> float:
        """Mean IoU as the protocol counts it, 0-1: absent classes left out, or as 0."""
        zero = self.protocol.absent_classes == "zero"
        return self.scores.mean_iou_absent_zero if zero else self.scores.mean_iou

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON types."""
        return {
            "variant": self.variant,
            "checkpoint": self.checkpoint,
            "dataset": self.dataset,
            "split": self.split,
            "images": self.images,
            "protocol": self.protocol.to_dict(),
            "mean_iou": None if math.isnan(self.mean_iou) else self.mean_iou,
            "engine": self.engine,
            "device": self.device,
            "precision": self.precision,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 3),
            "scores": self.scores.to_dict(),
        }

    def table(self) -> Table:
        """Scores by class in percent, then their means."""
        return scores_table(
            self.scores,
            f"{self.variant} on {self.dataset}, {self.split}: {self.images} images",
            f"{self.protocol.describe()}\n{self.images_per_second:.2f} images/s in {self.engine} on {self.device}, "
            f"{self.precision}; scores in %\nmean IoU by this protocol: {_percent(self.mean_iou)}",
        )

    def save(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes evaluation.json, evaluation.txt (the table) and confusion.png into a folder, and returns their paths.

        Raises:
            InputError: the folder cannot be written to.
        """
        text = io.StringIO()
        Console(file=text, width=120).print(self.table())
        written = [Path(folder, name) for name in ("evaluation.json", "evaluation.txt", "confusion.png")]
        write_text(written[0], json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        write_text(written[1], text.getvalue())
        with replacing(written[2]) as temporary:
            temporary.write_bytes(figure_png(confusion_figure(self.scores.confusion, self.scores.names)))
        return written


def scores_table(scores: Scores, title: str, caption: str | None = None) -> Table:
    """Scores by class in percent, then their means; a dash where a score is undefined."""
    with_presence = scores.presence_f1 is not None
    table = Table(title=title, caption=caption)
    table.add_column("class")
    for column in ("IoU", "accuracy", *(("presence AP", "presence F1") if with_presence else ())):
        table.add_column(column, justify="right")

    def add(name: str, *values: float | None) -> None:
        shown = values if with_presence else values[:2]
        table.add_row(name, *("" if value is None else _percent(value) for value in shown))

    for i, name in enumerate(scores.names):
        presence = () if scores.presence_average_precision is None else (scores.presence_average_precision[i],)
        presence += () if scores.presence_f1 is None else (scores.presence_f1[i],)
        add(name, scores.iou[i], scores.accuracy[i], *presence)
    table.add_section()
    add(
        "mean, absent classes left out",
        scores.mean_iou,
        scores.mean_accuracy,
        scores.mean_presence_average_precision,
        scores.mean_presence_f1,
    )
    add("mean, absent classes as 0", scores.mean_iou_absent_zero, None, None, None)
    add("mean, weighted by pixels", scores.frequency_weighted_iou, scores.pixel_accuracy, None, None)
    return table


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f}"
