"""Time, memory and arithmetic of several forms of one computation, measured side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from encnet.benchmark.machine import LIBRARIES, describe_machine
from encnet.benchmark.measure import interleaved, memory_of_run, timed


def median_seconds(runs: Mapping[str, Callable[[], None]], repeats: int) -> dict[str, float]:
    """Returns the median seconds of each run, measured by :func:`encnet.benchmark.measure.interleaved`."""
    seconds = interleaved({form: timed(run) for form, run in runs.items()}, repeats)
    return {form: statistics.median(values) for form, values in seconds.items()}


def added_megabytes(
    prepare: Callable[..., Callable[[], object]], arguments: tuple[Any, ...], small: tuple[Any, ...]
) -> float:
    """Returns the megabytes that one run adds at its peak, by :func:`encnet.benchmark.measure.memory_of_run`."""
    return memory_of_run(prepare, arguments, small).added


def gigaflop(run: Callable[[], object]) -> float:
    """Multiplications and additions of a run's convolutions and matrix products, in 10⁹; a product and its addition
    count as two."""
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e9


def gigaflop_unrun(build: Callable[[], Callable[[], object]]) -> float:
    """:func:`gigaflop` of a run that is built, but not computed: its tensors have shapes, but no values."""
    with FakeTensorMode(), torch.no_grad():
        return gigaflop(build())


def machine() -> dict[str, Any]:
    """The machine and the library versions that figures depend on, a rival's library among them."""
    return describe_machine((*LIBRARIES, "segmentation-models-pytorch"))
