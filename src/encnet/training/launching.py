"""Several processes on one machine: Lightning starts them; when one dies, the others end and say which."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from subprocess import TimeoutExpired
from typing import Any

import pytorch_lightning as pl
from lightning_fabric.utilities.distributed import _set_num_threads_if_needed
from pytorch_lightning.strategies.launchers import _SubprocessScriptLauncher
from typing_extensions import override

from encnet.system.processes import ProcessDied
from encnet.system.signals import DelayedStop, Stopped, end_process

_MAIN = "ENCNET_MAIN_PROCESS"
"""Environment variable that tells a process the number of the one that started it."""

_INTERVAL = 0.5
"""Seconds between two looks at whether the other processes live."""

_PATIENCE = 30.0
"""Seconds that the processes of a job may take to end after one another."""


class Launcher(_SubprocessScriptLauncher):
    """Lightning's launcher, with a watch over the processes that says which one died.

    Lightning's own watch kills all processes without a word, and nobody watches the main process.

    Args:
        like: the launcher of the trainer's strategy.
        stop: notes the signals that stop the run.
    """

    def __init__(self, like: _SubprocessScriptLauncher, stop: DelayedStop) -> None:
        super().__init__(like.cluster_environment, like.num_processes, like.num_nodes)
        self.stop: DelayedStop = stop
        self._ended = False

    @override
    def launch(self, function: Callable[..., Any], *args: Any, trainer: pl.Trainer | None = None, **kwargs: Any) -> Any:
        self.cluster_environment.validate_settings(num_devices=self.num_processes, num_nodes=self.num_nodes)
        if not self.cluster_environment.creates_processes_externally:
            os.environ[_MAIN] = str(os.getpid())
            try:
                self._call_children_scripts()
            finally:
                del os.environ[_MAIN]
            threading.Thread(target=self._watch, name="other processes", daemon=True).start()
        _set_num_threads_if_needed(num_processes=self.num_processes)
        return function(*args, **kwargs)

    def end(self) -> None:
        """Ends the other processes at once."""
        self._ended = True
        for process in self.procs:
            process.kill()

    def wait(self) -> None:
        """Waits until the other processes have ended, after the last step of all of them."""
        deadline = time.monotonic() + _PATIENCE
        for process in self.procs:
            with suppress(TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        self.end()

    def _watch(self) -> None:
        while not self._ended:
            time.sleep(_INTERVAL)
            for number, process in enumerate(self.procs, start=2):
                status = process.poll()
                if status and not self._ended and not (self.stop.number and status == 128 + self.stop.number):
                    self._say_and_end(f"process {number} of {len(self.procs) + 1} ({process.pid})", status)

    def _say_and_end(self, who: str, status: int) -> None:
        self.end()
        if status == 2:  # wrong input, of which the process has told
            end_process(status, "")
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        end_process(1, "; ".join(filter(None, (f"{who} {how}, so the others end too", self.stop.way_on()))))


def watch_main_process(way_on: Callable[[], str]) -> None:
    """Ends this process when the main process, which has started it, dies. Does nothing in the main process itself.

    Args:
        way_on: returns what continues the run, as a clause.
    """
    main = int(os.environ.get(_MAIN, "0"))
    if not main or os.name == "nt":  # a process keeps the number of its parent on Windows
        return

    def watch() -> None:
        while os.getppid() == main:
            time.sleep(_INTERVAL)
        why = "; ".join(filter(None, (f"the main process ({main}) died, so the others end too", way_on())))
        end_process(1, why if os.environ.get("LOCAL_RANK") == "1" else "")

    threading.Thread(target=watch, name="main process", daemon=True).start()


@contextmanager
def ending_together(trainer: pl.Trainer, stop: DelayedStop) -> Iterator[None]:
    """In its block, the processes of a run train. They end together, in order or at an error.

    Args:
        trainer: the trainer of the run.
        stop: notes the signals that stop the run.

    Raises:
        ProcessDied: the connection to another process broke.
    """
    launcher, in_order = trainer.strategy.launcher, False
    try:
        with _naming_lost_processes(trainer, stop.way_on):
            yield
        in_order = True
    except Stopped:
        in_order = stop.number != 0  # all processes have agreed to it
        raise
    finally:
        if isinstance(launcher, Launcher):
            if in_order:
                launcher.wait()
            else:
                launcher.end()


@contextmanager
def _naming_lost_processes(trainer: pl.Trainer, way_on: Callable[[], str]) -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # of gloo and NCCL too
        if trainer.world_size == 1:
            raise
        time.sleep(4 * _INTERVAL)  # the watch on this machine, if it knows which process died, ends this one meanwhile
        lines = [line.strip() for line in str(error).splitlines() if "onnection" in line or "NCCL" in line]
        if not lines:
            raise
        why = f"another process of the run died ({lines[0][-200:]})"
        raise ProcessDied("; ".join(filter(None, (why, way_on())))) from error
