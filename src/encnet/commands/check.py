"""`encnet check`: lists everything that is wrong with a data set."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from encnet.commands.command import WRONG_INPUT
from encnet.commands.data_set import say_ledger, say_origin

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "lists everything that is wrong with a data set"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.data.formats import FORMATS

    parser.add_argument("dataset", type=str, help="folder of the data set")
    parser.add_argument("--format", type=str | None, default=None, help=f"one of {', '.join(FORMATS)}; none detects it")


def run(arguments: Any) -> int:
    from rich.console import Console

    from encnet.data.check import check_dataset
    from encnet.data.formats import read_dataset

    console = Console()
    index = read_dataset(arguments.dataset, arguments.format)
    say_origin(index)
    report = check_dataset(index, progress=True)
    for split, reason in index.absent.items():
        print(f"note: there is no split '{split}': {reason}", file=sys.stderr)
    for problem in report.problems:
        print(f"encnet: {problem.message}", file=sys.stderr)
    for warning in report.warnings:
        print(f"warning: {warning.message}", file=sys.stderr)
    if report.problems:
        say_ledger(report.ledger)
        print(f"encnet: {len(report.problems)} problems in {arguments.dataset}", file=sys.stderr)
        return WRONG_INPUT
    console.print(index.labels.table(), markup=False, highlight=False)
    console.print(report.table())
    splits = ", ".join(f"{len(samples)} in {name}" for name, samples in index.splits.items())
    status = say_ledger(report.ledger)
    if status == 0 and not report.warnings:
        console.print(f"{arguments.dataset} is in order: {splits}")
    else:
        left = "" if status == 0 else "files were left out that you probably meant"
        warned = f"{len(report.warnings)} warnings" if report.warnings else ""
        console.print(f"{arguments.dataset} can be read: {splits}; {' and '.join(filter(None, (warned, left)))}")
    return status
