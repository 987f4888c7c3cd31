"""Camera orientation: label maps lie on the upright photograph, however it was labelled."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from labelled_exports import LAWN, Box, coco, coco_box, drawn, label_names, labelme, labelme_box, photograph
from PIL import Image, ImageOps
from plain_tiff import write_turned

from encnet.cli import main
from encnet.data.labelling import import_labels
from encnet.data.labelling.orientation import orientation_of
from encnet.system.errors import InputError

pytest.importorskip("pycocotools")

SIDEWAYS = [5, 6, 7, 8]
SAME_SIZE = [2, 3, 4]
MIXED: list[tuple[str, Box]] = [("lawn", LAWN), ("path", (0, 0, 2, 2))]


def upright(names: np.ndarray, orientation: int) -> np.ndarray:
    """An array of names turned as Pillow turns a photograph."""
    order = np.unique(names)
    picture = Image.fromarray(np.searchsorted(order, names).astype(np.uint8))
    exif = picture.getexif()
    exif[0x0112] = orientation
    turned = ImageOps.exif_transpose(picture)
    return order[np.asarray(turned)]


def export(
    root: Path,
    orientation: int,
    labelled: tuple[int, int] | None,
    stored: tuple[int, int] = (20, 30),
    kind: str = "png",
) -> Path:
    """A labelme folder with areas for one photograph, labelled at a (height, width)."""
    photograph(root / f"one.{kind}", orientation, stored)
    sizes = {"imageHeight": labelled[0], "imageWidth": labelled[1]} if labelled else {"imageHeight": None}
    labelme(root / "one.json", [labelme_box(*area) for area in MIXED], imagePath=f"one.{kind}", **sizes)
    return root


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_areas_on_stored_pixels_are_turned_with_the_photograph(tmp_path: Path, orientation: int, kind: str) -> None:
    source = export(tmp_path / "in", orientation, (20, 30), kind=kind)
    imported = import_labels(source, tmp_path / "data")
    assert np.array_equal(label_names(tmp_path / "data")["one"], upright(drawn(*MIXED), orientation))
    assert [note[:12] for note in imported.notes] == ["1 photograph"]
    assert "drawn on the pixels as they are stored" in imported.notes[0]
    copy = next((tmp_path / "data/images/train").iterdir())
    assert copy.read_bytes() == (source / copy.name).read_bytes()


@pytest.mark.parametrize(("labelled", "side"), [((20, 30), "stored"), ((30, 20), "shown")])
@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_photographs_of_several_bands_are_turned_too(
    tmp_path: Path, orientation: int, labelled: tuple[int, int], side: str
) -> None:
    source = export(tmp_path / "in", orientation, labelled, kind="tif")
    write_turned(source / "one.tif", np.zeros((20, 30, 4), np.uint16), orientation)
    import_labels(source, tmp_path / "data")
    expected = upright(drawn(*MIXED), orientation) if side == "stored" else drawn(*MIXED, size=(30, 20))
    assert np.array_equal(label_names(tmp_path / "data")["one"], expected)


@pytest.mark.parametrize("kind", ["png", "jpg", "tif", "webp"])
@pytest.mark.parametrize("orientation", SIDEWAYS)
def test_areas_on_the_upright_photograph_stay_as_they_are(tmp_path: Path, orientation: int, kind: str) -> None:
    imported = import_labels(export(tmp_path / "in", orientation, (30, 20), kind=kind), tmp_path / "data")
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(*MIXED, size=(30, 20)))
    assert imported.notes == ()


@pytest.mark.parametrize(
    ("orientation", "stored", "labelled"),
    [
        *((orientation, (20, 30), (20, 30)) for orientation in SAME_SIZE),
        *((orientation, (30, 30), (30, 30)) for orientation in (3, 6, 8)),
        (6, (20, 30), None),
    ],
)
def test_nothing_is_guessed_if_the_size_does_not_tell(
    tmp_path: Path, orientation: int, stored: tuple[int, int], labelled: tuple[int, int] | None
) -> None:
    source = export(tmp_path / "in", orientation, labelled, stored)
    with pytest.raises(InputError, match=r"turns 1 photograph \(one\.png\).*set orientation to 'shown' or") as error:
        import_labels(source, tmp_path / "data")
    assert error.value.argument == "orientation"
    picture = tmp_path / "data_orientation.png"
    assert str(picture) in str(error.value)
    assert picture.is_file()
    assert not (tmp_path / "data").exists()
    turned = upright(drawn(*MIXED, size=stored), orientation)
    as_shown = drawn(*MIXED, size=turned.shape)
    for side, expected in (("shown", as_shown), ("stored", turned)):
        import_labels(source, tmp_path / side, orientation=side)  # pyright: ignore[reportArgumentType]
        assert np.array_equal(label_names(tmp_path / side)["one"], expected)
    assert not np.array_equal(as_shown, turned)


@pytest.mark.parametrize("orientation", [6, 1])
def test_an_orientation_that_decides_nothing_is_refused(tmp_path: Path, orientation: int) -> None:
    source = export(tmp_path / "in", orientation, (20, 30))
    with pytest.raises(InputError, match=r"orientation has no effect because .*; leave it out, or correct") as error:
        import_labels(source, tmp_path / "data", orientation="shown")
    assert error.value.argument == "orientation"
    assert not (tmp_path / "data").exists()


def test_the_size_decides_before_the_orientation_that_is_given(tmp_path: Path) -> None:
    source = export(tmp_path / "in", 6, (20, 30))
    photograph(source / "two.png", 3)
    labelme(source / "two.json", [labelme_box(*area) for area in MIXED])
    import_labels(source, tmp_path / "data", orientation="shown")
    assert np.array_equal(label_names(tmp_path / "data")["one"], upright(drawn(*MIXED), 6))
    assert np.array_equal(label_names(tmp_path / "data")["two"], drawn(*MIXED))


def test_photographs_without_areas_of_a_class_need_no_decision(tmp_path: Path) -> None:
    source = export(tmp_path / "in", 3, (20, 30))
    photograph(source / "two.png")
    labelme(source / "two.json", [labelme_box("tree", LAWN)])
    imported = import_labels(source, tmp_path / "data", classes=["tree"])
    assert imported.images == {"train": 1}


@pytest.mark.parametrize("orientation", [1, 0, 9])
def test_an_orientation_that_turns_nothing_is_none(tmp_path: Path, orientation: int) -> None:
    source = export(tmp_path / "in", orientation, (20, 30))
    import_labels(source, tmp_path / "data")
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(*MIXED))


def test_a_photograph_inside_its_file_is_the_one_that_was_labelled(tmp_path: Path) -> None:
    """labelme turns what it keeps inside; the file beside it still has the orientation."""
    source = export(tmp_path / "in", 3, (20, 30))
    buffer = io.BytesIO()
    with Image.open(source / "one.png") as stored:
        ImageOps.exif_transpose(stored).save(buffer, format="PNG")
    inside = base64.b64encode(buffer.getvalue()).decode()
    document = json.loads((source / "one.json").read_text())
    (source / "one.json").write_text(json.dumps({**document, "imageData": inside}))
    imported = import_labels(source, tmp_path / "data")
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(*MIXED))
    assert (tmp_path / "data/images/train/one.png").read_bytes() == buffer.getvalue()
    assert "from inside their labelme files" in imported.notes[0]


def test_two_files_may_have_drawn_on_different_pixels(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png", 6)
    coco(tmp_path / "in/a.json", {"one.png": [("lawn", coco_box(LAWN))]})
    upright_size = [{"id": 0, "file_name": "one.png", "height": 30, "width": 20}]
    path = (0, 20, 20, 30)
    coco(tmp_path / "in/b.json", {"one.png": [("path", coco_box(path))]}, images=upright_size)
    import_labels(tmp_path / "in", tmp_path / "data")
    expected = upright(drawn(("lawn", LAWN)), 6)
    expected[20:30, 0:20] = "path"
    assert np.array_equal(label_names(tmp_path / "data")["one"], expected)


def test_the_command_takes_the_flag_that_its_message_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = export(tmp_path / "in", 3, (20, 30))
    words = ["import-labels", str(source), "--out", str(tmp_path / "data")]
    assert main(words) == 2
    assert "(--orientation)" in capsys.readouterr().err
    assert main([*words, "--orientation", "stored"]) == 0
    assert np.array_equal(label_names(tmp_path / "data")["one"], upright(drawn(*MIXED), 3))
    with pytest.raises(InputError, match="orientation is up; it must be 'stored' or 'shown'"):
        import_labels(source, tmp_path / "more", orientation="up")  # pyright: ignore[reportArgumentType]


def test_a_file_that_is_no_image_has_no_orientation(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(b"no picture")
    assert orientation_of(tmp_path / "one.png") == 1
    assert orientation_of(photograph(tmp_path / "two.png", 6)) == 6
