"""`encnet check`: lists everything that is wrong with a data set, and shows it on a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from encnet.commands.command import WRONG_INPUT, add_overwrite
from encnet.commands.data_set import files_read, say_ledger, say_origin
from encnet.system.errors import InputError
from encnet.system.text import counted, say

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
    parser.add_argument(
        "--describe",
        type=str | None,
        default=None,
        help="also write a dataset.yaml with the classes that were found; edit their names, and put it into the folder",
    )
    add_overwrite(parser)


def run(arguments: Any) -> int:
    from encnet.data.band_statistics import with_measured_range
    from encnet.data.check import check_dataset
    from encnet.data.formats import read_dataset
    from encnet.data.formats.dataset_yaml import FILE_NAME
    from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
    from encnet.reports.data_page import write_check_page
    from encnet.system.checks import require
    from encnet.system.outputs import check_outputs
    from encnet.system.terminal import Terminal

    console = Terminal()
    fits = arguments.long_side is None or 16 <= arguments.long_side <= 32768
    require(fits, "long_side", arguments.long_side, "from 16 to 32768 pixels")
    index = read_dataset(arguments.dataset, arguments.format)
    page = _page(arguments.out, index.root)
    if page is not None:
        check_outputs([page], files_read(index), arguments.overwrite)
    if arguments.describe is not None:
        if index.format != "folder" or (index.root / FILE_NAME).exists():
            raise InputError(f"{index.root} is described already; leave out --describe", "describe")
        if page is not None and Path(arguments.describe).resolve() == page.resolve():
            raise InputError(f"{page} is the page; choose another place for the description", "describe")
        check_outputs([Path(arguments.describe)], files_read(index), arguments.overwrite, "describe")
    index = with_measured_range(index)
    say_origin(index)
    report = check_dataset(index, progress=True)
    for split, reason in index.absent.items():
        say(f"note: there is no split '{split}': {reason}", error=True)
    for problem in report.problems:
        say(f"encnet: {problem.message}", error=True)
    for warning in report.warnings:
        say(f"warning: {warning.message}", error=True)
    if page is None:
        say("note: no page is written, since the data set is not written to; name one by --out", error=True)
    else:
        write_check_page(index, report, page, arguments.long_side)
        say(f"wrote {page}")
    if report.problems:
        say_ledger(report.ledger)
        number = len(report.problems)
        mended = "it is" if number == 1 else "they are"
        waits = f"; {arguments.describe} is not written before {mended} mended" if arguments.describe else ""
        say(f"encnet: {counted(number, 'problem')} in {arguments.dataset}{waits}", error=True)
        return WRONG_INPUT
    console.print(index.labels.table(), highlight=False)
    console.print(report.table())
    if not index.source.is_default:
        console.print(f"photographs: {index.source}", highlight=False)
    for note in report.notes():
        say(f"note: {note}")
    if arguments.describe is not None:
        write_dataset_yaml(arguments.describe, index.labels, {}, index.name)
        say(f"wrote {arguments.describe}: edit the names of the classes, and put it into {index.root}")
    splits = ", ".join(f"{len(samples)} in {name}" for name, samples in index.splits.items())
    status = say_ledger(report.ledger)
    if status == 0 and not report.warnings:
        say(f"{arguments.dataset} is in order: {splits}")
    else:
        left = "" if status == 0 else "files were left out that you probably meant"
        warned = counted(len(report.warnings), "warning") if report.warnings else ""
        say(f"{arguments.dataset} can be read: {splits}; {' and '.join(filter(None, (warned, left)))}")
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
