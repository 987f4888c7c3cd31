"""The folder of a run: its files, its lock, whether it may be written to, and the removal of what is left in it."""

from __future__ import annotations

import hashlib
import multiprocessing.process
import multiprocessing.util
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from filelock import FileLock, Timeout

from encnet.checkpoint.hub import BEST_MODEL
from encnet.reports.data_page import CHECK_PAGE
from encnet.system.errors import InputError
from encnet.system.outputs import check_outputs
from encnet.training.callbacks import LAST_MODEL
from encnet.training.first_batches import PICTURE
from encnet.training.recipes import CONFIG_FILE
from encnet.training.report import REPORT
from encnet.training.restarts import MARK
from encnet.training.state_files import LAST_STATE, PART, PREVIOUS_STATE

LOCK = ".encnet.lock"
"""File that the run in a folder holds locked as long as its process lives."""


def run_files(folder: Path) -> list[Path]:
    """The files that a run writes into its folder, besides the logs in csv/ and tensorboard/."""
    names = (CONFIG_FILE, BEST_MODEL, LAST_MODEL, LAST_STATE, PREVIOUS_STATE, CHECK_PAGE, PICTURE, REPORT)
    return [folder / name for name in names]


def check_run_folder(folder: Path, inputs: Iterable[str | os.PathLike[str]], overwrite: bool = False) -> None:
    """Refuses a folder in which a new run would destroy a file.

    Args:
        folder: folder of the run.
        inputs: files that the run reads.
        overwrite: whether the run may replace another one, and files of its names that encnet did not write.

    Raises:
        InputError: ``folder`` holds a run already, or one that trains now; or a file of the run would replace an input
            or a file that encnet did not write.
    """
    check_lock(folder)
    if (folder / CONFIG_FILE).exists() and not overwrite:
        raise InputError(f"{folder} holds a run already; resume it, or choose another folder", argument="folder")
    check_outputs(run_files(folder), inputs, overwrite)


def remove_run(folder: Path) -> None:
    """Deletes the run that ``folder`` holds, if any, so that nothing of it is taken for a part of the next one."""
    if (folder / CONFIG_FILE).is_file():
        for logs in [*folder.glob("csv/version_*"), *folder.glob("tensorboard/version_*")]:
            shutil.rmtree(logs)
    for file in (*run_files(folder), folder / MARK):
        file.unlink(missing_ok=True)


def check_lock(folder: Path) -> None:
    """Raises InputError if a run trains in the folder; writes nothing."""
    if (folder / LOCK).is_file():
        with locked(folder):
            pass


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps other runs out of a folder, which is created, while its block lasts, and at most as long as this process.

    Raises:
        InputError: another run has the folder, or it cannot be written to.
    """
    lock = FileLock(folder / LOCK)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout as error:
        raise InputError(
            f"another run trains in {folder}; wait for its end, stop it, or choose another folder", argument="folder"
        ) from error
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or error}; choose another folder") from error
    try:
        yield
    finally:
        lock.release()


def remove_leftovers(folder: Path) -> None:
    """Deletes what killed runs left half-written in a folder, and their temporary folders. Needs the lock."""
    for file in run_files(folder):
        for leftover in folder.glob(f".{escape(file.stem)}.????????{file.suffix}"):  # of encnet.system.files.replacing
            leftover.unlink()
    (folder / PART).unlink(missing_ok=True)
    for left in Path(tempfile.gettempdir()).glob(f"{_temporary_prefix(folder)}*"):
        if not _lives(int(left.name.split("-")[2])):
            shutil.rmtree(left, ignore_errors=True)


def use_temporary_folder(folder: Path) -> None:
    """Makes the processes that read images keep their sockets in a folder that :func:`remove_leftovers` finds.

    Left to itself, multiprocessing makes folders ``pymp-...`` that no later run can tell from those of others.
    """
    process = multiprocessing.process.current_process()
    if process._config.get("tempdir") is None:  # pyright: ignore[reportAttributeAccessIssue]
        # Short, as the path of a socket has a limit; with the process, as others of this run have folders too.
        name = tempfile.mkdtemp(prefix=f"{_temporary_prefix(folder)}{os.getpid()}-")
        multiprocessing.util.Finalize(None, shutil.rmtree, args=(name, True), exitpriority=-100)
        process._config["tempdir"] = name  # pyright: ignore[reportAttributeAccessIssue]


def _lives(process: int) -> bool:
    """Whether there is a process of this number; true where that cannot be asked."""
    if os.name == "nt":
        return True
    try:
        os.kill(process, 0)  # sends nothing
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _temporary_prefix(folder: Path) -> str:
    return f"encnet-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}-"
