"""Patterns expand to the files that are meant, and every other file that they find is accounted for."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from encnet.inference.inputs import expand_inputs
from encnet.system.errors import InputError
from encnet.system.files import replacing
from encnet.system.ledger import Ledger


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.png",
        "a.JPG",
        ".hidden.png",
        "notes.txt",
        "sub/c.png",
        "sub/deep/d.webp",
        "[x].png",
        "empty/no.txt",
        "films/x.MP4",
        "films/y.mov",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    return tmp_path


def names(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["b.png"], ["b.png"]),
        (["notes.txt"], ["notes.txt"]),
        (["."], ["[x].png", "a.JPG", "b.png"]),
        (["sub"], ["sub/c.png"]),
        (["films"], ["films/x.MP4", "films/y.mov"]),
        (["*.png"], ["[x].png", "b.png"]),
        (["*"], ["[x].png", "a.JPG", "b.png"]),
        (["**/*.webp"], ["sub/deep/d.webp"]),
        (["sub/**"], ["sub/c.png", "sub/deep/d.webp"]),
        (["[x].png"], ["[x].png"]),
        (["films/y.mov"], ["films/y.mov"]),
        (["films/*.mov"], ["films/y.mov"]),
        (["**/*.MP4"], ["films/x.MP4"]),
        (["b.png", ".", "sub"], ["b.png", "[x].png", "a.JPG", "sub/c.png"]),
    ],
)
def test_patterns_expand_to_images_and_videos(folder: Path, patterns: list[str], expected: list[str]) -> None:
    assert names(expand_inputs([folder / pattern for pattern in patterns]), folder) == expected


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("missing.png", ""),
        ("*.gif", ""),
        ("empty", r"left out: 1 file \(no.txt\): no images or videos"),
        ("*.txt", "no images or videos"),
        ("films", None),
    ],
)
def test_a_pattern_without_images_is_named_with_the_reason(folder: Path, pattern: str, reason: str | None) -> None:
    with pytest.raises(InputError) as caught:
        expand_inputs([folder / "b.png", str(folder / pattern)], videos=reason is not None)
    assert f"{folder / pattern} matches no image" in str(caught.value)
    expected = "videos are not used here; `encnet predict` takes them" if reason is None else reason
    assert re.search(expected, str(caught.value))


def test_the_home_directory_is_expanded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    assert expand_inputs(["~/b.png"]) == [folder / "b.png"]


PICTURE = Image.new("RGB", (8, 8), (0, 99, 0))


def picture(path: Path, format: str = "JPEG") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.save(path, format=format)


READ = ["a.jpg", "a.JPEG", "a.jpe", "a.jfif", "a.png", "a.webp", "a.bmp", "a.tif", "a.tiff", "a.gif", "a.jp2", "a.mp4"]


@pytest.mark.parametrize("name", READ)
def test_files_that_are_read_are_used(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    ledger = Ledger()
    assert names(expand_inputs([tmp_path], ledger), tmp_path) == [name]
    assert ledger.found == 0 and ledger.complete


CASES = [
    *(
        (f"IMG_1{suffix}", f"encnet does not read {suffix.lower()}; convert to JPEG or PNG", True)
        for suffix in (".heic", ".HEIF", ".avif", ".cr2", ".NEF", ".dng", ".psd", ".svg", ".pdf")
    ),
    *(
        (name, "no images or videos", False)
        for name in ("a.json", "notes.txt", "a.xml", "Thumbs.db", "README", "a.csv", "a.npz", "folder.thm")
    ),
    *((name, "hidden files", False) for name in (".DS_Store", "._a.jpg", ".a.jpg")),
]


@pytest.mark.parametrize(("name", "reason", "meant"), CASES)
def test_files_that_are_not_used_are_accounted_for(tmp_path: Path, name: str, reason: str, meant: bool) -> None:
    picture(tmp_path / "photograph.jpg")
    (tmp_path / name).write_bytes(b"something")
    ledger = Ledger()
    assert expand_inputs([tmp_path], ledger) == [tmp_path / "photograph.jpg"]
    assert {each: entry.names for each, entry in ledger.left_out.items()} == {reason: [name]}
    assert ledger.complete is not meant


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "GIF", "WEBP", "BMP"])
@pytest.mark.parametrize("name", ["IMG_0001", "photograph.jpg_", "x.dat"])
def test_a_picture_with_another_suffix_is_recognised(tmp_path: Path, name: str, format: str) -> None:
    picture(tmp_path / "a.jpg")
    picture(tmp_path / name, format)
    ledger = Ledger()
    expand_inputs([tmp_path], ledger)
    (reason,) = ledger.left_out
    assert ledger.left_out[reason].names == [name] and not ledger.complete
    assert "give the files themselves" in reason
    assert names(expand_inputs([tmp_path, tmp_path / name], followed := Ledger()), tmp_path) == ["a.jpg", name]
    assert followed.complete and followed.found == 0


@pytest.mark.parametrize("pattern", ["photos", "photos/*", "*"])
def test_pictures_in_sub_folders_are_named_with_the_pattern_that_finds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "photos/a.jpg", "photos/day1/b.png", "photos/day1/deep/c.webp", "photos/day1/.thumbs/t.png"):
        picture(tmp_path / name)
    for name in ("photos/day1/d.heic", "photos/day1/notes.txt", "photos/.cache.jpg"):
        (tmp_path / name).touch()
    ledger = Ledger()
    used = expand_inputs([pattern], ledger)
    (reason,) = (reason for reason in ledger.left_out if "sub-folders" in reason)
    found = ledger.left_out[reason].names
    assert {Path(name).name for name in found} >= {"b.png", "c.webp", "d.heic"}
    assert not {Path(name).name for name in found} & {"t.png", "notes.txt", ".cache.jpg"}
    (advice,) = re.findall('give "(.*)"', reason)
    followed = Ledger()
    more = expand_inputs([pattern, advice], followed)
    assert set(more) > set(used)
    assert {path.name for path in more} == {"a.jpg", "b.png", "c.webp"}
    assert [entry.names for reason, entry in followed.left_out.items() if "sub-folders" in reason] == []


def test_pictures_behind_a_link_in_a_sub_folder_are_named(tmp_path: Path) -> None:
    for name in ("photos/a.jpg", "photos/day1/b.jpg", "far/z.jpg"):
        picture(tmp_path / name)
    (tmp_path / "photos/day1/link").symlink_to(tmp_path / "far")
    (tmp_path / "photos/day1/circle").symlink_to(tmp_path / "photos")
    ledger = Ledger()
    assert expand_inputs([tmp_path / "photos"], ledger) == [tmp_path / "photos/a.jpg"]
    assert [entry.names for entry in ledger.left_out.values()] == [["day1/b.jpg", "day1/link/z.jpg"]]
    assert not ledger.complete


def test_a_file_by_several_names_is_used_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("photos/a.jpg", "photos/.b.jpg"):
        picture(tmp_path / name)
    (tmp_path / "link").symlink_to("photos")
    (tmp_path / "photos/c.jpg").symlink_to("a.jpg")  # has results of its own
    monkeypatch.chdir(tmp_path)
    ledger = Ledger()
    names = ["photos", "photos/../photos/a.jpg", "link", str(tmp_path / "photos/a.jpg"), "link/.b.jpg"]
    assert expand_inputs(names, ledger) == [Path("photos/a.jpg"), Path("photos/c.jpg"), Path("link/.b.jpg")]
    assert ledger.found == 0


def test_what_another_pattern_gives_is_not_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "day1/b.jpg"):
        picture(tmp_path / name)
    for patterns in ([tmp_path, tmp_path / "day1"], [tmp_path / "day1/b.jpg", tmp_path]):
        ledger = Ledger()
        assert Counter(path.name for path in expand_inputs(patterns, ledger)) == {"a.jpg": 1, "b.jpg": 1}
        assert ledger.found == 0


def test_results_of_encnet_are_no_inputs_unless_they_are_named(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    for name in ("a_overlay.png", "out/a.png"):
        with replacing(tmp_path / name) as temporary:
            PICTURE.save(temporary)
    for pattern in (tmp_path, tmp_path / "*", tmp_path / "**"):
        ledger = Ledger()
        assert expand_inputs([pattern], ledger) == [tmp_path / "a.jpg"]
        assert ledger.complete
    assert expand_inputs([tmp_path / "a_overlay.png"]) == [tmp_path / "a_overlay.png"]
    with pytest.raises(InputError, match="results of encnet, which are inputs only if they are named"):
        expand_inputs([tmp_path / "out"])
    PICTURE.rotate(90).save(tmp_path / "a_overlay.png", compress_level=0)  # now it is the user's
    assert tmp_path / "a_overlay.png" in expand_inputs([tmp_path])


def test_a_broken_link_is_used_so_that_its_error_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").symlink_to("nowhere.jpg")
    assert expand_inputs([tmp_path]) == [tmp_path / "a.jpg"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="may read every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InputError, match="cannot read the folder"):
        expand_inputs([tmp_path / "closed"])
