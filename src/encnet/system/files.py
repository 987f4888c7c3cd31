"""Writes files so that the final name never holds a half-written one, and records what encnet wrote."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from encnet.system.errors import InputError
from encnet.system.unwritable import refusal, unwritable, writing_into

RECORD: str = ".encnet"
"""Name of the hidden file in a folder that records what encnet wrote there."""


@contextmanager
def replacing(path: str | os.PathLike[str], recorded: bool = True, durable: bool = False) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, and renames it to ``path`` when the block ends without an error.

    Args and errors are those of :func:`replacing_together`, for a single file.
    """
    with replacing_together([path], recorded, durable) as temporaries:
        yield temporaries[0]


@contextmanager
def replacing_together(
    paths: Iterable[str | os.PathLike[str]], recorded: bool = True, durable: bool = False
) -> Iterator[list[Path]]:
    """Yields a temporary path beside each path, and renames all of them when the block ends without an error.

    After an error none is renamed, so that files that belong together are all new or all old. A temporary name keeps
    the suffix, for writers that choose a format by suffix. Missing folders are created, and removed after an error.
    Existing files are replaced: :func:`encnet.system.outputs.check_outputs` says beforehand whether they may be.

    Args:
        paths: the files to write.
        recorded: whether to record that encnet wrote them, see :func:`record`.
        durable: whether to wait until they are on the disk, so that they survive a power cut, see :func:`flush`.

    Raises:
        UnwritableError: a folder cannot be created, or a file cannot be written, also where a library in the block
            raises an error of its own for that reason.
    """
    targets = [Path(path) for path in paths]
    made: list[Path] = []
    temporaries: list[Path] = []
    try:
        for target in targets:
            try:
                made += _make_folder(target.parent)
                handle, name = tempfile.mkstemp(prefix=f".{target.stem}.", suffix=target.suffix, dir=target.parent)
            except OSError as error:
                raise unwritable(target, error) from error
            os.close(handle)
            temporaries.append(Path(name))
        outputs = dict(zip(temporaries, targets, strict=True))
        try:
            yield temporaries
        except InputError:
            raise
        except Exception as error:
            refused = refusal(error, outputs)
            if refused is None:
                raise
            raise refused from error
        _rename(outputs, recorded, durable)
    finally:
        for temporary in temporaries:
            with suppress(OSError):  # the folder may be gone
                temporary.unlink()
        _remove_empty(made)


@contextmanager
def staging(target: Path, shown: str | os.PathLike[str] | None = None) -> Iterator[Path]:
    """Yields a temporary folder beside a file or folder, for what the block writes and renames at its end.

    Args:
        target: the file or folder to write; the folders above it are created.
        shown: what messages call it; None is its path.

    Raises:
        UnwritableError: a folder cannot be created, or the block fails because the temporary folder takes no bytes.
    """
    shown, made = target if shown is None else shown, list[Path]()
    try:
        made += _make_folder(target.parent)
        folder = tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise unwritable(shown, error) from error
    try:
        with folder as name, writing_into(Path(name), shown):
            yield Path(name)
    finally:
        _remove_empty(made)


def _make_folder(folder: Path) -> list[Path]:
    """Creates a folder, and those above it; returns the ones that were missing, from the top."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _remove_empty(folders: Sequence[Path]) -> None:
    """Removes the folders of :func:`_make_folder` into which nothing was written."""
    for folder in reversed(folders):
        with suppress(OSError):  # it may be gone, or hold other files
            if [path.name for path in folder.iterdir()] == [RECORD]:
                (folder / RECORD).unlink()
            folder.rmdir()


def _rename(outputs: Mapping[Path, Path], recorded: bool, durable: bool) -> None:
    """Gives finished temporary files their final names, after everything that may fail for want of space."""
    umask = os.umask(0)
    os.umask(umask)
    for temporary, target in outputs.items():
        try:
            temporary.chmod(0o666 & ~umask)  # mkstemp makes files private; outputs get the user's default mode
            if recorded:
                record(temporary, target)
            if durable:
                flush(temporary)
        except OSError as error:
            raise unwritable(target, error) from error
    for temporary, target in outputs.items():
        try:
            temporary.replace(target)
            if durable:
                flush(target.parent)
        except OSError as error:
            raise unwritable(target, error) from error


def write_files(contents: Mapping[Path, bytes | str], recorded: bool = True) -> None:
    """Writes files that belong together, all or none, through :func:`replacing_together`; text as UTF-8."""
    with replacing_together(contents, recorded) as temporaries:
        for target, temporary, content in zip(contents, temporaries, contents.values(), strict=True):
            try:
                temporary.write_bytes(content if isinstance(content, bytes) else encoded(content))
            except OSError as error:
                raise unwritable(target, error) from error


def write_text(path: str | os.PathLike[str], text: str, recorded: bool = True) -> None:
    """Writes ``text`` to ``path`` as UTF-8, through :func:`write_files`."""
    write_files({Path(path): text}, recorded)


def encoded(text: str) -> bytes:
    """Text as UTF-8; half a surrogate pair, as in file names that are not UTF-8, becomes JSON's escape ``\\udcff``."""
    return text.encode("utf-8", errors="backslashreplace")


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
        line = f"{record_line(target.name, written.stat())}\n".encode("ascii")
        if file.write(line) != len(line):  # the last bytes of a disk take a part of it without an error
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def record_line(name: str, stat: os.stat_result) -> str:
    """The line of a file in :data:`RECORD`: name in lower case, size in bytes, time in ns of the last change."""
    return json.dumps([name.casefold(), stat.st_size, stat.st_mtime_ns])
