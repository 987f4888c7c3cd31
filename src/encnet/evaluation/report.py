"""The result of an evaluation: scores and the settings behind them, as a table and as files."""

from __future__ import annotations

import io
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from encnet.evaluation.examples import Example
from encnet.evaluation.figures import calibration_figure, disagreement_figure
from encnet.evaluation.image_scores import ImageScore, by_disagreement, ranking_quality
from encnet.evaluation.page import evaluation_page, presence_sentences, ranking_sentence
from encnet.inference.protocols.protocol import Protocol
from encnet.metrics.presence import mean_of_defined
from encnet.metrics.scores import Scores
from encnet.reports.figures import confusion_figure, figure_png
from encnet.reports.html import percent
from encnet.system.files import write_files
from encnet.system.outputs import check_outputs
from encnet.system.terminal import Terminal
from encnet.system.text import counted


@dataclass(frozen=True, eq=False)
class EvaluationReport:
    """Scores, and all settings that reproduce them."""

    scores: Scores
    """Scores over all images."""
    variant: str
    """Variant of the model."""
    checkpoint: str | None
    """Path or hub id that the model was loaded from; None for a model in memory."""
    dataset: str
    """Name of the data set."""
    split: str
    """Name of the split."""
    images: int
    """Number of images scored."""
    protocol: Protocol
    """How the model was run, with all numbers."""
    engine: str
    """Name of the engine that ran the network."""
    device: str
    """Device that the network ran on."""
    precision: str
    """Number format of the computation."""
    seconds: float
    """Wall-clock time of scoring, the sum of all processes."""
    per_image: tuple[ImageScore, ...] = ()
    """Scores of each image, in the order of the split."""
    worst: tuple[tuple[ImageScore, Example], ...] = ()
    """The images with the lowest mean IoU, the worst first, each with its prediction and truth."""
    missing: int = 0
    """Number of images of the split, within the limit, that no process has scored yet."""
    threshold: float | None = None
    """Of two classes, the probability from which a pixel has the second; None is one half."""

    @property
    def images_per_second(self) -> float:
        """Images scored per second."""
        return self.images / self.seconds if self.images else 0.0

    @property
    def mean_iou(self) -> float:
        """Mean IoU as the protocol counts it, 0-1: absent classes are left out or count as 0."""
        zero = self.protocol.absent_classes == "zero"
        return self.scores.mean_iou_absent_zero if zero else self.scores.mean_iou

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON types; the files in ``ranking`` are sorted by disagreement, highest first."""
        quality, presence = ranking_quality(self.per_image), self.scores.presence
        return {
            "variant": self.variant,
            "checkpoint": self.checkpoint,
            "dataset": self.dataset,
            "split": self.split,
            "images": self.images,
            "protocol": self.protocol.to_dict(),
            "threshold": self.threshold,
            "mean_iou": None if math.isnan(self.mean_iou) else self.mean_iou,
            "engine": self.engine,
            "device": self.device,
            "precision": self.precision,
            "seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 3),
            "scores": self.scores.to_dict(),
            "presence_calibration": None if presence is None else presence.calibration.to_dict(self.scores.names),
            "ranking": None
            if quality is None
            else {**quality.to_dict(), "files": [image.file for image in by_disagreement(self.per_image)]},
            "per_image": [image.to_dict(self.scores.names) for image in self.per_image],
        }

    @property
    def title(self) -> str:
        """Variant, data set, split and number of images in one line."""
        return f"{self.variant} on {self.dataset}, {self.split}: {counted(self.images, 'image')}"

    @property
    def how(self) -> str:
        """The protocol in words, with the threshold if there is one."""
        described = self.protocol.describe()
        return described if self.threshold is None else f"{described}; threshold {self.threshold:g}"

    def table(self) -> Table:
        """A table of the scores by class and their means, in percent."""
        quality = ranking_quality(self.per_image)
        return scores_table(
            self.scores,
            self.title,
            f"{self.how}\n{self.images_per_second:.2f} images/s in {self.engine} on {self.device}, "
            f"{self.precision}; scores in %\nmean IoU by this protocol: {percent(self.mean_iou, 2)}"
            + ("" if quality is None else f"\n{ranking_sentence(quality)}")
            + "".join(f"\n{sentence}" for sentence in presence_sentences(self.scores)),
        )

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> list[Path]:
        """Writes evaluation.json, evaluation.txt (the table), evaluation.html and figures into a folder, all or none.

        The figures are confusion.png and, for a model that predicts presence, calibration.png and disagreement.png.

        Args:
            folder: folder for the files; it is created if needed.
            overwrite: whether to replace files that encnet did not write, or that were changed since.

        Returns:
            The files written.

        Raises:
            InputError: the folder cannot be written to, or a file would replace one that encnet did not write.
        """
        check_outputs(result_files(folder), overwrite=overwrite, argument="folder")
        text = io.StringIO()
        Terminal(file=text, width=120).print(self.table())
        figures = {"confusion": confusion_figure(self.scores.confusion, self.scores.names)}
        if self.scores.presence is not None:
            figures["calibration"] = calibration_figure(self.scores.presence.calibration, self.scores.names)
            figures["disagreement"] = disagreement_figure(self.per_image)
        pngs = {name: figure_png(figure) for name, figure in figures.items()}
        page = evaluation_page(
            self.title,
            self._facts(),
            self.how,
            self.scores,
            self.per_image,
            self.worst,
            pngs,
        )
        contents = {
            "evaluation.json": json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n",
            "evaluation.txt": text.getvalue(),
            "evaluation.html": page,
            **{f"{name}.png": png for name, png in pngs.items()},
        }
        written = {Path(folder, name): content for name, content in contents.items()}
        write_files(written)
        return list(written)

    def _facts(self) -> dict[str, str]:
        """The headline figures, as name -> value."""
        scores = self.scores
        facts = {"mean IoU": self.mean_iou, "pixel accuracy": scores.pixel_accuracy}
        precision = scores.mean_presence_average_precision
        if precision is not None and math.isfinite(precision):
            facts["presence average precision"] = precision
        if scores.mean_presence_calibration_error is not None:
            facts["presence calibration error"] = scores.mean_presence_calibration_error
        shown = {name: f"{percent(value)} %" for name, value in facts.items()}
        return {**shown, "images": f"{self.images}", "images per second": f"{self.images_per_second:.2f}"}


def result_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The files that :meth:`EvaluationReport.save` writes for a model that predicts presence."""
    figures = ("confusion.png", "calibration.png", "disagreement.png")
    return [Path(folder, name) for name in ("evaluation.json", "evaluation.txt", "evaluation.html", *figures)]


