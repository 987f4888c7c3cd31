"""A walk finds each folder once, also behind links, and ends where links lead in a circle."""

from __future__ import annotations

from pathlib import Path

import pytest

from encnet.system.folders import files_below, walk


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(root: Path, without: Path | None = None) -> list[str]:
    """The files that a walk finds, in its order."""
    return [(path / name).relative_to(root).as_posix() for path, names in walk(root, without) for name in names]


def test_folders_come_before_their_inner_ones_sorted_and_without_hidden_files(tmp_path: Path) -> None:
    write(tmp_path, "b/2.jpg", "b/1.jpg", "b/inner/0.jpg", "a/3.jpg", "z.jpg", ".hidden/4.jpg", "a/.5.jpg", "a.x/6.jpg")
    assert found(tmp_path) == ["z.jpg", "a/3.jpg", "a.x/6.jpg", "b/1.jpg", "b/2.jpg", "b/inner/0.jpg"]


@pytest.mark.parametrize("store", ["far", "data/.store"])
def test_a_link_to_a_folder_elsewhere_or_in_a_hidden_one_is_followed(tmp_path: Path, store: str) -> None:
    write(tmp_path, f"{store}/inner/z.jpg", "data/a.jpg")
    (tmp_path / "data/link").symlink_to(tmp_path / store)
    (tmp_path / "again").symlink_to(tmp_path / "data")
    for root in (tmp_path / "data", tmp_path / "again"):
        assert found(root) == ["a.jpg", "link/inner/z.jpg"]


def test_a_link_to_a_folder_that_is_walked_anyway_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, "data/run1/a.jpg", "far/b.jpg")
    (tmp_path / "data/current").symlink_to("run1")  # comes before run1
    (tmp_path / "data/one").symlink_to(tmp_path / "far")
    (tmp_path / "data/two").symlink_to(tmp_path / "far")
    assert found(tmp_path / "data") == ["one/b.jpg", "run1/a.jpg"]


@pytest.mark.parametrize("target", [".", "..", "inner", "/"])
def test_a_circle_of_links_ends(tmp_path: Path, target: str) -> None:
    write(tmp_path, "data/inner/a.jpg", "beside.jpg")
    (tmp_path / "data/inner/circle").symlink_to(tmp_path / "data" / target)
    assert found(tmp_path / "data") == ["inner/a.jpg"]


def test_links_of_two_folders_to_each_other_end(tmp_path: Path) -> None:
    write(tmp_path, "data/here.jpg", "one/1.jpg", "two/2.jpg")
    (tmp_path / "one/other").symlink_to(tmp_path / "two")
    (tmp_path / "two/other").symlink_to(tmp_path / "one")
    (tmp_path / "data/link").symlink_to(tmp_path / "one")
    assert found(tmp_path / "data") == ["here.jpg", "link/1.jpg", "link/other/2.jpg"]


def test_a_folder_can_be_left_out_but_not_the_first(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "labels/day/b.png")
    (tmp_path / "link").symlink_to("labels")
    assert found(tmp_path, without=tmp_path / "labels") == ["a.jpg"]
    assert found(tmp_path, without=tmp_path) == ["a.jpg", "labels/day/b.png"]


def test_a_folder_that_cannot_be_listed_is_reported(tmp_path: Path) -> None:
    errors: list[OSError] = []
    assert walk(tmp_path / "missing", on_error=errors.append) == walk(tmp_path / "missing") == []
    assert [Path(error.filename) for error in errors] == [tmp_path / "missing"]


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
def test_files_below_a_folder_are_found_through_links(tmp_path: Path, links: dict[str, str], found: list[str]) -> None:
    write(tmp_path, "in/a.png", "in/day1/b.png", "disk/c.png", "disk/deep/d.png")
    for name, target in links.items():
        (tmp_path / "in" / name).symlink_to(target)
    assert sorted(files_below(tmp_path / "in")) == [tmp_path / "in" / name for name in found]


def test_there_are_no_files_below_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert list(files_below(tmp_path / "nowhere")) == []


def test_hidden_files_are_below_a_folder_too(tmp_path: Path) -> None:
    write(tmp_path, ".a/b.png", ".c.png", "d.png")
    assert files_below(tmp_path) == [tmp_path / name for name in (".c.png", "d.png", ".a/b.png")]
    assert [folder.names for folder in walk(tmp_path)] == [["d.png"]]
