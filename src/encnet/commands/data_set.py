"""What every command says about a data set: as what it was read, and in the end what became of each file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from encnet.commands.command import INCOMPLETE
from encnet.system.text import say

if TYPE_CHECKING:
    from encnet.data.dataset import DatasetIndex
    from encnet.system.ledger import Ledger


def say_origin(index: DatasetIndex) -> None:
    """Prints as what a data set was read, and what was decided on the way."""
    for line in (index.origin, *(f"note: {note}" for note in index.notes)):
        if line:
            say(line)


def say_ledger(ledger: Ledger) -> int:
    """Prints what became of each file, once for all processes of a run.

    Returns:
        The exit status: 0, or ``INCOMPLETE`` if something was left out that the user probably meant.
    """
    if os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0":
        for line in ledger.lines():
            say(line)
    return 0 if ledger.complete else INCOMPLETE


def files_read(index: DatasetIndex) -> Iterator[Path]:
    """The folder of a data set, which stands for the files in it, and the files of its samples."""
    from encnet.data.sample_files import files_of

    yield index.root
    for samples in index.splits.values():
        for sample in samples:
            yield from (file for part in sample if part is not None for file in files_of(part))
