"""Photographs are found by the names that tools on other systems gave them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from encnet.data.labelling.annotations import relative_name
from encnet.data.labelling.photographs import PhotographError, Photographs, is_hidden


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
        (["a.png"], "x/a.gif", "a.png"),
        ([".trash/a.jpg", "x/a.jpg"], "a.jpg", "x/a.jpg"),
        (["a.jfif"], "a.jfif", "a.jfif"),
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
    ("path", "hidden"), [("a.jpg", False), (".a.jpg", True), (".git/a.jpg", True), ("__MACOSX/a.jpg", True)]
)
def test_hidden_files_and_those_of_archives_are_known(path: str, hidden: bool) -> None:
    assert is_hidden(Path(path)) is hidden
