"""The ledger of a command: every file that was found, and what became of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from encnet.system.text import counted

NAMED: int = 3
"""Number of files that a line of the ledger names."""


@dataclass
class LeftOut:
    """The files that were left out for one reason."""

    names: list[str] = field(default_factory=list)
    """The files, in the order in which they were found."""
    meant: bool = True
    """Whether the user probably meant them to be used."""


@dataclass
class Ledger:
    """What became of the files that a command found: each was used, or left out for a reason.

    Attributes:
        used: what files were used as ("photographs", "label maps", "annotation files") -> number of files.
        left_out: reason -> files.
        pages: file -> number of its pages or frames after the first, which alone is used.
    """

    used: Counter[str] = field(default_factory=Counter)
    left_out: dict[str, LeftOut] = field(default_factory=dict)
    pages: dict[str, int] = field(default_factory=dict)

    def use(self, kind: str, number: int = 1) -> None:
        """Counts files that are used.

        Args:
            kind: what they are used as, in the plural.
            number: number of files.
        """
        self.used[kind] += number

    def leave_out(self, reason: str, *names: str, meant: bool = True) -> None:
        """Counts files that are left out.

        Args:
            reason: why, and what to do about it, as the end of the sentence "left out: ...".
            names: the files, relative to the folder that the user gave.
            meant: whether the user probably meant them to be used; the command then ends with status 1.
        """
        if names:
            entry = self.left_out.setdefault(reason, LeftOut())
            entry.names += names
            entry.meant = meant

    def leave_out_pages(self, name: str, number: int) -> None:
        """Counts the pages or frames of a used file after its first, which are left out; none if ``number`` is 0."""
        if number:
            self.pages[name] = number

    def merge(self, other: Ledger) -> None:
        """Adds the files of another ledger to this one."""
        self.used.update(other.used)
        for reason, entry in other.left_out.items():
            self.leave_out(reason, *entry.names, meant=entry.meant)
        self.pages |= other.pages

    @property
    def found(self) -> int:
        """The number of files that were found."""
        return self.used.total() + sum(len(entry.names) for entry in self.left_out.values())

    @property
    def complete(self) -> bool:
        """Whether no file and no page was left out that the user probably meant."""
        return not self.pages and not any(entry.meant for entry in self.left_out.values())

    def lines(self) -> list[str]:
        """One line with the numbers of files, and one for each reason and for pages, which names three files."""
        used = ", ".join(_counted(number, kind) for kind, number in self.used.items() if number) or "none"
        lines = [f"files: {self.found} found; used: {used}"]
        for reason, entry in self.left_out.items():
            lines.append(f"left out: {counted(len(entry.names), 'file')} ({_named(entry.names)}): {reason}")
        if self.pages:
            number = sum(self.pages.values())
            lines.append(
                f"left out: {number} further {'page or frame' if number == 1 else 'pages or frames'}"
                f" ({_named(list(self.pages))}): only the first of a file is used; save each as a file of its own"
            )
        return lines


def _named(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _counted(number: int, kind: str) -> str:
    """``2 files of labels``, ``1 file of labels``."""
    one = re.sub(r"s( of .*| predicted before)?$", r"\1", kind)
    return f"{number} {one if number == 1 else kind}"
