"""The HTML report of a run: one file, with its pictures inside, that needs no network."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from encnet.evaluation import EvaluationReport
from encnet.evaluation.examples import Example, example_values
from encnet.evaluation.page import class_table, mean_rows
from encnet.html import figure, render
from encnet.visualize import confusion_figure, curves_figure, figure_png

_NOT_LEARNT = ("epoch", "memory/", "speed/")


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
    """Losses, learning rate and scores that the CSV logs of a run hold, by step, over all its interruptions.

    What they say of the machine (speed, memory) is left out: it is no part of what was learnt.
    """
    rows = []
    for file in sorted(Path(folder).glob("version_*/metrics.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                numbers = {name: float(value) for name, value in row.items() if value not in ("", None)}
                rows.append({name: value for name, value in numbers.items() if not name.startswith(_NOT_LEARNT)})
    return sorted(rows, key=lambda row: row["step"])
