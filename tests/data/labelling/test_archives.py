"""A .zip is read as its folder, also with names in an old encoding, and named in messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_exports import label_names, labelme_folder, zipped

from encnet.data.labelling import import_labels
from encnet.system.errors import InputError

NAME = "草地"


def archive(root: Path, encoding: str) -> Path:
    """The .zip of a folder of labelme, in which one.* is called 草地.* in an encoding, without the flag of UTF-8."""
    folder = labelme_folder(root / "in")
    encoded = NAME.encode(encoding)
    stand_in = "x" * len(encoded)
    for suffix in ("json", "png"):
        (folder / f"one.{suffix}").rename(folder / f"{stand_in}.{suffix}")
    document = (folder / f"{stand_in}.json").read_text().replace("one.png", f"{NAME}.png")
    (folder / f"{stand_in}.json").write_text(document, encoding="utf-8")
    source = zipped(folder)
    source.write_bytes(source.read_bytes().replace(stand_in.encode(), encoded))
    return source


def test_names_in_utf8_without_its_flag_are_read(tmp_path: Path) -> None:
    imported = import_labels(archive(tmp_path, "utf-8"), tmp_path / "data")
    assert imported.ledger.complete
    assert imported.notes == ()
    assert set(label_names(tmp_path / "data")) == {NAME, "two"}


def test_names_in_another_encoding_are_a_note(tmp_path: Path) -> None:
    source = archive(tmp_path, "gbk")
    imported = import_labels(source, tmp_path / "data")
    assert set(label_names(tmp_path / "data")) == {"two"}
    assert not imported.ledger.complete
    assert imported.notes == (
        f"the names in {source} are not in UTF-8; if they are unreadable, or photographs are missing, unpack it"
        " yourself and import the folder",
    )


def test_an_error_names_the_zip_and_not_the_folder_that_it_was_unpacked_into(tmp_path: Path) -> None:
    folder = labelme_folder(tmp_path / "in")
    for name in ("one.png", "two.png"):
        (folder / name).unlink()
    source = zipped(folder)
    with pytest.raises(InputError) as error:
        import_labels(source, tmp_path / "data")
    assert str(error.value) == f"{source}/one.json names the image one.png, which is not in {source}; give its folder"
    assert error.value.argument == "images"