def scores_table(scores: Scores, title: str, caption: str | None = None) -> Table:
    """A table of scores by class and their means, in percent; a dash stands for an undefined score.

    Args:
        scores: scores over all images.
        title: title of the table.
        caption: text below the table, if any.
    """
    table = Table(title=title, caption=caption, box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    columns = {
        "IoU": (scores.iou, scores.mean_iou),
        "accuracy": (scores.accuracy, scores.mean_accuracy),
        "precision": (scores.precision, scores.mean_precision),
        "Dice": (scores.dice, scores.mean_dice),
    }
    if scores.presence is not None:
        presence = scores.presence
        columns |= {
            "presence AP": (presence.average_precision, mean_of_defined(presence.average_precision)),
            "presence F1": (presence.f1, mean_of_defined(presence.f1)),
            "presence ECE": (presence.calibration.error, mean_of_defined(presence.calibration.error)),
        }
    table.add_column("class", overflow="fold")
    for name in columns:
        # In a narrow terminal the names of classes are broken, not words: "presence AP" takes two lines.
        table.add_column(name, justify="right", min_width=max(map(len, name.split())))
    for i, name in enumerate(scores.names):
        table.add_row(name, *(percent(values[i], 2) for values, _ in columns.values()))
    table.add_section()
    table.add_row("mean, absent left out", *(percent(mean, 2) for _, mean in columns.values()))
    table.add_row("mean, absent as 0", percent(scores.mean_iou_absent_zero, 2))
    table.add_row("weighted by pixels", percent(scores.frequency_weighted_iou, 2), percent(scores.pixel_accuracy, 2))
    return table
