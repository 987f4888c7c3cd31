"""Pictures of results, readable with any colour vision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from encnet.reports.figures import figure_png
from encnet.system.files import replacing

# Colours of Okabe and Ito, each with a pattern, so that no information is in colour alone.
COLORS = {"fp32": ("#0072B2", ""), "bf16": ("#E69F00", "//"), "int8": ("#009E73", "xx"), "rival": ("#999999", "..")}
OURS = "encnet"
"""Prefix of the names of this package's own forms."""


def draw_comparison(title: str, result: Mapping[str, Any], path: Path) -> None:
    """Draws what :func:`benchmarks.comparison.compare` returns: a bar per form, with its time and how many times faster
    it is than the rival.

    Args:
        title: title of the picture.
        result: the measured figures.
        path: the PNG file to write.
    """
    rows = list(result["forms"])
    figure = Figure(figsize=(10, 1.4 + 0.36 * len(rows)), layout="constrained", dpi=100)
    axes = figure.add_subplot()
    for place, row in enumerate(rows):
        color, pattern = COLORS[row["precision"] if row["name"].startswith(OURS) else "rival"]
        milliseconds = 1000 * row["median_seconds"]
        axes.barh(place, milliseconds, color=color, hatch=pattern, edgecolor="white", linewidth=0.5)
        text = f" {milliseconds:.0f} ms" if milliseconds >= 100 else f" {milliseconds:.1f} ms"
        if row["name"] != result["rival"]:
            text += f", {row['times_faster']:.2f} times"
        axes.text(milliseconds, place, text, va="center", fontsize=9)
    axes.set_yticks(range(len(rows)), [row["name"] for row in rows], fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.22)
    axes.set_xlim(left=0)
    axes.set_xlabel(f"milliseconds, median; and how many times faster than {result['rival']}")
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    drawn = dict.fromkeys(row["precision"] if row["name"].startswith(OURS) else "rival" for row in rows)
    figure.legend(
        handles=[axes.barh(0, 0, color=COLORS[key][0], hatch=COLORS[key][1], edgecolor="white") for key in drawn],
        labels=[f"{OURS}, {key}" if key != "rival" else "rivals, fp32" for key in drawn],
        loc="outside lower center",
        ncols=len(drawn),
        fontsize=9,
    )
    _save(figure, path)


def draw_growth(result: Mapping[str, Any], path: Path) -> None:
    """Draws what :func:`benchmarks.growth.benchmark_growth` measured: time against pixels, and against classes.

    Args:
        result: the measured figures.
        path: the PNG file to write.
    """
    figure = Figure(figsize=(10, 4.2), layout="constrained", dpi=100)
    left, right = figure.subplots(1, 2)
    pixels = [row["pixels"] for row in result["pixels"]["rows"]]
    seconds = [row["median_seconds"] for row in result["pixels"]["rows"]]
    left.loglog(pixels, seconds, color="#0072B2", marker="o", label="measured")
    per_pixel = seconds[0] / pixels[0]
    left.loglog(pixels, [per_pixel * count for count in pixels], "--", color="#999999", label="proportional to pixels")
    left.set_xticks(pixels, [f"{row['height']}x{row['width']}" for row in result["pixels"]["rows"]], fontsize=9)
    left.set_xlabel("pixels")
    classes = result["classes"]["rows"]
    counts = [row["classes"] for row in classes]
    right.plot(counts, [row["median_seconds"] for row in classes], color="#0072B2", marker="o", label="all")
    without = [row["without_classifier_seconds"] for row in classes]
    right.plot(counts, without, "--", color="#D55E00", marker="s", label="without the classifier's own arithmetic")
    right.set_xscale("log")
    right.set_xticks(counts, [str(count) for count in counts])
    right.set_ylim(0, 1.15 * max(row["median_seconds"] for row in classes))
    right.set_xlabel("classes")
    for axes in (left, right):
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_ylabel("seconds per image, median")
        axes.legend(fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(result["title"], fontsize=11)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(figure_png(figure))
