"""The benchmark of checks: what it writes, and the data set that it measures on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.check import benchmark_check, write_photographs
from benchmarks.document import page_of
from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.system.errors import InputError


@pytest.mark.slow
def test_benchmark_writes_what_it_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = benchmark_check(tmp_path, photographs=12, size=(120, 160), counts=[6])
    record = json.loads(path.read_text())
    assert (record["sizes"]["photographs"], record["sizes"]["size"]) == (12, [120, 160])
    seconds = record["results"]["seconds_per_thousand"]
    assert list(seconds) == ["decoding alone", "check", "check again", "page"]
    assert min(seconds.values()) > 0
    assert record["results"]["times_of_decoding"] == pytest.approx(seconds["check"] / seconds["decoding alone"])
    assert list(record["results"]["peak_megabytes"]) == ["6"]
    assert record["results"]["peak_megabytes"]["6"] > 20  # the interpreter alone
    assert "peak memory with 6" in capsys.readouterr().out
    page = page_of(tmp_path, "performance")
    assert "## Checking a data set" in page
    assert f"| check | {seconds['check']:.1f} s |" in page


def test_the_data_set_is_sound_and_its_files_differ(tmp_path: Path) -> None:
    index = read_dataset(write_photographs(tmp_path / "data", 20, (90, 120)))
    assert {split: len(samples) for split, samples in index.splits.items()} == {"train": 16, "val": 4}
    report = check_dataset(index, tmp_path / "cache")
    assert report.problems == ()
    assert {finding.size for finding in report.findings.images.values()} == {(120, 90)}
    assert len({finding.digest for finding in report.findings.images.values()}) == 8
    assert len(report.findings.images) == 20, "each name is read"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"photographs": 0}, "photographs is 0"),
        ({"size": (8, 90)}, "height is 8"),
        ({"counts": ()}, "counts is empty"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_measured(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        benchmark_check(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())
