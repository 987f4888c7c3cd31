"""Writes files so that the final name never holds a half-written one, and records what encnet wrote."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from encnet.system.errors import InputError

RECORD: str = ".encnet"
"""Name of the hidden file in a folder that records what encnet wrote there."""


@contextmanager
def replacing(path: str | os.PathLike[str], recorded: bool = True, durable: bool = False) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, and renames it to ``path`` when the block ends without an error.

    The temporary name keeps the suffix, for writers that choose a format by suffix. Missing folders are created. An
    existing file is replaced: :func:`encnet.system.outputs.check_outputs` says beforehand whether it may be.

    Args:
        path: the file to write.
        recorded: whether to record that encnet wrote the file, see :func:`record`.
        durable: whether to wait until the file is on the disk, so that it survives a power cut, see :func:`flush`.

    Raises:
        InputError: the folder cannot be created or written to.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent)
    except OSError as error:
        raise _unwritable(target, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)  # mkstemp makes files private; outputs get the user's default mode
        try:
            if recorded:
                record(temporary, target)
            if durable:
                flush(temporary)
            temporary.replace(target)
            if durable:
                flush(target.parent)
        except OSError as error:
            raise _unwritable(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str, recorded: bool = True) -> None:
    """Writes ``text`` to ``path`` as UTF-8, through :func:`replacing`."""
    with replacing(path, recorded) as temporary:
        temporary.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """Waits until a file is on the disk, or the names in a folder are.

    Raises:
        OSError: the disk reports an error.
    """
    if path.is_dir() and os.name == "nt":  # Windows cannot open a folder, and writes its names itself
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def record(written: Path, target: Path) -> None:
    """Records a finished file that is about to be renamed to ``target``, as a line of :data:`RECORD` in its folder.

    Lines are only appended, so that several processes can write to one folder. The line comes before the file gets its
    name, so that an interrupted run leaves no file without a line.

    Raises:
        OSError: the folder cannot be written to.
    """
    with (target.parent / RECORD).open("ab", buffering=0) as file:
        file.write(f"{record_line(target.name, written.stat())}\n".encode("ascii"))


def record_line(name: str, stat: os.stat_result) -> str:
    """The line of a file in :data:`RECORD`: name in lower case, size in bytes, time in ns of the last change."""
    return json.dumps([name.casefold(), stat.st_size, stat.st_mtime_ns])


def _unwritable(target: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {target}: {error.strerror or error}; choose another place for the output")
