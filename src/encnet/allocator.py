"""Memory that a training step or a prediction has freed, kept for the next one."""

from __future__ import annotations

import ctypes
import platform

# From glibc's malloc.h.
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3


def keep_freed_memory() -> bool:
    """Has the C library keep large freed blocks instead of giving them back to the system.

    Each step on a CPU allocates and frees the same gigabytes of features; without this, glibc maps and unmaps them
    every time, and the kernel fills each page with zeros again: a tenth of the processor's time in the training of
    ``encnet_lite0``, and in prediction by a ResNet-50. What is freed is not given back in between, and the peak grows
    by some blocks of each size, until their places between small objects have settled. It holds for the whole process,
    so commands do it, and the library does not.

    Returns:
        whether it was done: only glibc has the setting.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL("libc.so.6").mallopt
    return bool(mallopt(_MMAP_THRESHOLD, 2**30)) and bool(mallopt(_TRIM_THRESHOLD, 2**31 - 1))
