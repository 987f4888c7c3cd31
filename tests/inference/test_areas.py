"""The table of areas."""

from __future__ import annotations

import csv
from pathlib import Path

from encnet.inference.areas import write_areas


def test_a_name_is_no_formula_of_a_spreadsheet(tmp_path: Path) -> None:
    prediction = {
        "file": "-1.png",
        "presence": None,
        "pixels": {"=1+1": 6, "sky": 2},
        "shares": {"=1+1": 0.75, "sky": 0.25},
    }
    with write_areas(tmp_path, [prediction]).open(encoding="utf-8", newline="") as lines:
        rows = [(row["file"], row["class"], row["pixels"]) for row in csv.DictReader(lines)]
    assert rows == [("'-1.png", "'=1+1", "6"), ("'-1.png", "sky", "2")]
