"""Which files may be written: never an input, and no file of the user's unless overwriting is allowed.

Each file that encnet writes is recorded in a hidden file beside it, see :func:`encnet.system.files.record`, with its
name, its size and the time of its last change. A file of which all three are still the same is encnet's, and the next
run replaces it. Any other file is the user's, and so is a file that was changed, copied or restored since.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from encnet.system.errors import InputError
from encnet.system.files import RECORD, record_line
from encnet.system.text import shown
from encnet.system.unwritable import unwritable

LONGEST_NAME: int = 245
"""Bytes of a file's name: file systems take 255, and the name of the temporary file has ten more."""


class Records:
    """The records of folders, each read once."""

    def __init__(self) -> None:
        self._lines: dict[Path, frozenset[str]] = {}

    def wrote(self, path: Path) -> bool:
        """Whether encnet wrote this file, and nobody changed it since. True for a record itself."""
        if path.name == RECORD:
            return True
        if path.parent not in self._lines:
            try:
                text = (path.parent / RECORD).read_text(encoding="ascii", errors="replace")
            except OSError:  # there is none
                text = ""
            self._lines[path.parent] = frozenset(text.splitlines())
        try:
            return bool(self._lines[path.parent]) and record_line(path.name, path.lstat()) in self._lines[path.parent]
        except OSError:
            return False


def check_outputs(
    targets: Iterable[Path],
    inputs: Iterable[str | os.PathLike[str]] = (),
    overwrite: bool = False,
    argument: str = "out",
) -> None:
    """Refuses to write where that would destroy a file. Call it with all targets, before anything is computed.

    Args:
        targets: the files to write.
        inputs: files that are read, under any name: links and names in other case are recognised. A folder stands for
            the files directly in it. What does not exist, such as an id of the hub, is passed over.
        overwrite: whether files may be replaced that encnet did not write. Inputs never are.
        argument: name of the argument that holds the place of the output, for the message.

    Raises:
        InputError: a target is an input, a folder, inside a file, or its name is too long; or it exists, encnet did not
            write it as it is now, and ``overwrite`` is false.
    """
    targets = list(targets)
    for target in {target.parent: target for target in reversed(targets)}.values():
        _require_folder(target, argument)
    for target in targets:
        if len(os.fsencode(target.name)) > LONGEST_NAME:
            raise InputError(
                f"the name {shown(target.name, 80)} is too long for a file, which has {LONGEST_NAME} bytes at most;"
                " choose a shorter one",
                argument,
            )
    existing = [target for target in targets if os.path.lexists(target)]
    if not existing:
        return
    read = _identities(inputs)
    for target in existing:
        if target.is_dir():
            raise InputError(f"{target} is a folder, so no file can get this name; choose another place", argument)
        identity = _identity(target)
        if identity in read:
            name = read[identity]
            same = "is an input" if str(target) == str(name) else f"is the input {name} by another name"
            raise InputError(f"{target} {same}, which is never replaced; choose another place for the output", argument)
    if not overwrite:
        records = Records()
        foreign = [target for target in existing if not records.wrote(target)]
        if foreign:
            more = f" (and {len(foreign) - 1} more)" if len(foreign) > 1 else ""
            raise InputError(
                f"{foreign[0]}{more} exists, and encnet did not write it, or it was changed since; choose another"
                " place for the output, or set overwrite to true to replace it",
                "overwrite",
            )


def _require_folder(target: Path, argument: str) -> None:
    """Raises InputError if the folder of a target cannot be made, because it or one above it is a file."""
    for path in target.parents:
        if path.is_dir():
            if not os.access(path, os.W_OK):
                raise unwritable(target, f"the folder {path} is read-only")
            return
        if os.path.lexists(path):
            raise InputError(
                f"cannot write {target}: {path} is a file, not a folder; choose another place for the output", argument
            )


def _identities(inputs: Iterable[str | os.PathLike[str]]) -> dict[tuple[int, int], Path]:
    """What is the same for all names of a file -> one of its names."""
    found: dict[tuple[int, int], Path] = {}
    for each in map(Path, inputs):
        for path in sorted(each.iterdir()) if each.is_dir() else [each]:
            identity = _identity(path)
            if identity is not None:
                found.setdefault(identity, path)
    return found


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and number of a file; None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino
