"""`python -m benchmarks soak`: what it compares, and a short run of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.soak import benchmark_soak
from benchmarks.watching import compared
from encnet.system.errors import InputError


def test_the_second_tenth_is_compared_with_the_last() -> None:
    samples = [0.0] * 10 + [100.0] * 10 + [500.0] * 70 + [103.0] * 10
    assert compared(samples) == {"before": 100.0, "after": 103.0}
    assert compared([*samples[:-1], None]) == {"before": 100.0, "after": None}


def test_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="hours is 0"):
        benchmark_soak(tmp_path / "page.md", hours=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_training_prediction_and_page_work_at_the_same_time(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="the page needs FastAPI: pip install 'encnet[app]'")
    report = json.loads(benchmark_soak(tmp_path / "page.md", hours=90 / 3600, interval=1).read_text())
    for name, part in report["parts"].items():
        assert part["done"] > 0, name
        assert part["failed"] == 0, name
        assert part["ended"], part["last"]
        assert len(report["megabytes"][name]) == 90
