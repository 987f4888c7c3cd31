from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from encnet.data.formats.mask_pattern import MaskPattern
from encnet.system.errors import InputError


@pytest.mark.parametrize(
    ("text", "folder", "file"),
    [
        ("masks/{class}/{name}.png", "masks", "masks/car/p1.png"),
        ("./masks//{class}/{name}.png", "masks", "masks/car/p1.png"),
        ("masks/{name}_{class}.png", "masks", "masks/p1_car.png"),
        ("masks/{name}/{class}.png", "masks", "masks/p1/car.png"),
        ("masks/m_{class}/x/{name}.png", "masks", "masks/m_car/x/p1.png"),
        ("{class}/{name}.png", ".", "car/p1.png"),
        ("{class}/{name}_{class}.png", ".", "car/p1_car.png"),
    ],
)
def test_a_pattern_names_the_file_and_finds_it_again(tmp_path: Path, text: str, folder: str, file: str) -> None:
    pattern = MaskPattern.of(tmp_path, text)
    assert pattern.folder == tmp_path / folder
    assert pattern.file("car", "p1") == tmp_path / file
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).touch()
    (tmp_path / folder / ".hidden.png").touch()
    ((name, path),) = pattern.existing().items()
    assert (name, path) == (pattern.names("car", "p1"), tmp_path / file)
    for regex in (pattern.regex(), pattern.regex(["road", "car"])):
        match = regex.fullmatch(name)
        assert match is not None and match["c"] == "car" and match["n"] == "p1"
    assert pattern.regex(["road"]).fullmatch(name) is None
    assert pattern.regex().fullmatch(name + "x") is None


def test_texts_of_classes_and_names_are_taken_as_they_are(tmp_path: Path) -> None:
    pattern = MaskPattern.of(tmp_path, "m/{class}.{name}.png")
    assert pattern.names("{name}", "{class}") == "{name}.{class}.png"
    assert pattern.regex(["a.b"]).fullmatch("aXb.p.png") is None


def test_the_case_of_a_suffix_and_the_form_of_accents_make_no_other_mask(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "Gärten") for form in ("NFC", "NFD"))
    (tmp_path / "m").mkdir()
    (tmp_path / f"m/{other}_straße.PNG").touch()
    pattern = MaskPattern.of(tmp_path, "m/{name}_{class}.Png")
    (name,) = (name for name in pattern.existing() if name == pattern.names("straße", other))
    assert name == pattern.names("straße", one)
    match = pattern.regex(["straße"]).fullmatch(name)
    assert match is not None and match["n"] == one
    (tmp_path / "m/notes.TXT").touch()
    (tmp_path / "m/notes.txt").touch()
    assert len(pattern.existing()) == 2
    (tmp_path / f"m/{one}_straße.png").touch()
    with pytest.raises(InputError, match=r"_straße\.\w+ and .*_straße\.\w+ can both be the mask of one photograph"):
        pattern.existing()


def test_a_link_in_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "masks/car").mkdir(parents=True)
    (tmp_path / "masks/car/a.png").touch()
    (tmp_path / "masks/car/again").symlink_to(tmp_path / "masks")
    assert "car/a.png" in MaskPattern.of(tmp_path, "masks/{class}/{name}.png").existing()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("masks/{class}.png", "lacks the placeholder {name}"),
        ("masks/{name}.png", "lacks the placeholder {class}"),
        ("masks/{class}/{stem}.png", "has the unknown placeholder {stem}"),
    ],
)
def test_a_placeholder_that_lacks_or_is_unknown_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MaskPattern.of(tmp_path, text)
