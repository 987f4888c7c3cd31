"""Time, memory and arithmetic are those of the work that is done."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial

import pytest
import torch

from encnet.benchmark.measure import gigaflop, interleaved, machine, median_seconds, memory_of_run, timed


def test_runs_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def run(name: str, seconds: float) -> Callable[[], float]:
        def noted() -> float:
            order.append(name)
            return seconds * len(order)

        return noted

    seconds = interleaved({"a": run("a", 1), "b": run("b", 10)}, repeats=2)
    assert order == ["a", "b", "a", "b", "a", "b"]
    assert seconds == {"a": [3, 5], "b": [40, 60]}


def test_seconds_are_those_of_the_clock() -> None:
    assert 0.05 <= timed(lambda: time.sleep(0.05))() < 5
    medians = median_seconds({"short": lambda: None, "long": lambda: time.sleep(0.02)}, repeats=3)
    assert medians["short"] < 0.02 <= medians["long"]


@pytest.mark.skipif(platform.system() != "Linux", reason="other systems cannot forget a peak")
def test_memory_is_what_a_run_adds_to_what_was_there() -> None:
    # partial(torch.ones, n) is made ready, which is nothing; the run then fills n floats.
    memory = memory_of_run(partial, (torch.ones, 10_000_000), small=(torch.ones, 10))
    assert memory.added == pytest.approx(40, rel=0.2)
    assert memory.peak > memory.added


def test_arithmetic_of_a_convolution_and_a_product() -> None:
    conv = torch.nn.Conv2d(6, 8, kernel_size=3, padding=1, groups=2, bias=False)
    by_hand = 2 * (2 * 8 * 10 * 12) * (3 * 3 * 6 // 2)  # a product and an addition for each output and weight
    assert gigaflop(lambda: conv(torch.randn(2, 6, 10, 12))) == pytest.approx(by_hand / 1e9)
    assert gigaflop(lambda: torch.randn(3, 4) @ torch.randn(4, 5)) == pytest.approx(2 * 3 * 4 * 5 / 1e9)


def test_the_machine_is_described_without_its_name() -> None:
    described = machine()
    assert described["threads"] == torch.get_num_threads()
    assert described["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert described["processor"]
    assert described["cores"] >= 1
    assert platform.node() not in described.values()
