"""The processes of a command that read images: they leave signals to the main process, and end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType

from encnet.system.signals import STOP_SIGNALS

_INTERVAL = 1.0
"""Seconds between two looks at whether the main process lives."""


class ProcessDied(RuntimeError):  # noqa: N818 (the field says "died")
    """Another process of the command died. The message is one sentence that says which."""


def begin_reading(worker: int) -> None:
    """Prepares a process that reads images for a ``DataLoader``: its ``worker_init_fn``.

    Stop signals, which a terminal or a job scheduler sends to all processes, are for the main process to handle: it
    still needs images for the step under way. The reading process ends when the main process wants it or is gone.

    Args:
        worker: number of the reading process.
    """
    for number in STOP_SIGNALS:
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
    if hasattr(signal, "sigtimedwait"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    main = multiprocessing.parent_process()
    assert main is not None and main.pid is not None
    sys.excepthook = partial(_say_unless_orphaned, main.pid)
    threading.Thread(target=_end_with, args=(main.pid,), name="main process", daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone, or sends SIGTERM; the SIGTERM of others is ignored."""
    while os.getppid() == parent:
        if not hasattr(signal, "sigtimedwait"):  # macOS, Windows
            time.sleep(_INTERVAL)
            continue
        information = signal.sigtimedwait({signal.SIGTERM}, _INTERVAL)
        if information is not None and information.si_pid == parent:
            os._exit(0)
    os._exit(1)  # PyTorch's own watch does not end a process that waits to hand over an image


def _say_unless_orphaned(
    parent: int, kind: type[BaseException], error: BaseException, at: TracebackType | None
) -> None:
    """Prints an error as Python does, unless the death of the parent has caused it, in a transfer of an image."""
    time.sleep(_INTERVAL / 4)  # a dying process closes its connections first
    if os.getppid() == parent:
        sys.__excepthook__(kind, error, at)


@contextmanager
def naming_dead_readers(way_on: Callable[[], str] = str) -> Iterator[None]:
    """In its block, the death of a reading process raises :class:`ProcessDied`, in words for the user.

    Args:
        way_on: returns what continues the work, as a clause; empty if nothing does.
    """
    try:
        yield
    except RuntimeError as error:  # PyTorch has no class for it
        message = str(error)
        if not message.startswith("DataLoader worker (pid"):
            raise
        what = message.removeprefix("DataLoader worker ").splitlines()[0].strip().rstrip(".")
        why = f"a process that reads images {what}; if memory ran out, fewer reading processes need less"
        raise ProcessDied("; ".join(filter(None, (why, way_on())))) from error
