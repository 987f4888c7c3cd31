"""Medians and arithmetic are those of the work that is done."""

from __future__ import annotations

import time

import pytest
import torch

from benchmarks.measure import gigaflop, machine, median_seconds


def test_medians_are_those_of_the_clock() -> None:
    medians = median_seconds({"short": lambda: None, "long": lambda: time.sleep(0.02)}, repeats=3)
    assert medians["short"] < 0.02 <= medians["long"]


def test_arithmetic_of_a_convolution_and_a_product() -> None:
    conv = torch.nn.Conv2d(6, 8, kernel_size=3, padding=1, groups=2, bias=False)
    by_hand = 2 * (2 * 8 * 10 * 12) * (3 * 3 * 6 // 2)  # a product and an addition for each output and weight
    assert gigaflop(lambda: conv(torch.randn(2, 6, 10, 12))) == pytest.approx(by_hand / 1e9)
    assert gigaflop(lambda: torch.randn(3, 4) @ torch.randn(4, 5)) == pytest.approx(2 * 3 * 4 * 5 / 1e9)


def test_the_version_of_the_rival_library_is_recorded() -> None:
    assert "segmentation-models-pytorch" in machine()
