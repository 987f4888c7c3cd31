"""Errors of places that cannot be written: a full disk, a quota, a read-only folder, a mount that is gone."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from encnet.system.errors import InputError

WRITE_ERRORS: frozenset[int] = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})
"""Error numbers that only writing can have. Others, such as EIO and ENOENT, can come from reading an input too."""
HIDING: tuple[type[Exception], ...] = (OSError, RuntimeError)
"""What libraries raise that do not tell the reason."""
PROBE: int = 2**16
"""Bytes that are written to find out whether a place takes any."""


class UnwritableError(InputError):
    """An output cannot be written; the message names it, the reason and the free space."""


def unwritable(target: str | os.PathLike[str], error: OSError | str) -> UnwritableError:
    """The error for an output that cannot be written.

    Args:
        target: the file or folder to write.
        error: what the operating system says, or another reason.
    """
    reason = error if isinstance(error, str) else error.strerror or error
    free = _free(Path(target))
    room = "" if free is None else f" ({free} free there)"
    full = isinstance(error, OSError) and error.errno in WRITE_ERRORS - {errno.EROFS}
    way_out = f"{'make room, or ' if full else ''}choose another place for the output"
    return UnwritableError(f"cannot write {target}: {reason}{room}; {way_out}")


def refusal(error: Exception, outputs: Mapping[Path, Path]) -> UnwritableError | None:
    """The error for the output that made a library fail; None if the library failed for another reason.

    Some libraries hide the reason: ``torch.save`` raises "unexpected pos". So if the error does not tell, a few bytes
    are appended to the temporary files. All other errors, such as those of reading an input, have another reason.

    Args:
        error: the error of the library.
        outputs: temporary file, which is going to be deleted -> the output that it was meant for.
    """
    first = next(iter(outputs.values()))
    told = _told(error)
    if told is not None:
        named = _named(told)
        return unwritable(first if named is None else outputs.get(named, named), told)
    for temporary, output in outputs.items() if isinstance(error, HIDING) else ():
        try:
            with temporary.open("ab") as file:
                _fill(file.fileno(), PROBE)
        except OSError as found:
            return unwritable(output, found)
    return None


@contextmanager
def writing_into(folder: Path, target: str | os.PathLike[str] | None = None) -> Iterator[None]:
    """Raises :class:`UnwritableError` for each error in a ``with`` block whose reason is that a folder takes no bytes.

    Args:
        folder: the folder that the block writes to.
        target: what to name in the message, if it is not this folder.
    """
    there, shown = folder.is_dir(), folder if target is None else target
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        told = _told(error)
        if told is None:
            if not (there and isinstance(error, HIDING)):
                raise
            try:
                require_room(folder, PROBE)
            except OSError as found:
                raise unwritable(shown, found) from error
            raise
        named = _named(told)
        inside = named is None or folder in named.parents  # else a folder for temporary files
        raise unwritable(shown if named is None or inside else named, told) from error


def require_room(folder: Path, size: int) -> None:
    """Writes zeros to a file in a folder and deletes it, for libraries that hide why they cannot write.

    Args:
        folder: the folder.
        size: number of bytes.

    Raises:
        OSError: they cannot be written.
    """
    with tempfile.TemporaryFile(dir=folder) as file:
        _fill(file.fileno(), size)


def _told(error: Exception) -> OSError | None:
    """The error of the operating system that an error is or quotes; None if it may have another reason than writing."""
    if isinstance(error, OSError) and error.errno in WRITE_ERRORS:
        return error
    for number in WRITE_ERRORS:
        if os.strerror(number) in str(error):  # as libraries in other languages quote it
            return OSError(number, os.strerror(number))
    return None


def _named(error: OSError) -> Path | None:
    """The file that an error names; the second one where a file was copied."""
    name = error.filename2 or error.filename
    return Path(os.fsdecode(name)) if isinstance(name, str | bytes) else None


def _fill(handle: int, size: int) -> None:
    block = bytes(min(size, 2**20))
    while size > 0:
        size -= os.write(handle, block[:size])
    os.fsync(handle)  # a network drive may refuse bytes only then


def _free(target: Path) -> str | None:
    """The free space at a path that may not exist, in words; None if it cannot be found out."""
    for path in (target, *target.absolute().parents):
        try:
            size = shutil.disk_usage(path).free
        except OSError:
            continue
        power = min((len(str(size)) - 1) // 3, 4)
        return f"{size / 1000**power:.3g} {('bytes', 'kB', 'MB', 'GB', 'TB')[power]}"
    return None
