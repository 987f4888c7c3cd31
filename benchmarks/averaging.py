"""Mirroring and scales beside a single pass: what averaging does to the scores of a trained network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.accuracy_scores import small_classes
from benchmarks.measure import machine
from encnet.data.formats import read_dataset
from encnet.evaluation import EvaluationReport, evaluate
from encnet.inference.protocols.protocol import Protocol
from encnet.metrics.presence import mean_of_defined
from encnet.system.files import write_text

PROTOCOLS: dict[str, Protocol] = {
    "one pass": Protocol(),
    "mirrored too": Protocol(flip=True),
    "scales 0.75, 1, 1.25": Protocol(scales=(0.75, 1.0, 1.25)),
    "these scales, mirrored too": Protocol(scales=(0.75, 1.0, 1.25), flip=True),
    "scales 1, 1.5": Protocol(scales=(1.0, 1.5)),
}
"""Name in the table -> how the network is run; the first is compared with the others."""


def benchmark_averaging(
    folder: str | Path, checkpoint: str | Path, dataset: str | Path, limit: int | None = None
) -> Path:
    """Scores a network on val with each protocol.

    Args:
        folder: where averaging_DATASET.json is written.
        checkpoint: a trained network.
        dataset: folder of its data set.
        limit: use only so many images, the first ones; None is all.

    Returns:
        Path of the JSON.

    Raises:
        InputError: a file cannot be read, or the classes differ.
    """
    index = read_dataset(dataset)
    small = small_classes(index)
    evaluate(str(checkpoint), index, limit=limit, progress=False)  # the files are then in memory for all protocols
    results = [
        {"protocol": name, **_numbers(evaluate(str(checkpoint), index, protocol=protocol, limit=limit), small)}
        for name, protocol in PROTOCOLS.items()
    ]
    setting = {
        "dataset": index.name,
        "checkpoint": Path(checkpoint).name,
        "images": len(index.split("val")[:limit]),
        "small": [index.labels.names[c] for c in small],
    }
    path = Path(folder) / f"averaging_{index.name}.json"
    report = {"setting": setting, "machine": machine(), "results": results}
    write_text(path, json.dumps(report, indent=2) + "\n")
    title, _ = section(report)
    table = Table(*HEADINGS, title=title)
    for row in rows(report):
        table.add_row(*row)
    Console(width=110).print(table)
    return path


def _numbers(report: EvaluationReport, small: list[int]) -> dict[str, Any]:
    """The figures of a report, 0-1, as JSON types."""
    iou = report.scores.iou
    return {
        "mean_iou": report.scores.mean_iou,
        "small_iou": mean_of_defined(iou[small]) if np.isfinite(iou[small]).any() else None,
        "iou": {
            name: None if np.isnan(value) else float(value)
            for name, value in zip(report.scores.names, iou, strict=True)
        },
        "images_per_second": report.images_per_second,
    }


HEADINGS = ("protocol", "mean IoU", "against one pass", "thin and small", "against one pass", "images/s")
"""Headings of :func:`rows`."""


def rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The rows of the table, in percent and points."""
    first = report["results"][0]

    def cells(result: Mapping[str, Any], name: str) -> tuple[str, str]:
        if result[name] is None:
            return "", ""
        difference = "" if result is first else f"{100 * (result[name] - first[name]):+.1f}"
        return f"{100 * result[name]:.1f}", difference

    return [
        (
            result["protocol"],
            *cells(result, "mean_iou"),
            *cells(result, "small_iou"),
            f"{result['images_per_second']:.1f}",
        )
        for result in report["results"]
    ]


def section(report: Mapping[str, Any]) -> tuple[str, str]:
    """Title and sentences of the section on a data set."""
    setting = report["setting"]
    return (
        f"Mirroring and scales, {setting['dataset']}",
        f"`python -m benchmarks averaging --checkpoint {setting['checkpoint']} --dataset {setting['dataset']}`: one"
        f" trained network on the {setting['images']} images of val. Every protocol keeps class scores on their pixels"
        f" (`fill`). Thin and small are {', '.join(setting['small']) or 'no classes'}.",
    )
