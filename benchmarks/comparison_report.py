"""The result of a comparison: as a table, as JSON and as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.comparison import Setting
from benchmarks.measure import machine
from benchmarks.picture import draw_comparison
from encnet.system.files import write_text


def write_comparison(folder: str | Path, setting: Setting, peer: str | None, result: Mapping[str, Any]) -> Path:
    """Prints a comparison, and writes JOB_VARIANT.json and .png.

    Args:
        folder: where both are written.
        setting: the setting of the comparison.
        peer: versions of the libraries in MMSegmentation's environment; None where it was not measured.
        result: what :func:`benchmarks.comparison.compare` returns.

    Returns:
        Path of the JSON: "setting", "machine", and the result.
    """
    jobs = {"inference": "Prediction", "training": "Training step"}
    title = (
        f"{jobs[setting.job]}, {setting.variant}, {setting.classes} classes, {setting.height}x{setting.width},"
        f" batch {setting.batch}: medians of {setting.repeats}"
    )
    Console(width=150).print(printed_table(title, result))
    path = Path(folder) / f"{setting.job}_{setting.variant}.json"
    report = {"setting": {**asdict(setting), "peer": peer}, "machine": machine(), **result}
    write_text(path, json.dumps(report, indent=2) + "\n")
    draw_comparison(title, result, path.with_suffix(".png"))
    return path


def printed_table(title: str, result: Mapping[str, Any]) -> Table:
    """Returns what :func:`benchmarks.comparison.compare` measured as a table for the terminal."""
    table = Table(title=f"{title}\n{peak_sentence(result['peak'])}")
    for heading in headings(result["rival"]):
        table.add_column(heading, justify="left" if heading == "form" else "right")
    for row in result["forms"]:
        table.add_row(*cells(row))
    return table


def headings(rival: str) -> tuple[str, ...]:
    """Headings of the columns that :func:`cells` fills."""
    return (
        "form",
        "median",
        "images/s",
        f"times faster than {rival}",
        "GFLOP",
        "GFLOP/s",
        "of the peak",
        "memory added",
        "peak of the process",
    )


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The row of one form as text; cells are empty where nothing is known."""

    def text(name: str, form: str, factor: float = 1.0) -> str:
        return "" if row[name] is None else form.format(factor * row[name])

    return (
        row["name"],
        text("median_seconds", "{:.0f} ms" if row["median_seconds"] >= 0.1 else "{:.1f} ms", 1000),
        text("images_per_second", "{:.2f}" if row["images_per_second"] < 10 else "{:.1f}"),
        text("times_faster", "{:.2f}"),
        text("gigaflop", "{:.0f}" if (row["gigaflop"] or 0) >= 10 else "{:.2f}"),
        text("gflop_per_second", "{:.0f}"),
        text("share_of_peak", "{:.0f} %", 100),
        text("added_megabytes", "{:.0f} MB"),
        text("peak_megabytes", "{:.0f} MB"),
    )


def peak_sentence(peak: Mapping[str, Mapping[str, Any]]) -> str:
    """The machine's best rates as a sentence."""
    rates = [
        f"{precision} {best['gflop_per_second']:.0f} GFLOP/s ({best['kernel']})" for precision, best in peak.items()
    ]
    return f"Measured peak in the same run: {'; '.join(rates)}." if rates else "No peak was measured."
