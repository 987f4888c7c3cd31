"""COCO files with polygons and with run-length codes from pycocotools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_exports import assert_as_datumaro_draws, label_maps
from PIL import Image

from encnet.data.formats import read_dataset
from encnet.data.labelling import import_labels
from encnet.data.labelling.coco import detect
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

masks = pytest.importorskip("pycocotools.mask")

WRITTEN = Path(__file__).parents[2] / "fixtures/labelling/coco"
LAWN, PATH = 7, 3  # ids need not be in order


def annotation(category: int, segmentation: Any, image: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": image, "category_id": category, "segmentation": segmentation, "iscrowd": 0, **more}


def box(left: int, top: int, right: int, bottom: int) -> list[list[int]]:
    return [[left, top, right, top, right, bottom, left, bottom]]


def write(path: Path, annotations: list[dict[str, Any]], **more: Any) -> Path:
    """Writes a COCO file for one.png, 30 x 20 pixels, and the image beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (30, 20)).save(path.parent / "one.png")
    document = {
        "images": [{"id": 1, "file_name": "one.png", "width": 30, "height": 20}],
        "categories": [{"id": LAWN, "name": "lawn"}, {"id": PATH, "name": "path"}],
        "annotations": annotations,
        **more,
    }
    path.write_text(json.dumps(document))
    return path


def test_label_maps_equal_those_that_datumaro_draws(tmp_path: Path) -> None:
    imported = import_labels(WRITTEN / "export", tmp_path / "data", val_share=0, order="tool")
    assert imported.classes == ("lawn", "path", "pond")
    assert imported.images == {"train": 2}
    assert_as_datumaro_draws(tmp_path / "data", WRITTEN / "drawn")


def test_small_areas_lie_over_large_ones(tmp_path: Path) -> None:
    mask = np.zeros((20, 30), np.uint8, order="F")
    mask[8:10, 8:12] = 1
    code = masks.encode(mask)
    crowd = {"size": [20, 30], "counts": code["counts"].decode()}
    areas = [annotation(PATH, crowd, iscrowd=1), annotation(LAWN, box(2, 2, 20, 18) + box(22, 0, 30, 4))]
    import_labels(write(tmp_path / "in/labels.json", areas), tmp_path / "data")
    index = read_dataset(tmp_path / "data")
    assert index.labels.names == ("path", "lawn")  # in the order of their ids
    expected = np.full((20, 30), IGNORE)
    expected[2:18, 2:20] = expected[0:4, 22:30] = 1
    expected[8:10, 8:12] = 0
    assert np.array_equal(label_maps(tmp_path / "data")["one"], expected)


def test_a_file_per_split_gives_the_splits(tmp_path: Path) -> None:
    for name in ("train/_annotations.coco.json", "valid/_annotations.coco.json", "test/_annotations.coco.json"):
        write(tmp_path / "roboflow" / name, [annotation(LAWN, box(0, 0, 5, 5))])
    assert import_labels(tmp_path / "roboflow", tmp_path / "data").images == {"train": 1, "val": 1, "test": 1}
    stems = {path.stem for path in (tmp_path / "data/images").rglob("*.png")}
    assert len(stems) == 3  # although the names in the three folders are equal


def test_photographs_are_found_where_tools_put_them(tmp_path: Path) -> None:
    areas = [annotation(LAWN, box(0, 0, 5, 5))]
    for number, place in enumerate(("images/default/one.png", "images/one.png", "annotations/one.png")):
        root = tmp_path / str(number)
        file = write(root / "annotations/instances_default.json", areas)
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / "annotations/one.png").rename(root / place)
        assert import_labels(root, tmp_path / f"data{number}").images == {"train": 1}
        assert import_labels(file, tmp_path / f"more{number}").images == {"train": 1}
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "2/annotations/one.png").rename(tmp_path / "elsewhere/one.png")
    with pytest.raises(InputError, match=r"one\.png, which is not in .*; give its folder") as error:
        import_labels(tmp_path / "2", tmp_path / "data")
    assert error.value.argument == "images"
    assert import_labels(tmp_path / "2", tmp_path / "data", images=tmp_path / "elsewhere").images == {"train": 1}


def test_boxes_without_areas_are_counted(tmp_path: Path) -> None:
    areas = [annotation(LAWN, []), annotation(PATH, [[1, 1, 4, 4]]), annotation(PATH, box(0, 0, 5, 5))]
    imported = import_labels(write(tmp_path / "in/labels.json", areas), tmp_path / "data")
    assert imported.left_out == {"box or point without an area": 1, "polygon of fewer than three corners": 1}


