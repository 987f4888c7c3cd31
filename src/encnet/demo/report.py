"""The HTML report of a run: one file with its pictures inside, which needs no network."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from encnet.evaluation import EvaluationReport
from encnet.evaluation.examples import Example, example_values
from encnet.evaluation.page import class_table, mean_rows
from encnet.reports.html import figure, render
from encnet.reports.pictures import confusion_figure, curves_figure, figure_png

_MACHINE = ("epoch", "memory/", "speed/")
"""Beginnings of the names of logged figures that say nothing about learning."""


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
