"""Time, memory and arithmetic of several forms of one computation, side by side."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

LIBRARIES = ("torch", "onnxruntime", "openvino", "segmentation-models-pytorch")
INSTRUCTIONS = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "sve", "bf16", "i8mm")


class Memory(NamedTuple):
    """What one run takes, in megabytes."""

    added: float  #: by how much its peak is above what the process held before it
    peak: float  #: what the process holds at the most during it: the interpreter, libraries and weights too


def timed(run: Callable[[], object]) -> Callable[[], float]:
    """The same run, which says how many seconds it took."""

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
    """Seconds of each run, ``repeats`` of them; the runs take turns, so that a drift of the machine meets all of them.

    A first round is not counted.

    Args:
        runs: each does its work and returns its seconds.
        repeats: rounds that are counted.
        pause: seconds between two runs, in which the threads of the one before come to rest.
        report: is told the name of each run before it starts.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            if report is not None:
                report(name)
            time.sleep(pause)
            took = run()
            if repeat > 0:
                seconds[name].append(took)
    return seconds


def median_seconds(runs: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Median seconds of each run, :func:`interleaved`."""
    seconds = interleaved({form: timed(run) for form, run in runs.items()}, repeats)
    return {form: statistics.median(values) for form, values in seconds.items()}


def memory_of_run(
    prepare: Callable[..., Callable[[], object]], arguments: tuple[Any, ...], small: tuple[Any, ...] | None
) -> Memory:
    """What one run takes in a process of its own.

    Args:
        prepare: a function of a module, or a method of what can be pickled; builds what a run needs, returns the run.
        arguments: of ``prepare``.
        small: arguments of a run before that, in which the libraries take what they take on first use. None does the
            run itself once before, for what is only made ready in its first run, by a compiler for example.
    """
    context = multiprocessing.get_context("spawn")
    # Its process ends by itself, where multiprocessing's own pool would kill it, and semaphores would be left over.
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(_one_run, prepare, arguments, small).result()


def added_megabytes(
    prepare: Callable[..., Callable[[], object]], arguments: tuple[Any, ...], small: tuple[Any, ...]
) -> float:
    """Megabytes by which one run raises the memory of a fresh process at its peak, :func:`memory_of_run`."""
    return memory_of_run(prepare, arguments, small).added


def held_megabytes(process: int | str = "self") -> float:
    """What a process holds now."""
    return _megabytes("VmRSS", process)


def forget_peak(process: int | str = "self") -> None:
    """Lets :func:`peak_megabytes` start anew, where the system can: on Linux."""
    try:
        Path(f"/proc/{process}/clear_refs").write_text("5")
    except OSError:
        return


def peak_megabytes(process: int | str = "self") -> float:
    """What a process has held at the most."""
    return _megabytes("VmHWM", process)


def gigaflop(run: Callable[[], object]) -> float:
    """Multiplications and additions of a run's convolutions and matrix products, in 10⁹; a product and its addition
    are two."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


def gigaflop_unrun(build: Callable[[], Callable[[], object]]) -> float:
    """:func:`gigaflop` of a run that is built for it, without computing: its tensors have shapes, but no values."""
    with FakeTensorMode(), torch.no_grad():
        return gigaflop(build())


def machine() -> dict[str, Any]:
    """What the figures depend on."""
    capabilities = torch.cpu.get_capabilities()
    versions = {}
    for library in LIBRARIES:
        try:
            versions[library] = version(library)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": [name for name in INSTRUCTIONS if capabilities.get(name, False)],
        "system": platform.system(),
        "python": platform.python_version(),
        **versions,
    }


def _processor() -> str:
    """The processor's model as the system names it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def _one_run(
    prepare: Callable[..., Callable[[], object]], arguments: tuple[Any, ...], small: tuple[Any, ...] | None
) -> Memory:
    if small is not None:
        prepare(*small)()
    run = prepare(*arguments)
    if small is None:
        run()
    _return_free_memory()
    before = held_megabytes()
    forget_peak()
    run()
    peak = peak_megabytes()
    return Memory(max(peak - before, 0.1), peak)


def _return_free_memory() -> None:
    """So that what was free already, and is used again, counts as added."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if platform.system() == "Linux" else None
    if trim is not None:  # glibc has it
        trim(0)


def _megabytes(field: str, process: int | str) -> float:
    """What a process holds (VmRSS) or has held at most (VmHWM)."""
    status = Path(f"/proc/{process}/status")
    if status.is_file():  # Linux, where getrusage would count what the parent held before it started this process
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024 / 1e6
    if process != "self":
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS, and the most in both cases
