"""The growth benchmark: rows by pixels and classes, their spreads, and the memory of a large image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.document import page_of
from benchmarks.growth import benchmark_growth
from encnet.system.errors import InputError


@pytest.mark.slow
def test_benchmark_writes_what_it_measured(tmp_path: Path) -> None:
    path = benchmark_growth(
        tmp_path, "encnet_tiny", 3, [(64, 64), (96, 128)], [3, 300], (64, 96), large=(400, 600), repeats=1
    )
    report = json.loads(path.read_text())
    rows = report["pixels"]["rows"]
    assert [row["pixels"] for row in rows] == [64 * 64, 96 * 128]
    per_pixel = [row["median_seconds"] / row["pixels"] for row in rows]
    assert report["pixels"]["spread"] == pytest.approx(max(per_pixel) / min(per_pixel))
    rows = report["classes"]["rows"]
    assert [row["classes"] for row in rows] == [3, 300]
    for row in rows:
        rest = row["median_seconds"] - row["classifier_seconds"]
        assert row["without_classifier_seconds"] == pytest.approx(rest)
        assert min(row["classifier_seconds"], row["median_seconds"]) > 0
    large = report["large"]
    assert (large["height"], large["width"]) == (400, 600)
    # The stem's features alone: 32 channels at half the size, in float32.
    assert large["added_megabytes"] > 200 * 300 * 32 * 4 / 1e6
    assert large["peak_megabytes"] > large["added_megabytes"]
    assert path.with_suffix(".png").is_file()
    assert "## Growth with pixels and classes" in page_of(tmp_path, "performance")


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="applies its classifier block by block"):
        benchmark_growth(tmp_path, "encnet_resnet50_fullres", 3, [(64, 64)], [3], (64, 64))
    with pytest.raises(InputError, match="nothing to compare"):
        benchmark_growth(tmp_path, sizes=[])
    with pytest.raises(InputError, match="width is 2"):
        benchmark_growth(tmp_path, large=(4000, 2))
    assert not list(tmp_path.iterdir())
