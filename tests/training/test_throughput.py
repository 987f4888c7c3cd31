"""Measured speed, waiting time and memory, compared with other sources of the same figures."""

from __future__ import annotations

import csv
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from encnet.data.tensors import SegmentationDataset
from encnet.training.config import TrainConfig
from encnet.training.run import train
from encnet.training.throughput import Pace, peak_megabytes


@given(st.lists(st.tuples(st.integers(1, 9), st.floats(0.01, 9), st.floats(0, 1)), min_size=1, max_size=9))
def test_the_sum_of_paces_is_the_pace_of_all_steps(steps: list[tuple[int, float, float]]) -> None:
    pace = sum((Pace(images, seconds, share * seconds) for images, seconds, share in steps), Pace())
    seconds = np.array([step[1] for step in steps])
    assert pace.images_per_second == pytest.approx(sum(step[0] for step in steps) / seconds.sum())
    assert pace.share_waiting == pytest.approx(np.average([step[2] for step in steps], weights=seconds))


def test_a_pace_is_shown_in_words() -> None:
    assert str(Pace(12, 4.0, 0.12)) == "3.0 images/s, waiting for data 3 %"
    assert str(Pace()) == "- images/s, waiting for data - %"


def logged(folder: Path) -> list[dict[str, float]]:
    """The figures of each epoch in the CSV log of a run."""
    with (folder / "csv/version_0/metrics.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["speed/images_per_second"]]
    names = ("speed/images_per_second", "speed/waiting_for_data", "memory/peak_megabytes")
    return [{name: float(row[name]) for name in names} for row in rows]


def test_slow_reading_is_logged_as_waiting(
    squares: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = SegmentationDataset.__getitem__

    def slowly(self: SegmentationDataset, key: Any) -> Any:
        time.sleep(0.1)
        return read(self, key)

    settings.epochs = 2  # of 3 batches of 3 images
    train(squares, settings, tmp_path / "quick", quiet=True)
    monkeypatch.setattr(SegmentationDataset, "__getitem__", slowly)
    started = time.perf_counter()
    train(squares, settings, tmp_path / "slow", quiet=True)
    seconds = time.perf_counter() - started
    quick, slow = logged(tmp_path / "quick"), logged(tmp_path / "slow")
    assert len(quick) == len(slow) == 2
    taken = [9 / figures["speed/images_per_second"] for figures in slow]  # seconds of the 9 images of an epoch
    assert sum(taken) < seconds
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 0.001024
    for before, after, epoch in zip(quick, slow, taken, strict=True):
        assert 0 < before["speed/waiting_for_data"] < after["speed/waiting_for_data"] < 1
        assert after["speed/waiting_for_data"] * epoch > 0.9
        assert 50 < after["memory/peak_megabytes"] < 1.01 * most


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_peak_memory_lies_between_held_memory_and_the_peak_of_the_system() -> None:
    pages = np.ones(100_000_000, np.uint8)
    held = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    assert held > pages.nbytes / 1e6
    peak = peak_megabytes(torch.device("cpu"))
    del pages
    # The system counts pages of each thread by batches: a few may be missing in either.
    assert held - 5 <= peak <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 0.001024 + 5
    assert peak_megabytes(torch.device("cpu")) >= peak


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_peak_memory_on_a_gpu_counts_tensors() -> None:
    device = torch.device("cuda")
    before = torch.cuda.memory_allocated(device)
    torch.ones(10_000_000, device=device)
    assert peak_megabytes(device) >= before / 1e6 + 40
