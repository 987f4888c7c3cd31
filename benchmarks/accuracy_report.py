"""The table and the picture of accuracy over cost."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.table import Table

from benchmarks.accuracy_networks import OURS
from benchmarks.picture import COLORS
from encnet.reports.figures import figure_png
from encnet.system.files import replacing

HEADINGS: tuple[str, ...] = (
    "minutes",
    "taken",
    "network",
    "mean IoU",
    "thin and small",
    "boundary F",
    "steps",
    "training images/s",
    "training memory",
    "fastest export",
)


def rows(report: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The cells of the table, one row for each number of minutes and network: means over the seeds, with the spread of
    mean IoU from the lowest to the highest."""
    cells = []
    for minutes in report["setting"]["minutes"]:
        for network in report["setting"]["networks"]:
            runs = [run for run in report["runs"] if (run["minutes"], run["network"]) == (minutes, network)]
            ious = [100 * run["mean_iou"] for run in runs]
            spread = f" ({min(ious):.1f} to {max(ious):.1f})" if len(ious) > 1 else ""
            form, speed = max(report["speeds"][network].items(), key=lambda item: item[1])
            cells.append(
                (
                    f"{minutes:g}",
                    f"{statistics.mean(run['taken_minutes'] for run in runs):.1f}",
                    network,
                    f"{statistics.mean(ious):.1f}{spread}",
                    _percent(run["small_iou"] for run in runs),
                    _percent(run["boundary_f"] for run in runs),
                    f"{statistics.mean(run['steps'] for run in runs):.0f}",
                    f"{statistics.mean(run['images_per_second'] for run in runs):.2f}",
                    f"{max(run['peak_megabytes'] for run in runs):.0f} MB",
                    f"{speed:.1f} images/s, {form}",
                )
            )
    return cells


def table(report: Mapping[str, Any]) -> Table:
    """The table for a terminal."""
    setting = report["setting"]
    drawn = Table(title=f"{setting['dataset']}, recipe {setting['recipe']}, in percent. {_seeds(setting['seeds'])}")
    for heading in HEADINGS:
        drawn.add_column(heading, justify="left" if heading in ("network", "fastest export") else "right")
    for row in rows(report):
        drawn.add_row(*row)
    return drawn


def section(report: Mapping[str, Any]) -> tuple[str, str]:
    """The heading and the sentences above the table on the page."""
    setting = report["setting"]
    networks = "" if not setting["networks"] else f" --networks '[{','.join(setting['networks'])}]'"
    minutes = ",".join(f"{number:g}" for number in setting["minutes"])
    images = setting["images"]
    return (
        f"Accuracy for the minutes, {setting['dataset']}, recipe {setting['recipe']}",
        f"`python -m benchmarks accuracy --dataset DATASET --recipe {setting['recipe']} --minutes [{minutes}]"
        f"{networks} --seeds {setting['seeds']}`: {images['train']} images to train, {images['val']} to validate; the"
        " same backbone, weights, augmentation, loss, optimiser and schedule, and the same minutes of processor time"
        f" of {report['machine']['threads']} threads. {_seeds(setting['seeds'])}; the last weights, not the best. The"
        " steps were planned for the minutes, from the time of the first ones; taken are the minutes of the whole run,"
        " with reading and the last validation. Thin and small are the classes with less than 2 % of the pixels."
        " Exported forms predict one image at a time.",
    )


def write_picture(report: Mapping[str, Any], path: Path) -> None:
    """Draws mean IoU over the minutes of training, and over images a second of the fastest exported form."""
    setting = report["setting"]
    figure = Figure(figsize=(11, 4.6), layout="constrained", dpi=100)
    by_minutes, by_speed = figure.subplots(1, 2, sharey=True)
    most = max(setting["minutes"])
    for place, network in enumerate(setting["networks"]):
        ours = not network.startswith("smp ")
        color = COLORS["fp32"][0] if network == OURS else COLORS["bf16"][0] if ours else COLORS["rival"][0]
        marker = "osD^vPX*<>h8dp"[place % 14]
        means = {
            minutes: statistics.mean(
                100 * run["mean_iou"]
                for run in report["runs"]
                if (run["minutes"], run["network"]) == (minutes, network)
            )
            for minutes in setting["minutes"]
        }
        by_minutes.plot(list(means), list(means.values()), color=color, marker=marker, label=network)
        speed = max(report["speeds"][network].values())
        by_speed.plot([speed], [means[most]], color=color, marker=marker, linestyle="none")
        by_speed.annotate(network, (speed, means[most]), xytext=(5, 4), textcoords="offset points", fontsize=8)
    by_minutes.set(xlabel="minutes of training", ylabel="mean IoU on val, percent", xlim=(0, 1.1 * most))
    by_speed.set(xlabel=f"images a second, fastest exported form (trained {most:g} minutes)")
    by_speed.margins(x=0.2)
    for axes in (by_minutes, by_speed):
        axes.spines[["top", "right"]].set_visible(False)
    by_minutes.legend(fontsize=8)
    figure.suptitle(f"{setting['dataset']}: the same backbone, data and minutes", fontsize=11)
    with replacing(path) as temporary:
        temporary.write_bytes(figure_png(figure))


def _seeds(number: int) -> str:
    return "One seed" if number == 1 else f"Means of {number} seeds, for mean IoU the lowest and highest too"


def _percent(values: Iterable[float | None]) -> str:
    known = [100 * value for value in values if value is not None]
    return f"{statistics.mean(known):.1f}" if known else ""
