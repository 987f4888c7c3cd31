"""Every file of an export is accounted for; what a message tells the user to do is done, and then succeeds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from labelled_exports import (
    LAWN,
    PATH,
    coco,
    coco_box,
    cvat,
    cvat_box,
    label_names,
    labelme,
    labelme_box,
    labelme_folder,
    left_out,
    photograph,
    zipped,
)

from encnet.cli import main
from encnet.data.labelling import import_labels
from encnet.system.errors import InputError

pytest.importorskip("pycocotools")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return labelme_folder(tmp_path / "in")


def in_gbk(folder: Path) -> None:
    (folder / "new.json").write_bytes('{"label": "草地"}'.encode("gbk"))


def cut_off(folder: Path) -> None:
    (folder / "new.json").write_bytes((folder / "one.json").read_bytes()[:90])


def other_json(folder: Path) -> None:
    (folder / "new.json").write_text('{"weather": "rain"}')


def without_image_path(folder: Path) -> None:
    (folder / "new.json").write_text('{"shapes": []}')


def without_categories(folder: Path) -> None:
    (folder / "new.json").write_text('{"images": [], "annotations": []}')


def archive(folder: Path) -> None:
    (folder / "new.zip").write_bytes(b"PK")


def other_xml(folder: Path) -> None:
    (folder / "new.xml").write_text("<annotation><object/></annotation>")


def broken_xml(folder: Path) -> None:
    (folder / "new.xml").write_text("<annotations><image")


def no_object(folder: Path) -> None:
    (folder / "new.json").write_text("[1, 2]")


def without_photograph(folder: Path) -> None:
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)])


def of_another_kind(folder: Path) -> None:
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)], imagePath="new.heic")
    (folder / "new.heic").write_bytes(b"ftypheic")


def damaged_inside(folder: Path) -> None:
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)], imageData="a")


def shapes_no_list(folder: Path) -> None:
    (folder / "new.json").write_text('{"imagePath": "one.png", "shapes": 3}')


def of_coco(folder: Path) -> None:
    coco(folder / "new.json", {"one.png": [("lawn", coco_box(LAWN))]})


def of_cvat(folder: Path) -> None:
    cvat(folder / "new.xml", {"one.png": cvat_box("lawn", LAWN)})


def photograph_alone(folder: Path) -> None:
    photograph(folder / "new.png")


def same_stem(folder: Path) -> None:
    photograph(folder / "one.jpg")


def unlabelled(folder: Path) -> None:
    photograph(folder / "new.png")
    labelme(folder / "new.json", [])


def heic(folder: Path) -> None:
    (folder / "new.heic").write_bytes(b"no picture that is read")


def notes(folder: Path) -> None:
    (folder / "notes.txt").write_text("rainy")


def hidden(folder: Path) -> None:
    (folder / "._new.json").write_bytes(b"\x00\x05\x16\x07")


def smaller(folder: Path) -> None:
    photograph(folder / "new.png", stored=(10, 15))
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)])


def damaged_photograph(folder: Path) -> None:
    photograph(folder / "new.png")
    (folder / "new.png").write_bytes((folder / "new.png").read_bytes()[:300])
    labelme(folder / "new.json", [labelme_box("lawn", LAWN)])


@pytest.mark.parametrize(
    ("add", "name", "reason", "meant"),
    [
        (cut_off, "new.json", "damaged or half-written; save it again", True),
        (other_json, "new.json", "not an annotation file of a known tool", False),
        (without_image_path, "new.json", "it has shapes, but lacks what a known tool writes with that", True),
        (without_categories, "new.json", "it has annotations, but lacks what a known tool writes with that", True),
        (archive, "new.zip", "an archive; import it alone if it is a .zip of a tool, or else unpack it", True),
        (other_xml, "new.xml", "not an annotation file of a known tool", False),
        (broken_xml, "new.xml", "not valid XML", True),
        (no_object, "new.json", "not an annotation file of a known tool", False),
        (without_photograph, "new.json", "the photograph is missing; copy it into the folder", True),
        (of_another_kind, "new.json", "pictures of this kind are not read; save each as .jpg or .png", True),
        (damaged_inside, "new.json", "it contains a damaged photograph", True),
        (shapes_no_list, "new.json", "it is not as labelme writes it", True),
        (of_coco, "new.json", "a file of coco beside files of labelme; import it alone with the format 'coco'", True),
        (of_cvat, "new.xml", "a file of cvat beside files of labelme; import it alone with the format 'cvat'", True),
        (photograph_alone, "new.png", "photographs for which no annotations were read", False),
        (same_stem, "one.jpg", "photographs for which no annotations were read", False),
        (unlabelled, "new.png", "photographs in which nothing is labelled", False),
        (heic, "new.heic", "pictures without annotations; pictures of this kind are not read", False),
        (notes, "notes.txt", "neither photographs nor annotation files", False),
        (hidden, "._new.json", "hidden", False),
        (smaller, "new.png", "photographs of another size than the one that was labelled", True),
        (damaged_photograph, "new.png", "cannot read it as an image", True),
    ],
)
def test_a_file_that_is_not_used_is_named_with_the_reason(
    folder: Path, tmp_path: Path, add: Callable[[Path], None], name: str, reason: str, meant: bool
) -> None:
    add(folder)
    imported = import_labels(folder, tmp_path / "data")
    names = left_out(imported.ledger)
    assert names[name].startswith(reason), names
    assert imported.ledger.complete is not meant
    assert set(label_names(tmp_path / "data")) == {"one", "two"}
    assert imported.ledger.found == len([path for path in folder.iterdir() if path.is_file()])


@pytest.mark.parametrize(("add", "format"), [(of_coco, "coco"), (of_cvat, "cvat")])
def test_a_file_of_another_tool_is_imported_by_its_format(
    folder: Path, tmp_path: Path, add: Callable[[Path], None], format: str
) -> None:
    add(folder)
    imported = import_labels(folder, tmp_path / "data", format)
    assert imported.format == format
    assert imported.ledger.complete  # the files of labelme are left out on purpose, and named
    assert left_out(imported.ledger)["one.json"].startswith("a file of labelme beside files of")
    assert set(label_names(tmp_path / "data")) == {"one"}


def test_files_in_subfolders_and_zips_are_accounted_for(folder: Path, tmp_path: Path) -> None:
    (folder / "deep/er").mkdir(parents=True)
    for name in ("two.png", "two.json"):
        (folder / name).rename(folder / "deep/er" / name)
    photograph(folder / "deep/three.png")
    for number, source in enumerate((folder, zipped(folder, ("__MACOSX/._one.json", b"\x00\x05")))):
        imported = import_labels(source, tmp_path / f"data{number}")
        assert imported.ledger.used == {"annotation files": 2, "photographs": 2}
        names = left_out(imported.ledger)
        assert names.pop("__MACOSX/._one.json", "hidden") == "hidden"
        assert list(names) == ["deep/three.png"]


def test_photographs_in_a_folder_of_their_own_are_accounted_for(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "photographs").mkdir()
    for path in folder.glob("*.png"):
        path.rename(tmp_path / "photographs" / path.name)
    photograph(tmp_path / "photographs/three.png")
    imported = import_labels(folder, tmp_path / "data", images=tmp_path / "photographs")
    assert imported.ledger.used == {"annotation files": 2, "photographs": 2}
    assert list(left_out(imported.ledger)) == [str(tmp_path / "photographs/three.png")]


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (in_gbk, r"no annotation file that can be read: new\.json is not UTF-8 text; convert it"),
        (cut_off, r"no annotation file that can be read: new\.json is damaged or half-written"),
        (without_photograph, r"names the image new\.png, which is not in"),
        (of_another_kind, r"names the picture new\.heic; pictures of this kind are not read"),
        (shapes_no_list, "not as labelme writes it"),
        (smaller, "the image new.png is 15 x 10 pixels, but was labelled at 30 x 20"),
        (damaged_photograph, r"cannot read new\.png as an image"),
        (notes, "has no file of a known tool"),
    ],
)
def test_it_is_an_error_if_nothing_can_be_used(
    folder: Path, tmp_path: Path, add: Callable[[Path], None], message: str
) -> None:
    add(folder)
    for name in ("one.png", "two.png", "one.json", "two.json"):
        (folder / name).unlink()
    with pytest.raises(InputError, match=message):
        import_labels(folder, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_bad_file_of_several_of_coco_or_cvat_is_left_out(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    coco(tmp_path / "in/a.json", {"one.png": [("lawn", coco_box(LAWN))]})
    coco(tmp_path / "in/b.json", {"one.png": []}, annotations=[{"image_id": 1, "segments_info": []}])
    cvat(tmp_path / "more/a.xml", {"one.png": cvat_box("path", PATH)})
    shutil.copy(tmp_path / "in/one.png", tmp_path / "more/one.png")
    (tmp_path / "more/b.xml").write_text("<annotations><track/></annotations>")
    for folder, name, reason in (("in", "b.json", "panoptic"), ("more", "b.xml", "'CVAT for video'")):
        imported = import_labels(tmp_path / folder, tmp_path / f"{folder}-data")
        assert reason in left_out(imported.ledger)[name]
        assert not imported.ledger.complete
        assert set(label_names(tmp_path / f"{folder}-data")) == {"one"}


def test_the_command_ends_with_the_ledger_and_a_status(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import-labels", str(folder), "--out", str(tmp_path / "data")]) == 0
    assert "files: 4 found; used: 2 annotation files, 2 photographs\n" in capsys.readouterr().out
    cut_off(folder)
    assert main(["import-labels", str(folder), "--out", str(tmp_path / "more")]) == 1
    assert "left out: 1 file (new.json): damaged or half-written" in capsys.readouterr().out
