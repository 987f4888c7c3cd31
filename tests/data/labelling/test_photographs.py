"""Photographs are found by the names that tools on other systems gave them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from labelled_exports import (
    LAWN,
    coco,
    coco_box,
    cvat,
    cvat_box,
    drawn,
    label_names,
    labelme,
    labelme_box,
    labelme_folder,
    left_out,
    photograph,
)

from encnet.data.labelling import import_labels
from encnet.data.labelling.annotations import relative_name
from encnet.data.labelling.photographs import PhotographError, Photographs, is_hidden
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    ("files", "name", "found"),
    [
        (["a.jpg"], "a.jpg", "a.jpg"),
        (["deep/a.jpg"], "a.jpg", "deep/a.jpg"),
        (["x/a.jpg", "y/a.jpg"], "y/a.jpg", "y/a.jpg"),
        (["train/x/a.jpg", "train/y/a.jpg"], "x/a.jpg", "train/x/a.jpg"),
        (["a.jpg"], "C:\\Users\\me\\a.jpg", "a.jpg"),
        (["a.JPG"], "a.jpg", "a.JPG"),
        (["A.jpg", "x/a.jpg"], "y/a.jpg", "x/a.jpg"),
        ([unicodedata.normalize("NFD", "Bär.jpg")], unicodedata.normalize("NFC", "Bär.jpg"), None),
        (["frame_01.png"], "frame_01", "frame_01.png"),
        (["a.heic", "a.jpg"], "a.heic", "a.jpg"),
        (["a.png"], "x/a.heic", "a.png"),
        ([".trash/a.jpg", "x/a.jpg"], "a.jpg", "x/a.jpg"),
        (["a.jfif"], "a.jfif", "a.jfif"),
        (["cam1/a.jpg", "cam2/a.jpg"], "C:\\data\\cam2\\a.jpg", "cam2/a.jpg"),
        (["photos/a.jpg", "b.jpg"], "../images/a.jpg", "photos/a.jpg"),
        (["x/images/a.jpg", "x/masks/b.jpg"], "y/images/a.jpg", "x/images/a.jpg"),
    ],
)
def test_a_photograph_is_found(tmp_path: Path, files: list[str], name: str, found: str | None) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    path = Photographs(tmp_path).find(relative_name(name), tmp_path / "labels.json")
    assert path == tmp_path / (found or files[0])


@pytest.mark.parametrize(
    ("files", "name", "message", "reason"),
    [
        ([], "a.jpg", r"labels\.json names the image a\.jpg, which is not in", "the photograph is missing"),
        (["a.png"], "a.jpg", "which is not in", "the photograph is missing"),
        ([], "", "which is not in", "the photograph is missing"),
        (["x/a.jpg", "y/a.jpg"], "a.jpg", r"can be .*x/a\.jpg or .*y/a\.jpg", "several photographs have the name"),
        (["a.heic"], "a.heic", r"picture a\.heic; pictures of this kind are not read", "pictures of this kind"),
        (["a.jpg", "a.png"], "a.heic", r"can be .*a\.jpg or .*a\.png", "several photographs have the name"),
        (["cam1/b.jpg", "cam2/a.jpg"], "cam1/a.jpg", "which is not in", "the photograph is missing"),
        (["Cam1/b.jpg", "cam2/a.jpg"], "/old/cam1/a.jpg", "which is not in", "the photograph is missing"),
        (["x/images/a.jpg", "y/images/b.jpg"], "y/images/a.jpg", "which is not in", "the photograph is missing"),
        (["x/a.jpg", "y/a.jpg", "z/b.jpg"], "w/a.jpg", r"can be .*x/a\.jpg or .*y/a\.jpg", "several photographs"),
    ],
)
def test_a_photograph_that_is_not_one_is_an_error_and_a_reason(
    tmp_path: Path, files: list[str], name: str, message: str, reason: str
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    with pytest.raises(PhotographError, match=message) as error:
        Photographs(tmp_path).find(name, tmp_path / "labels.json")
    assert error.value.reason.startswith(reason)


@pytest.mark.parametrize(
    ("files", "names", "found"),
    [
        (["cam2/a.jpg"], ["cam1/a.jpg", "cam2/a.jpg"], [None, "cam2/a.jpg"]),
        (["deep/cam2/a.jpg", "b.jpg"], ["cam1/a.jpg", "cam2/a.jpg", "C:/b.jpg"], [None, "deep/cam2/a.jpg", "b.jpg"]),
        (["a.jpg"], ["cam1/a.jpg", "cam2/a.jpg"], [None, None]),
        (["images/a.jpg"], ["a.jpg", "images/a.jpg"], ["images/a.jpg", "images/a.jpg"]),
    ],
)
def test_two_names_with_different_folders_are_not_one_photograph(
    tmp_path: Path, files: list[str], names: list[str], found: list[str | None]
) -> None:
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    paths = Photographs(tmp_path).find_all(names, tmp_path / "labels.json")
    errors = [isinstance(path, PhotographError) for path in paths.values()]
    assert errors == [name is None for name in found]
    assert [path for path in paths.values() if isinstance(path, Path)] == [tmp_path / name for name in found if name]


def test_names_that_all_can_be_one_photograph_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    found = Photographs(tmp_path).find_all(["cam1/a.jpg", "cam2/a.jpg"], Path("labels.json"))
    errors = [error for error in found.values() if isinstance(error, PhotographError)]
    message = f"labels.json names the images cam1/a.jpg and cam2/a.jpg, and both can be {tmp_path / 'a.jpg'}; put each"
    assert [str(error).startswith(message) for error in errors] == [True, True]


@pytest.mark.parametrize(
    ("path", "hidden"), [("a.jpg", False), (".a.jpg", True), (".git/a.jpg", True), ("__MACOSX/a.jpg", True)]
)
def test_hidden_files_and_those_of_archives_are_known(path: str, hidden: bool) -> None:
    assert is_hidden(Path(path)) is hidden


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return labelme_folder(tmp_path / "in")


def of_another_kind(folder: Path) -> None:
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)], imagePath="new.heic")
    (folder / "new.heic").write_bytes(b"ftypheic")


def without_photograph(folder: Path) -> None:
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)])


def convert(folder: Path) -> None:
    photograph(folder / "new.png")


def restore(folder: Path) -> None:
    photograph(folder / "elsewhere/new.png")


@pytest.mark.parametrize(("add", "repair"), [(of_another_kind, convert), (without_photograph, restore)])
def test_the_way_out_that_the_ledger_names_works(
    folder: Path, tmp_path: Path, add: Callable[[Path], None], repair: Callable[[Path], None]
) -> None:
    add(folder)
    repair(folder)
    imported = import_labels(folder, tmp_path / "data")
    assert imported.ledger.complete
    assert np.array_equal(label_names(tmp_path / "data")["new"], drawn(("lawn", LAWN)))


def test_a_photograph_beside_another_annotation_file_is_not_taken(tmp_path: Path) -> None:
    for name in ("day1/p", "day2/q"):
        photograph(tmp_path / f"in/{name}.png")
    for name in ("p", "q"):
        labelme(tmp_path / f"in/day1/{name}.json", [labelme_box("lawn", LAWN)])
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert left_out(imported.ledger)["day1/q.json"] == "the photograph is missing; copy it into the folder"
    assert set(label_names(tmp_path / "data")) == {"p"}


def test_photographs_may_be_in_folders_like_those_of_the_annotation_files(tmp_path: Path) -> None:
    for day in ("day1", "day2"):
        photograph(tmp_path / f"in/photos/{day}/p.png")
        (tmp_path / f"in/jsons/{day}").mkdir(parents=True)
        labelme(tmp_path / f"in/jsons/{day}/p.json", [labelme_box("lawn", LAWN)])
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert imported.ledger.complete
    assert len(label_names(tmp_path / "data")) == 2


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".JPG"])
def test_other_suffixes_of_jpeg_files_are_read(folder: Path, tmp_path: Path, suffix: str) -> None:
    photograph(folder / "new.jpg").rename(folder / f"new{suffix}")
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)], imagePath=f"new{suffix}")
    assert import_labels(folder, tmp_path / "data").ledger.complete
    assert np.array_equal(label_names(tmp_path / "data")["new"], drawn(("lawn", LAWN)))


@pytest.mark.parametrize("tool", ["coco", "cvat"])
def test_one_missing_photograph_of_many_is_left_out_and_all_are_an_error(tmp_path: Path, tool: str) -> None:
    pytest.importorskip("pycocotools")
    (tmp_path / "in").mkdir()
    if tool == "coco":
        coco(tmp_path / "in/labels.json", {name: [("lawn", coco_box(LAWN))] for name in ("one.png", "two.png")})
    else:
        cvat(tmp_path / "in/labels.xml", {name: cvat_box("lawn", LAWN) for name in ("one.png", "two.png")})
    with pytest.raises(InputError, match=r"names the image one\.png, which is not in"):
        import_labels(tmp_path / "in", tmp_path / "data")
    photograph(tmp_path / "in/two.png")
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert left_out(imported.ledger) == {"one.png": "the photograph is missing; copy it into the folder"}
    assert not imported.ledger.complete
    assert set(label_names(tmp_path / "data")) == {"two"}


@pytest.mark.parametrize(
    ("files", "stem", "found"),
    [
        (["a.jpg", "b.jpg"], "a", "a.jpg"),
        (["deep/er/a.PNG"], "a", "deep/er/a.PNG"),
        (["img.v1.jpg", "img.v2.jpg"], "img.v2", "img.v2.jpg"),
        (["one/a.jpg", "two/a.jpg"], "two/a", "two/a.jpg"),
        (["a.jpg", "two/a.jpg"], "a", "a.jpg"),
        (["a.txt", "x/a.webp"], "other/a", "x/a.webp"),
        (["a.txt"], "a", "which is not in"),
        (["one/a.jpg", "two/a.jpg"], "a", "which can be"),
        (["a.jpg", "a.png"], "a", "which can be"),
        (["one/a.jpg", "two/b.jpg"], "two/a", "which is not in"),
    ],
)
def test_a_stem_finds_a_photograph_of_any_suffix(tmp_path: Path, files: list[str], stem: str, found: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    if found not in files:
        with pytest.raises(PhotographError, match=found):
            Photographs(tmp_path).find_stem(stem, Path("labels.txt"))
    else:
        assert Photographs(tmp_path).find_stem(stem, Path("labels.txt")) == tmp_path / found
