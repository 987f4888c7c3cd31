"""The share of waiting is compared with a simulation; the benchmark writes what it measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.data import benchmark_data, waiting
from encnet.system.errors import InputError


def simulated(read: float, compute: float, overlap: bool, batches: int = 2000) -> float:
    """The simulated share of time that training waits; a batch takes these seconds, and two may lie ready."""
    ready, free, waited = [0.0], [0.0], 0.0  # when each batch was read, and its training done
    for number in range(1, batches + 1):
        begin = free[-1]
        if overlap:  # the reader goes on as soon as one of two places is free
            begin = max(ready[-1], free[max(0, number - 3)])
        ready.append(begin + read)
        waited += max(0.0, ready[-1] - free[-1])
        free.append(max(ready[-1], free[-1]) + compute)
    return waited / free[-1]


@given(read=st.floats(0.01, 10), compute=st.floats(0.01, 10), overlap=st.booleans())
def test_the_share_of_waiting_is_that_of_a_simulated_run(read: float, compute: float, overlap: bool) -> None:
    first = read / (2000 * max(read, compute))  # nothing can be computed before the first batch
    assert waiting(1 / read, 1 / compute, overlap) == pytest.approx(simulated(read, compute, overlap), abs=2 * first)


def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = benchmark_data(tmp_path, crop=(64, 96), workers=(0, 1), variant="encnet_tiny", batch=2, images=4, repeats=1)
    record = json.loads(path.read_text())
    results = record["results"]
    assert record["sizes"] == {"batch": 2, "images": 4, "repeats": 1, "crop": [64, 96], "dataset": "scenes"}
    assert list(results["milliseconds"]) == [
        "decode image", "decode label map", "scale and crop", "rotate", "mirror", "change colours",
        "to floats, normalise",
    ]  # fmt: skip
    assert min(results["milliseconds"].values()) > 0
    training = results["training"]["images_per_second"]
    assert training > 0
    assert list(results["loader"]) == ["0", "1"]
    for name, result in results["loader"].items():
        assert result["waiting_for_data"] == pytest.approx(waiting(result["images_per_second"], training, name != "0"))
    # Two measurements of one thing, on a machine that may be busy in between: the same order of magnitude.
    alone = 1000 / sum(results["milliseconds"].values())
    assert 0.1 * alone < results["loader"]["0"]["images_per_second"] < 10 * alone
    out = capsys.readouterr().out
    assert "scale and crop" in out
    assert "training would wait" in out


def test_wrong_arguments_are_refused_before_anything_is_measured(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="images is 0"):
        benchmark_data(tmp_path, images=0)
    with pytest.raises(InputError, match="workers is empty"):
        benchmark_data(tmp_path, workers=())
    with pytest.raises(InputError, match=r"data\.workers is -1"):
        benchmark_data(tmp_path, workers=(-1,))
    with pytest.raises(InputError, match="no variant 'unet'"):
        benchmark_data(tmp_path, variant="unet")
    assert not list(tmp_path.iterdir())
