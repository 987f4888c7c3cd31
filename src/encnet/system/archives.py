"""Zip archives of strangers: they are read only if they hold no more than their size."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from encnet.system.errors import InputError, first_line

_SLACK = 2**20


def require_uncompressed(path: str | os.PathLike[str]) -> None:
    """Refuses a zip archive whose files are much larger than the archive; passes over a file that is no archive.

    PyTorch's formats are archives whose files are not compressed, so their sizes add up to that of the archive. Another
    one could unpack to more than the memory.

    Raises:
        InputError: the files are larger, or the archive is damaged.
    """
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive:
            held = sum(entry.file_size for entry in archive.infolist())
    except Exception as error:  # a damaged directory raises nearly anything
        raise InputError(f"{path} is a damaged archive ({first_line(error)}); copy it again") from error
    size = Path(path).stat().st_size
    if held > 2 * size + _SLACK:
        raise InputError(
            f"{path} has {size} bytes and unpacks to {held}, so it was not opened; PyTorch does not compress"
        )
