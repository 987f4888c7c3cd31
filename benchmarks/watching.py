"""The memory of running commands over hours: looks at it, and compares its beginning with its end."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from encnet.benchmark.measure import held_megabytes
from encnet.system.progress import progress_bar

WARM_UP, END = 0.1, 0.9
"""Shares of the time: the tenth after the first is compared with the tenth after the second."""


def watched(
    running: Mapping[str, subprocess.Popen[bytes]], seconds: float, interval: float
) -> dict[str, list[float | None]]:
    """The megabytes of each part at each look; None once it has ended."""
    samples: dict[str, list[float | None]] = {name: [] for name in running}
    with progress_bar() as bar:
        for _ in bar.track(range(max(10, round(seconds / interval))), description="soak"):
            time.sleep(interval)
            for name, process in running.items():
                samples[name].append(None if process.poll() is not None else round(_held(process.pid), 1))
    return samples


def compared(samples: Sequence[float | None]) -> dict[str, float | None]:
    """The medians of the tenth after the warm-up and of the tenth at the end; None for a part that has ended."""
    first, last = round(WARM_UP * len(samples)), round(END * len(samples))
    before, after = samples[first : 2 * first], samples[last:]
    held = {"before": before, "after": after}
    return {
        name: None if None in values else statistics.median(value for value in values if value is not None)
        for name, values in held.items()
    }


def _held(process: int) -> float:
    """Megabytes of a process and those that it started."""
    total = 0.0
    with suppress(OSError, StopIteration):  # it ends while it is read
        total = held_megabytes(process)
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            total += sum(_held(int(child)) for child in children.read_text().split())
    return total
