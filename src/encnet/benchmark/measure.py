"""Time and memory of several runs, measured side by side."""

from __future__ import annotations

import math
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from encnet.system.memory import return_freed_memory

SMALL_SIDE = 64
"""Side in pixels of the images of a small run, in which libraries allocate what they allocate on first use."""

PAUSE = 0.1
"""Seconds between two runs: engines let their threads wait busily for a moment after their work."""


class Memory(NamedTuple):
    """Memory that one run takes, in megabytes (10⁶ bytes); NaN where the system does not tell, on Windows."""

    added: float  #: the peak during the run above what the process held before it
    peak: float  #: the most that the process holds during the run: the interpreter, libraries and weights too


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """Returns the same run, which returns its seconds."""

    def timed_run() -> float:
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    return timed_run


def interleaved(
    runs: Mapping[str, Callable[[], float]],
    repeats: int,
    pause: float = 0.0,
    report: Callable[[str], None] | None = None,
) -> dict[str, list[float]]:
    """Returns the seconds of ``repeats`` runs of each; the runs take turns, so that a drift of the machine meets all.

    A first round is not counted.

    Args:
        runs: each does its work and returns its seconds.
        repeats: rounds that are counted.
        pause: seconds between two runs, in which the threads of the previous run come to rest.
        report: called with the name of each run before it starts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            if report is not None:
                report(name)
            time.sleep(pause)
            run_seconds = run()
            if repeat > 0:
                seconds[name].append(run_seconds)
    return seconds


def memory_of_run(
    prepare: Callable[..., Callable[[], object]],
    arguments: tuple[Any, ...],
    small: tuple[Any, ...] | None,
    device: str = "cpu",
) -> Memory:
    """Measures the memory that one run takes in a process of its own.

    Args:
        prepare: a function of a module, or a method of an object that can be pickled; builds what a run needs and
            returns the run.
        arguments: arguments of ``prepare``.
        small: arguments of a small run before the measured one, in which the libraries allocate what they allocate on
            first use. None does the measured run itself once before, for what is only built in its first run, by a
            compiler for example.
        device: "cpu", or a GPU ("cuda:0"), whose memory is measured then, as PyTorch allocates it.
    """
    context = multiprocessing.get_context("spawn")
    # Its process ends by itself, where multiprocessing's own pool would kill it, and semaphores would be left over.
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_one_run, prepare, arguments, small, device).result()


def held_megabytes(process: int | str = "self") -> float:
    """Megabytes that a process holds now."""
    return _megabytes("VmRSS", process)


def forget_peak(process: int | str = "self") -> None:
    """Resets :func:`peak_megabytes`, where the system can: on Linux."""
    try:
        Path(f"/proc/{process}/clear_refs").write_text("5")
    except OSError:
        return


def peak_megabytes(process: int | str = "self") -> float:
    """The most megabytes that a process has held."""
    return _megabytes("VmHWM", process)


def _one_run(
    prepare: Callable[..., Callable[[], object]],
    arguments: tuple[Any, ...],
    small: tuple[Any, ...] | None,
    device: str,
) -> Memory:
    if small is not None:
        prepare(*small)()
    run = prepare(*arguments)
    if small is None:
        run()
    return_freed_memory()  # so that it counts as added where the run uses it again
    if device != "cpu":
        import torch  # not for engines that do without it

        before = torch.cuda.memory_allocated(device) / 1e6
        torch.cuda.reset_peak_memory_stats(device)
        run()
        peak = torch.cuda.max_memory_allocated(device) / 1e6
    else:
        before = held_megabytes()
        forget_peak()
        run()
        peak = peak_megabytes()
    return Memory(max(peak - before, 0.1), peak)


def _megabytes(field: str, process: int | str) -> float:
    """What a process holds (VmRSS) or the most that it has held (VmHWM); on systems other than Linux the most."""
    status = Path(f"/proc/{process}/status")
    if status.is_file():  # Linux, where getrusage would count what the parent held before it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024 / 1e6
    if process != "self" or sys.platform == "win32":
        return math.nan
    from resource import RUSAGE_SELF, getrusage  # Windows has none

    return getrusage(RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
