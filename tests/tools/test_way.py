"""Few files see a photograph or a sample on its way, and none sees it again and again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.way import WAYS


@pytest.mark.parametrize(
    ("name", "first", "files", "most"),
    [("predict", "inference/predictor.py", 22, 3), ("train", "data/tensors.py", 26, 4)],
)
def test_the_way_is_short(name: str, first: str, files: int, most: int, tmp_path: Path) -> None:
    visits = WAYS[name](tmp_path).visits()
    assert next(iter(visits)) == first
    assert "model/network.py" in visits and "model/encoding.py" in visits
    assert len(visits) <= files
    assert max(visits.values()) <= most