@pytest.mark.parametrize(
    ("annotations", "message"),
    [
        ([annotation(9, box(0, 0, 5, 5))], r"1 x area of a category that the file does not list \(one\.png\)"),
        (
            [annotation(LAWN, box(0, 0, 5, 5), image=5)],
            r"an image that the file does not list \(labels\.json: image 5",
        ),
        ([{"image_id": 1}], "no area of a class"),
        ([annotation(LAWN, [[0, 0, 5, 0, 5]])], "no area of a class"),
        (
            [annotation(LAWN, [[0, 0, 5, 0, 5, 5, 1]])],
            r"odd number of coordinates \(one\.png: lawn\)",
        ),
        (
            [annotation(LAWN, {"size": [9, 9], "counts": [81]})],
            r"run lengths do not fit \(one\.png: lawn\)",
        ),
        ([annotation(LAWN, {"size": [20, 30], "counts": [5]})], "1 x mask whose run lengths do not fit"),
        ([{"image_id": 1, "segments_info": []}], "panoptic"),
    ],
)
def test_mistakes_are_errors_that_name_the_file(
    tmp_path: Path, annotations: list[dict[str, Any]], message: str
) -> None:
    source = write(tmp_path / "in/labels.json", annotations)
    with pytest.raises(InputError, match=message) as error:
        import_labels(source, tmp_path / "data")
    assert str(source) in str(error.value)
    assert not (tmp_path / "data").exists()


def test_categories_are_numbered(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "lawn"}, {"id": "p", "name": "path"}]
    source = write(tmp_path / "in/labels.json", [annotation(1, box(0, 0, 5, 5))], categories=categories)
    with pytest.raises(InputError, match="a category has an id that is no number"):
        import_labels(source, tmp_path / "data")


def test_a_file_without_one_of_the_three_lists_is_not_coco(tmp_path: Path) -> None:
    source = write(tmp_path / "labels.json", [])
    assert detect(source)
    source.write_text(json.dumps({"images": [], "annotations": []}))
    assert not detect(source)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"images": [{"id": number, "file_name": name} for name in ("a.png", "b.png") for number in (1, "2")]},
            r"labels\.json gives the image id 1 to a\.png and to b\.png \(and 1 more id\), so that",
        ),
        (
            {"categories": [{"id": LAWN, "name": "lawn"}, {"id": str(LAWN), "name": "house"}]},
            rf"labels\.json gives the category id {LAWN} to lawn and to house, so that",
        ),
    ],
)
def test_an_id_that_is_there_twice_is_an_error(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    source = write(tmp_path / "in/labels.json", [annotation(LAWN, box(2, 2, 8, 8))], **more)
    with pytest.raises(InputError, match=message):
        import_labels(source, tmp_path / "data")


def test_an_entry_that_is_there_twice_is_no_error(tmp_path: Path) -> None:
    twice = {"images": [{"id": 1, "file_name": "one.png"}] * 2, "categories": [{"id": LAWN, "name": "lawn"}] * 2}
    source = write(tmp_path / "in/labels.json", [annotation(LAWN, box(2, 2, 8, 8))], **twice)
    assert import_labels(source, tmp_path / "data").images == {"train": 1}
    assert (label_maps(tmp_path / "data")["one"][3:7, 3:7] == 0).all()


def test_shares_of_the_sides_are_not_drawn_as_pixels(tmp_path: Path) -> None:
    shares = [annotation(LAWN, [[0, 0, 0.5, 0, 0.5, 1, 0, 1]]), annotation(PATH, [[0.5, 0, 1, 0, 1, 1.02, 0.5, 1]])]
    source = write(tmp_path / "in/labels.json", shares)
    with pytest.raises(
        InputError, match=r"labels\.json has no coordinate beyond 1\.02, so that its polygons seem to be"
    ):
        import_labels(source, tmp_path / "data")


def test_a_small_area_beside_others_is_in_pixels(tmp_path: Path) -> None:
    areas = [annotation(LAWN, box(0, 0, 1, 1)), annotation(PATH, box(10, 10, 20, 20))]
    import_labels(write(tmp_path / "in/labels.json", areas), tmp_path / "data")
    drawn = label_maps(tmp_path / "data")["one"]
    assert (drawn[0, 0], drawn[15, 15], drawn[5, 5]) == (1, 0, IGNORE)


def test_categories_of_one_name_are_one_class_and_a_note(tmp_path: Path) -> None:
    categories = [{"id": number, "name": name} for number, name in ((3, "car"), (7, "road"), (8, "car"))]
    areas = [annotation(number, box(left, 2, left + 4, 8)) for number, left in ((3, 0), (7, 10), (8, 20))]
    imported = import_labels(write(tmp_path / "in/labels.json", areas, categories=categories), tmp_path / "data")
    assert imported.classes == ("car", "road")
    assert imported.notes == ("labels.json calls the classes 3, 8 all 'car'; they are one class",)
    assert label_maps(tmp_path / "data")["one"][5, [2, 12, 22]].tolist() == [0, 1, 0]
