"""Writes files so that the final name never holds a half-written one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from encnet.system.errors import InputError
from encnet.system.outputs import record


@contextmanager
def replacing(path: str | os.PathLike[str], recorded: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside ``path``, and renames it to ``path`` when the block ends without an error.

    The temporary name keeps the suffix, for writers that choose a format by suffix. Missing folders are created. An
    existing file is replaced: :func:`encnet.system.outputs.check_outputs` says beforehand whether it may be.

    Args:
        path: the file to write.
        recorded: whether to record the file as encnet's, see :mod:`encnet.system.outputs`.

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
            temporary.replace(target)
        except OSError as error:
            raise _unwritable(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str, recorded: bool = True) -> None:
    """Writes ``text`` to ``path`` as UTF-8, through :func:`replacing`."""
    with replacing(path, recorded) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _unwritable(target: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {target}: {error.strerror or error}; choose another place for the output")
