"""Reliability of `encnet app`, with fewer requests."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the page needs FastAPI: pip install 'encnet[app]'")

from benchmarks.reliability_requests import run


@pytest.mark.slow
def test_every_request_is_answered_as_it_should_be(tmp_path: Path) -> None:
    counts = run(tmp_path, requests=200)
    assert counts["hostile_tried"] >= 200
    for part in ("load", "hostile", "beside", "drain"):
        assert counts[f"{part}_passed"] == counts[f"{part}_tried"] > 0, part
    assert counts["drain_ended"]
    assert counts["beside_slowest_seconds"] < 5
    assert counts["load_bytes_after"] <= 1.03 * counts["load_bytes_before"]
