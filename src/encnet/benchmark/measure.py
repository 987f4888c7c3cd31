"""Time and memory of several forms of one computation, side by side."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch


def median_seconds(runs: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median seconds of each run; they take turns, so that a drift of the machine's speed meets all of them.

    A first round is not counted.
    """
    seconds: dict[str, list[float]] = {form: [] for form in runs}
    for repeat in range(repeats + 1):
        for form, run in runs.items():
            started = time.perf_counter()
            run()
            if repeat > 0:
                seconds[form].append(time.perf_counter() - started)
    return {form: statistics.median(values) for form, values in seconds.items()}


def added_megabytes(
    prepare: Callable[..., Callable[[], None]], arguments: tuple[Any, ...], small: tuple[Any, ...]
) -> float:
    """Megabytes by which one run raises the memory of a fresh process at its peak.

    Args:
        prepare: a function of a module, which builds what a run needs and returns the run.
        arguments: of ``prepare``.
        small: arguments of a run before that, in which the libraries take what they take on first use.
    """
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak_of_one_run, (prepare, arguments, small))


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    return {"processor": platform.machine(), "threads": torch.get_num_threads(), "torch": torch.__version__}


def _peak_of_one_run(
    prepare: Callable[..., Callable[[], None]], arguments: tuple[Any, ...], small: tuple[Any, ...]
) -> float:
    prepare(*small)()
    run = prepare(*arguments)
    _return_free_memory()
    before = _megabytes("VmRSS")
    run()
    return max(_megabytes("VmHWM") - before, 0.1)


def _return_free_memory() -> None:
    """So that what was free already, and is used again, counts as added."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if platform.system() == "Linux" else None
    if trim is not None:  # glibc has it
        trim(0)


def _megabytes(field: str) -> float:
    """What this process holds (VmRSS) or has held at most (VmHWM)."""
    status = Path("/proc/self/status")
    if status.is_file():  # Linux, where getrusage would count what the parent held before it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS, and the most in both cases
