"""The memory of this machine: how much is free, and freed blocks that are kept for the next step."""

from __future__ import annotations

import ctypes
import gc
import platform
from pathlib import Path

# From glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_CGROUP = ("memory.max", "memory.current")


def keep_freed_memory() -> bool:
    """Makes the C library keep large freed blocks instead of returning them to the operating system.

    Each step on a CPU allocates and frees the same gigabytes of features. Without this setting glibc maps and unmaps
    them every time, and the kernel fills each page with zeros again: a tenth of the CPU time when training
    ``encnet_lite0`` and when predicting with a ResNet-50. Freed memory is not returned between steps, and the peak
    grows by a few blocks of each size before their places among small objects settle. The setting holds for the
    whole process, so the commands make it, and the library does not.

    Returns:
        True if the setting was made; only glibc has it.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL("libc.so.6").mallopt
    return bool(mallopt(_MMAP_THRESHOLD, 2**30)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))


def return_freed_memory() -> None:
    """Returns freed memory to the operating system, so that it counts as free; only glibc keeps any."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if platform.system() == "Linux" else None
    if trim is not None:
        trim(0)


def free_memory() -> int | None:
    """Bytes that this process can still take; None where the operating system does not say.

    On Linux it is the memory that the kernel counts as available, or what the limit of the process (``ulimit -v``) or
    of the container leaves of it.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
        import resource  # Linux has it

        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most != resource.RLIM_INFINITY:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
            free = min(free, max(0, most - pages * resource.getpagesize()))
    except (OSError, StopIteration, ValueError):
        return None
    try:
        most, used = (Path("/sys/fs/cgroup", name).read_text(encoding="ascii") for name in _CGROUP)
        return min(free, max(0, int(most) - int(used)))
    except (OSError, ValueError):  # no container, or one without a limit
        return free
