"""The HTML report of a training run: curves, scores and examples in one file, which needs no network."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from encnet.checkpoint.hub import BEST_MODEL
from encnet.data.formats import read_dataset
from encnet.evaluation import EvaluationReport, evaluate
from encnet.evaluation.examples import Example, example_values
from encnet.evaluation.page import class_table, mean_rows, presence_sentences
from encnet.reports.figures import confusion_figure, curves_figure, figure_png
from encnet.reports.html import figure, percent, render
from encnet.system.text import counted
from encnet.training.recipes import CONFIG_FILE, load_run_config

REPORT: str = "report.html"
"""Name of the report in the folder of a run."""

MOST_SCORED: int = 200
"""Upper bound on the validation images that the report of a run scores."""

_MACHINE = ("epoch", "memory/", "speed/")
"""Beginnings of the names of logged figures that say nothing about learning."""


def report_run(folder: str | Path) -> Path:
    """Scores the best model of a run on its validation images, at most 200, and writes report.html into its folder.

    The report has the curves of the training, the scores by class, the confusion matrix, and the images with the lowest
    mean IoU, each with prediction and truth.

    Args:
        folder: folder of a run.

    Returns:
        The path of the report.

    Raises:
        InputError: the folder holds no run, its data set cannot be read, or the report cannot be written.
    """
    folder = Path(folder)
    dataset, config = load_run_config(folder / CONFIG_FILE)
    index, split = read_dataset(dataset, config.data.format), config.data.val
    device = "cpu" if config.accelerator == "cpu" else "auto"
    evaluation = evaluate(folder / BEST_MODEL, index, split, device=device, workers=0, limit=MOST_SCORED)
    scored, images = evaluation.images, len(index.split(split))
    part = "all" if scored == images else f"the first {scored}"
    scores = evaluation.scores
    facts = {"mean IoU": f"{percent(scores.mean_iou)} %", "pixel accuracy": f"{percent(scores.pixel_accuracy)} %"}
    write_report(
        folder / REPORT,
        f"Training on {index.name}",
        f"The best model of {folder.name}, {evaluation.variant}, on {part} of the {counted(images, 'image')} of"
        f" {split}; the examples are those with the lowest mean IoU.",
        {**facts, "classes": str(len(scores.names)), "images": str(scored)},
        read_history(folder / "csv"),
        evaluation,
        [example for _, example in evaluation.worst],
    )
    return folder / REPORT


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
        path: file to write.
        title: title of the page.
        introduction: one paragraph of plain text.
        facts: name -> value of the most important results.
        history: training log, as :func:`read_history` returns it.
        evaluation: scores of the model.
        examples: predictions to show, each with its truth.

    Raises:
        InputError: the file cannot be written.
    """
    scores = evaluation.scores
    columns, classes = class_table(scores)
    render(
        "report.html",
        path,
        title=title,
        introduction=introduction,
        facts=facts,
        curves=figure(figure_png(curves_figure(history)), "Loss, learning rate and validation scores over the steps"),
        confusion=figure(
            figure_png(confusion_figure(scores.confusion, scores.names)),
            "Confusion matrix: rows are true classes, columns predicted ones",
        ),
        protocol=evaluation.protocol.describe(),
        notes=presence_sentences(scores),
        columns=columns,
        classes=classes,
        means=mean_rows(scores),
        examples=[example_values(example) for example in examples],
    )


def read_history(folder: str | Path) -> list[dict[str, Any]]:
    """Reads losses, learning rate and scores from the CSV logs of a run, over all interruptions, ordered by step.

    Figures about the machine (speed, memory) are left out.

    Args:
        folder: folder of the logs, with one subfolder ``version_N`` per start of the run.
    """
    rows = []
    for file in sorted(Path(folder).glob("version_*/metrics.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                numbers = {name: float(value) for name, value in row.items() if value not in ("", None)}
                rows.append({name: value for name, value in numbers.items() if not name.startswith(_MACHINE)})
    return sorted(rows, key=lambda row: row["step"])
