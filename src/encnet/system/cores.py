"""The CPU cores to compute with: how many, and how threads wait for each other."""

from __future__ import annotations

import os
from functools import cache


@cache
def available_cores() -> int:
    """Returns the number of cores that this process may use, or ``OMP_NUM_THREADS`` if that is a positive number.

    The first answer is kept for the rest of the process.
    """
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdecimal() and int(threads) > 0:
        return int(threads)
    affinity = getattr(os, "sched_getaffinity", None)  # some systems do not have it
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def share_cores() -> None:
    """Lets threads that wait for others sleep after some microseconds. Call it before PyTorch is imported; the commands
    do, since it holds for the whole process.

    OpenMP's threads run in a loop while they wait, GNU's for milliseconds. Where another program takes a core, most of
    the other cores' time is then spent waiting for the thread that was put aside, after each of the thousands of
    parallel parts of a step. Threads that sleep at once would make steps slower where nothing else runs. What the user
    has set, by ``OMP_WAIT_POLICY`` or ``GOMP_SPINCOUNT``, stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "10000")
