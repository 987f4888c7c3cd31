"""Time and memory are those of the work that is done."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from functools import partial

import pytest
import torch

from encnet.benchmark.measure import interleaved, memory_of_run, timed


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


@pytest.mark.skipif(platform.system() != "Linux", reason="other systems cannot forget a peak")
def test_memory_is_what_a_run_adds_to_what_was_there() -> None:
    # partial(torch.ones, n) is made ready, which is nothing; the run then fills n floats.
    memory = memory_of_run(partial, (torch.ones, 10_000_000), small=(torch.ones, 10))
    assert memory.added == pytest.approx(40, rel=0.2)
    assert memory.peak > memory.added
