"""Files below a folder are found through links, and each of them once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labelled_exports import LAWN, drawn, label_names, labelme, labelme_box, photograph

from encnet.data.labelling import import_labels
from encnet.data.labelling.walking import files_below


def write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ({}, ["a.png", "day1/b.png"]),
        ({"day2": "../disk"}, ["a.png", "day1/b.png", "day2/c.png", "day2/deep/d.png"]),
        ({"day2": "../disk/deep", "e.png": "../disk/c.png"}, ["a.png", "day1/b.png", "day2/d.png", "e.png"]),
        ({"again": "day1", "up": "..", "self": ".", "gone": "nowhere"}, ["a.png", "day1/b.png"]),
        ({"day2": "../disk/deep", "day2/back": "../../in", "day2/self": "."}, ["a.png", "day1/b.png", "day2/d.png"]),
        ({"day2": "../disk/deep", "day3": "../disk/deep"}, ["a.png", "day1/b.png", "day2/d.png"]),
        ({"day1/day2": "../../disk/deep"}, ["a.png", "day1/b.png", "day1/day2/d.png"]),
    ],
)
def test_files_are_found_through_links(tmp_path: Path, links: dict[str, str], found: list[str]) -> None:
    write(tmp_path, "in/a.png", "in/day1/b.png", "disk/c.png", "disk/deep/d.png")
    for name, target in links.items():
        (tmp_path / "in" / name).symlink_to(target)
    assert sorted(files_below(tmp_path / "in")) == [tmp_path / "in" / name for name in found]


def test_there_are_no_files_below_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert list(files_below(tmp_path / "nowhere")) == []


def test_a_folder_that_is_a_link_is_imported(tmp_path: Path) -> None:
    for name in ("in/day1/one", "disk/day2/two"):
        photograph(tmp_path / f"{name}.png")
        labelme(tmp_path / f"{name}.json", [labelme_box("lawn", LAWN)])
    (tmp_path / "in/day2").symlink_to(tmp_path / "disk/day2")
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert imported.ledger.complete
    names = label_names(tmp_path / "data")
    assert set(names) == {"one", "two"}
    assert np.array_equal(names["two"], drawn(("lawn", LAWN)))
