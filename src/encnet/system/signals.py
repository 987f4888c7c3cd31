"""Signals that stop a command: SIGTERM, SIGHUP and SIGUSR1 as well as Ctrl-C, at once or after the step under way."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from encnet.system.errors import InputError

STOP_SIGNALS: tuple[signal.Signals, ...] = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)
)
"""The signals that stop a command; Windows has only the first two."""

WAY_ON: str = "the same command with --resume goes on"
"""What continues work that keeps its results, as a clause."""

_AGAIN = 0.05
"""Seconds until a signal that came during an import is sent again."""
_MOST = 400
"""How often it is sent again: for 20 s, in case that the command itself was started by an import."""
_SAME = 1.0
"""Seconds after a signal in which others count as the same: some tools send two, or one to a group and to a process."""


class Stopped(BaseException):
    """A signal stopped the command.

    Like ``KeyboardInterrupt``, it is no ``Exception``, so that no library takes it for an error of its own.

    Args:
        number: the signal.
    """

    def __init__(self, number: int) -> None:
        self.number: int = number
        self.way_on: str = ""
        """What continues the work, as a clause; empty if nothing does."""
        super().__init__("interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}")

    @property
    def status(self) -> int:
        """The exit status: 128 and the number of the signal, 143 for SIGTERM."""
        return 128 + self.number


class Received:
    """The first stop signal that arrived in a block of :func:`raising`."""

    def __init__(self) -> None:
        self.stopped: Stopped | None = None
        """None if there was none. Errors that follow it are its consequences."""


@contextmanager
def raising() -> Iterator[Received]:
    """In its block, a stop signal raises :class:`Stopped` in the main thread.

    A signal that the process ignores, as ``nohup`` asks for, stays ignored. One that comes while a module is imported
    raises after that: in the C++ code of a module that begins, an exception would abort the process. Does nothing in
    another thread, as Python handles signals in the main thread only.
    """
    received = Received()
    again: list[threading.Timer] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if _imports(frame) and len(again) < _MOST:
            again.append(threading.Timer(_AGAIN, os.kill, (os.getpid(), number)))
            again[-1].daemon = True
            again[-1].start()
            return
        received.stopped = received.stopped or Stopped(number)
        raise Stopped(number)

    previous = _handled_by(stop)
    try:
        yield received
    finally:
        for timer in again:
            timer.cancel()
        _restore(previous)


class DelayedStop:
    """In its block, a stop signal raises :class:`Stopped`, or is only noted while :attr:`delays` is true.

    A second signal ends the process at once, and so does the first one after the grace period. A thread sees to both:
    Python calls handlers between the operations of the main thread, and a backward pass is one operation.

    Args:
        grace: seconds from the first signal until the process ends in any case; None is no limit.
        way_on: returns what continues the work, as a clause; empty if nothing does.
    """

    def __init__(self, grace: float | None = None, way_on: Callable[[], str] = str) -> None:
        self.grace: float | None = grace
        self.way_on: Callable[[], str] = way_on
        self.tell: Callable[[str], object] = print
        """Shows a line to the user."""
        self.before_end: Callable[[], None] = lambda: None
        """Called before the process ends at once."""
        self.delays: bool = False
        """Whether signals are noted instead of raised."""
        self.number: int = 0
        """The signal that was noted; 0 if there was none."""
        self._raised: int = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._previous = _handled_by(self._on_signal)
        if self._previous:
            self._listener, self._writer = socket.socketpair()
            self._writer.setblocking(False)
            self._previous_descriptor = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
            threading.Thread(target=self._listen, name="stop signals", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._previous:
            _restore(self._previous)
            signal.set_wakeup_fd(self._previous_descriptor)
            self._writer.close()  # ends the thread
        number = self.number or self._raised
        if isinstance(error, Stopped):
            error.way_on = self.way_on()
        elif number and error is not None and not isinstance(error, InputError):
            stopped = Stopped(number)  # the error is a consequence of the signal, in a library or another process
            stopped.way_on = self.way_on()
            raise stopped from error

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.delays:
            self._raised = self._raised or number
            raise Stopped(number)
        self.number = self.number or number

    def _listen(self) -> None:
        """Waits for the numbers of signals, which Python writes to a socket as soon as they arrive."""
        first, at = 0, 0.0
        with self._listener:
            while True:
                left = None if not first or self.grace is None else max(0.0, at + self.grace - time.monotonic())
                if not select.select([self._listener], [], [], left)[0]:
                    self._end(first, f"did not stop within {self.grace:g} s after {signal.Signals(first).name}")
                numbers = self._listener.recv(64)
                if not numbers:
                    return
                for number in filter(self._previous.__contains__, numbers):
                    if not first:
                        first, at = number, time.monotonic()
                        if self.delays:
                            name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
                            self.tell(f"{name}: stopping after this step; a second signal stops at once")
                    elif time.monotonic() - at > _SAME:
                        self._end(number, f"stopped at once by a second signal, {signal.Signals(number).name}")

    def _end(self, number: int, why: str) -> None:
        self.before_end()
        end_process(128 + number, "; ".join(filter(None, (why, self.way_on()))) if is_first_process() else "")


def end_process(status: int, why: str) -> None:
    """Ends this process at once, from any thread and without any clean-up.

    Args:
        status: the exit status.
        why: what the user reads; empty if another process says it.
    """
    if why:
        print(f"encnet: {why}", file=sys.stderr, flush=True)
    os._exit(status)


def is_first_process() -> bool:
    """Whether this is the first process of a job on one or more machines, the one that writes and speaks."""
    names = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return all(os.environ.get(name, "0") == "0" for name in names)


def _imports(frame: FrameType | None) -> bool:
    """Whether a module is being imported where a signal interrupts Python."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False


def _handled_by(handler: Callable[[int, FrameType | None], None]) -> dict[int, Any]:
    """Sets the handler of the stop signals that are not ignored; returns the previous ones."""
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    return {number: signal.signal(number, handler) for number in numbers}


def _restore(previous: dict[int, Any]) -> None:
    for number, handler in previous.items():
        signal.signal(number, handler)
