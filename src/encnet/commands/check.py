"""`encnet check`: lists everything that is wrong with a data set, and shows it on a page."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import WRONG_INPUT, add_overwrite
from encnet.commands.data_set import say_ledger, say_origin
from encnet.system.errors import InputError

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

SUMMARY = "lists everything that is wrong with a data set, and shows it on a page"


def add_arguments(parser: ArgumentParser) -> None:
    from encnet.data.formats import FORMATS

    parser.add_argument("dataset", type=str, help="folder of the data set")
    parser.add_argument("--format", type=str | None, default=None, help=f"one of {', '.join(FORMATS)}; none detects it")
    parser.add_argument(
        "--out",
        type=str | None,
        default=None,
        help="the page to write, or a folder for check.html; none is check.html in the current folder",
    )
    parser.add_argument(
        "--long_side",
        type=int | None,
        default=None,
        help="show which objects vanish if training resizes the long side of each image to this (data.long_side)",
    )
    add_overwrite(parser)


def run(arguments: Any) -> int:
    from rich.console import Console

    from encnet.data.band_statistics import with_measured_range
    from encnet.data.check import check_dataset
    from encnet.data.formats import read_dataset
    from encnet.reports.data_page import write_check_page
    from encnet.system.checks import require
    from encnet.system.outputs import check_outputs

    console = Console()
    fits = arguments.long_side is None or 16 <= arguments.long_side <= 32768
    require(fits, "long_side", arguments.long_side, "from 16 to 32768 pixels")
    index = read_dataset(arguments.dataset, arguments.format)
    page = _page(arguments.out, index.root)
    if page is not None:
        check_outputs([page], overwrite=arguments.overwrite)
    index = with_measured_range(index)
    say_origin(index)
    report = check_dataset(index, progress=True)
    for split, reason in index.absent.items():
        print(f"note: there is no split '{split}': {reason}", file=sys.stderr)
    for problem in report.problems:
        print(f"encnet: {problem.message}", file=sys.stderr)
    for warning in report.warnings:
        print(f"warning: {warning.message}", file=sys.stderr)
    if page is None:
        print("note: no page is written, since the data set is not written to; name one by --out", file=sys.stderr)
    else:
        write_check_page(index, report, page, arguments.long_side)
        print(f"wrote {page}")
    if report.problems:
        say_ledger(report.ledger)
        print(f"encnet: {len(report.problems)} problems in {arguments.dataset}", file=sys.stderr)
        return WRONG_INPUT
    console.print(index.labels.table(), markup=False, highlight=False)
    console.print(report.table())
    if not index.source.is_default:
        console.print(f"photographs: {index.source}", markup=False, highlight=False)
    splits = ", ".join(f"{len(samples)} in {name}" for name, samples in index.splits.items())
    status = say_ledger(report.ledger)
    if status == 0 and not report.warnings:
        print(f"{arguments.dataset} is in order: {splits}")
    else:
        left = "" if status == 0 else "files were left out that you probably meant"
        warned = f"{len(report.warnings)} warnings" if report.warnings else ""
        print(f"{arguments.dataset} can be read: {splits}; {' and '.join(filter(None, (warned, left)))}")
    return status


def _page(out: str | None, dataset: Path) -> Path | None:
    """The page to write; None if none is named and the current folder is in the data set.

    Raises:
        InputError: the page that is named would lie in the data set.
    """
    from encnet.reports.data_page import CHECK_PAGE

    page = Path(CHECK_PAGE if out is None else out)
    if page.suffix.lower() not in {".html", ".htm"} or page.is_dir():
        page = page / CHECK_PAGE
    if not page.resolve().is_relative_to(dataset.resolve()):
        return page
    if out is None:
        return None
    raise InputError(f"{page} lies in the data set, which is only read; choose a place outside of it", "out")
