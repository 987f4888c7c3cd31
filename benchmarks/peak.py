"""The best rate of multiplications and additions that this machine reaches."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from encnet.benchmark.measure import timed

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""Number formats whose best rate is measured."""

FLOP_OF_A_RUN = 20e9
"""A kernel is repeated up to this number of operations, so that a run is long compared with starting threads."""


@dataclass(frozen=True)
class Gemm:
    """A matrix product: (rows, inner) · (inner, columns)."""

    rows: int
    inner: int
    columns: int

    @property
    def name(self) -> str:
        return f"GEMM {self.rows}x{self.inner}x{self.columns}"

    @property
    def flop(self) -> float:
        return 2.0 * self.rows * self.inner * self.columns

    def prepare(self, dtype: torch.dtype) -> Callable[[], object]:
        a, b = torch.randn(self.rows, self.inner).to(dtype), torch.randn(self.inner, self.columns).to(dtype)
        return lambda: a @ b


@dataclass(frozen=True)
class Convolution:
    """A convolution of (1, channels, side, side) to the same number of channels, channels last, by oneDNN on CPUs."""

    channels: int
    side: int
    kernel_size: int = 3

    @property
    def name(self) -> str:
        return f"convolution {self.kernel_size}x{self.kernel_size}, {self.channels} channels, {self.side}x{self.side}"

    @property
    def flop(self) -> float:
        return 2.0 * self.channels**2 * self.kernel_size**2 * self.side**2

    def prepare(self, dtype: torch.dtype) -> Callable[[], object]:
        layout, padding = torch.channels_last, self.kernel_size // 2
        features = torch.randn(1, self.channels, self.side, self.side).to(dtype).contiguous(memory_format=layout)
        kernel = torch.randn(self.channels, self.channels, self.kernel_size, self.kernel_size)
        kernel = kernel.to(dtype).contiguous(memory_format=layout)
        return lambda: F.conv2d(features, kernel, padding=padding)


Kernel = Gemm | Convolution

KERNELS: tuple[Kernel, ...] = (
    Gemm(1024, 1024, 1024),
    Gemm(2048, 2048, 2048),
    Gemm(4096, 512, 512),
    Gemm(4096, 2048, 512),
    Convolution(256, 64),
    Convolution(256, 128),
    Convolution(512, 64),
    Convolution(512, 64, kernel_size=1),
    Convolution(1024, 64, kernel_size=1),
)
"""Sizes from those that fit a core's cache to those of a ResNet's layers at stride 8."""


class Peak:
    """Kernels that run in turn with what is measured, and the best rate among them.

    Args:
        precisions: number formats; those not in :data:`DTYPES` have no peak.
        kernels: kernels that are tried in each number format.

    Attributes:
        runs: name -> a run that returns the seconds of one computation of a kernel.
    """

    def __init__(self, precisions: Sequence[str], kernels: Sequence[Kernel] = KERNELS) -> None:
        self._kernels = {
            f"{precision} {kernel.name}": (precision, kernel)
            for precision in dict.fromkeys(precisions)
            if precision in DTYPES
            for kernel in kernels
        }
        self.runs: dict[str, Callable[[], float]] = {
            name: _repeated(kernel, DTYPES[precision]) for name, (precision, kernel) in self._kernels.items()
        }

    def best(self, seconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, Any]]:
        """Returns the best rate of each number format, from the seconds of all runs.

        Returns:
            Number format -> "gflop_per_second", the highest of the kernels' median rates; "kernel", the kernel that
            reached it; "fastest", the highest rate of any single run; "kernels", the median rate of each kernel.
        """
        result: dict[str, dict[str, Any]] = {}
        for name, (precision, kernel) in self._kernels.items():
            entry = result.setdefault(precision, {"gflop_per_second": 0.0, "kernel": "", "fastest": 0.0, "kernels": {}})
            rate = kernel.flop / statistics.median(seconds[name]) / 1e9
            entry["kernels"][kernel.name] = rate
            entry["fastest"] = max(entry["fastest"], kernel.flop / min(seconds[name]) / 1e9)
            if rate > entry["gflop_per_second"]:
                entry |= {"gflop_per_second": rate, "kernel": kernel.name}
        return result


def _repeated(kernel: Kernel, dtype: torch.dtype) -> Callable[[], float]:
    """Returns a run that returns the mean seconds of one computation of a kernel."""
    compute, times = kernel.prepare(dtype), max(1, round(FLOP_OF_A_RUN / kernel.flop))

    def compute_all() -> None:
        with torch.inference_mode():
            for _ in range(times):
                compute()

    run = timed(compute_all)
    return lambda: run() / times
