"""The machine's best rate is that of the fastest kernel; kernels do the declared arithmetic."""

from __future__ import annotations

import pytest
import torch

from benchmarks import peak
from benchmarks.measure import gigaflop
from benchmarks.peak import KERNELS, Convolution, Gemm, Kernel, Peak

SMALL = (Gemm(32, 48, 64), Convolution(16, 12), Convolution(16, 12, kernel_size=1))


@pytest.mark.parametrize("kernel", SMALL, ids=lambda kernel: kernel.name)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_kernels_do_the_declared_arithmetic(kernel: Kernel, dtype: torch.dtype) -> None:
    assert gigaflop(kernel.prepare(dtype)) == pytest.approx(kernel.flop / 1e9)


def test_kernels_differ_and_are_large() -> None:
    assert len({kernel.name for kernel in KERNELS}) == len(KERNELS)
    assert min(kernel.flop for kernel in KERNELS) > 1e9


def test_the_best_is_the_highest_median_rate() -> None:
    measured = Peak(["fp32", "int8", "fp32"], SMALL)
    assert list(measured.runs) == [f"fp32 {kernel.name}" for kernel in SMALL]
    # Rates of 1, 2 and 4 GFLOP/s by the median, and a single run at 8.
    rates = ([1, 1, 1], [2, 2, 8], [4, 4, 0.5])
    seconds = {
        name: [kernel.flop / (1e9 * rate) for rate in kernel_rates]
        for name, kernel, kernel_rates in zip(measured.runs, SMALL, rates, strict=True)
    }
    best = measured.best(seconds)
    assert set(best) == {"fp32"}
    assert best["fp32"]["gflop_per_second"] == pytest.approx(4)
    assert best["fp32"]["kernel"] == SMALL[2].name
    assert best["fp32"]["fastest"] == pytest.approx(8)
    assert best["fp32"]["kernels"] == pytest.approx(dict(zip((k.name for k in SMALL), (1, 2, 4), strict=True)))


def test_rates_are_plausible(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "FLOP_OF_A_RUN", 2e7)
    measured = Peak(["fp32"], [Gemm(256, 256, 256)])
    best = measured.best({name: [run(), run()] for name, run in measured.runs.items()})
    assert 0.1 < best["fp32"]["gflop_per_second"] < 1e5
