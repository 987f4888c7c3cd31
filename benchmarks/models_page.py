"""The page docs/models.md: every trained network, with what trains it again and what identifies its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks.accuracy_networks import OURS
from benchmarks.sections import machine_sentence, markdown_table

HEADINGS: tuple[str, ...] = (
    "mean IoU",
    "thin and small",
    "boundary F",
    "minutes",
    "seed",
    "parameters",
    "file",
    "fastest export",
    "SHA-256 of the weights",
)

INTRODUCTION = """# Models

Written by `python -m benchmarks document` from the results of `python -m benchmarks accuracy`. Each row is a network
that was trained by the command above its table, on the machine below it. Scores are those of val, in percent, at one
scale, of the last weights; thin and small are the classes with less than 2 % of the pixels. Minutes are those of the
processor. No weights are published: the licences of the data do not allow it, and a run takes two hours at most. The
hash says whether weights of yours are these; other machines and other versions of the libraries give other bits."""


def models_page(reports: Iterable[Mapping[str, Any]]) -> str:
    """Returns the page as Markdown.

    Args:
        reports: what :func:`benchmarks.accuracy.benchmark_accuracy` wrote, one report for a data set.
    """
    sections = [section for report in reports for section in _sections(report)]
    return "\n".join([INTRODUCTION, *sections]) + "\n"


def _sections(report: Mapping[str, Any]) -> list[str]:
    """A heading, a command and a table for each recipe and number of minutes of a data set."""
    dataset, lines = report["setting"]["dataset"], []
    ours = [run for run in report["runs"] if run["network"] == OURS]
    for recipe, minutes in sorted({(run["recipe"], run["minutes"]) for run in ours}):
        runs = [run for run in ours if (run["recipe"], run["minutes"]) == (recipe, minutes)]
        variant = runs[0]["settings"]["model"]["variant"]
        seeds = 1 + max(run["seed"] for run in runs)
        lines += [
            "",
            f"## {variant} on {dataset}, {minutes:g} minutes",
            "",
            f"Recipe `{recipe}`. The last weights of these runs, and the figures:",
            "",
            "```",
            f"python -m benchmarks accuracy --dataset DATASET --recipe {recipe} --minutes [{minutes:g}]"
            f" --networks [{OURS}] --seeds {seeds}",
            "```",
            "",
            *markdown_table(HEADINGS, [_row(run, report["speeds"][OURS]) for run in runs]),
            "",
            machine_sentence(runs[0]["machine"]),
        ]
    return lines


def _row(run: Mapping[str, Any], speeds: Mapping[str, float]) -> Sequence[str]:
    form, speed = max(speeds.items(), key=lambda item: item[1])
    small = run["small_iou"]
    return (
        f"{100 * run['mean_iou']:.1f}",
        "" if small is None else f"{100 * small:.1f}",
        f"{100 * run['boundary_f']:.1f}",
        f"{run['taken_minutes']:.1f}",
        str(run["seed"]),
        f"{run['parameters'] / 1e6:.2f} million",
        f"{run['megabytes']:.1f} MB",
        f"{speed:.1f} images/s, {form}",
        f"`{run['sha256'][:16]}`",
    )
