"""The number of CPU cores to compute with."""

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
