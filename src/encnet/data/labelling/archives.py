"""The .zip that a tool exports, unpacked for the time of an import."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from encnet.system.errors import InputError
from encnet.system.unwritable import WRITE_ERRORS

_UTF8_NAME = 0x800  # the flag of an entry whose name is UTF-8


@contextmanager
def unpacked(source: Path, folder: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The folder of an export, and notes about its names: that of a .zip is made, and any other source is its own.

    Errors that are raised meanwhile name the .zip in place of the folder, which is deleted soon.

    Args:
        source: the tool's file, a folder, or a .zip.
        folder: the folder to unpack a .zip into.

    Raises:
        InputError: the .zip is damaged or has a password.
    """
    if source.suffix.lower() != ".zip":
        yield source, ()
        return
    notes = _unpack(source, folder)
    try:
        yield folder, notes
    except InputError as error:
        message = str(error).replace(str(folder), str(source))
        raise InputError("; ".join([message, *notes]), error.argument) from error


def _unpack(source: Path, folder: Path) -> tuple[str, ...]:
    try:
        with zipfile.ZipFile(source) as archive:
            old_names = [info.orig_filename for info in archive.infolist() if not info.flag_bits & _UTF8_NAME]
        encoding, notes = "utf-8", ()
        try:
            b"\n".join(name.encode("cp437") for name in old_names).decode()  # many programs write UTF-8 and no flag
        except UnicodeDecodeError:
            encoding = None
            notes = (
                f"the names in {source} are not in UTF-8; if they are unreadable, or photographs are missing, unpack it"
                " yourself and import the folder",
            )
        with zipfile.ZipFile(source, metadata_encoding=encoding) as archive:
            archive.extractall(folder)  # extractall keeps every file inside the folder
    except (OSError, zipfile.BadZipFile, RuntimeError) as error:  # RuntimeError: the file has a password
        if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
            raise
        raise InputError(f"cannot unpack {source}: {error}; download it again or unpack it yourself") from error
    return notes
