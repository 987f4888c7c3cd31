"""One bad shape among good ones is left out and counted, and the good ones are drawn as if it were not there."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_exports import LAWN, coco, coco_box, cvat, cvat_box, drawn, label_names, labelme, labelme_box, photograph

from encnet.cli import main
from encnet.data.labelling import import_labels
from encnet.data.labelling.shapes import ShapeError, check_patch, checked_polygon

pytest.importorskip("pycocotools")

CORNERS = "polygon of fewer than three corners"
OUTSIDE = "area outside of the image"
NO_SIZE = "area of zero size"
NO_NUMBER = "area with a coordinate that is not a number"
HUGE = "area with a coordinate beyond a million pixels"
NO_LABEL = "area without a label"
RUNS = "mask whose run lengths do not fit"
LARGER = "mask that is larger than its image"
DAMAGED = "damaged shape"

LABELME: list[tuple[Any, str]] = [
    ({"points": [[3, 3], [9, 9]]}, CORNERS),
    ({"points": []}, CORNERS),
    ({"points": [[1, 1]], "shape_type": "rectangle"}, "rectangle of 1 point"),
    ({"points": [[1, 1]], "shape_type": "circle"}, "circle of 1 point"),
    ({"points": [[4, 4], [4, 4]], "shape_type": "circle"}, NO_SIZE),
    ({"points": [[4, 4], [4, 9]], "shape_type": "rectangle"}, NO_SIZE),
    ({"points": [[4, 4], [6, 6], [9, 9], [7, 7]]}, NO_SIZE),
    ({"points": [[40, 3], [50, 3], [50, 9]]}, OUTSIDE),
    ({"points": [[-9, -9], [-2, -2]], "shape_type": "rectangle"}, OUTSIDE),
    ({"points": [[-9, -9], [-9, -2]], "shape_type": "circle"}, OUTSIDE),
    ({"points": [[math.nan, 3], [9, 3], [9, 9]]}, NO_NUMBER),
    ({"points": [[math.inf, 3], [9, 3], [9, 9]]}, NO_NUMBER),
    ({"points": [[1e300, 3], [9, 3], [9, 9]]}, HUGE),
    ({"label": ""}, NO_LABEL),
    ({"label": "  "}, NO_LABEL),
    ({"label": 7}, NO_LABEL),
    ({"label": None}, NO_LABEL),
    ({"shape_type": "star"}, "shape of the unknown kind 'star'"),
    ({"shape_type": ["polygon"]}, DAMAGED),
    ({"points": [[1, 1], [2]]}, DAMAGED),
    ({"points": None}, DAMAGED),
    ("no shape", DAMAGED),
    ({"shape_type": "mask", "mask": base64.b64encode(b"\x89PNG cut off").decode()}, "mask whose PNG is damaged"),
    ({"shape_type": "mask", "mask": None}, "mask whose PNG is damaged"),
]
POLYGON = {"label": "lawn", "points": [[1, 1], [9, 1], [9, 9]], "shape_type": "polygon"}

CVAT: list[tuple[str, str]] = [
    ('<polygon label="lawn" points="0,0;9,9"/>', CORNERS),
    ('<polygon label="lawn" points=""/>', CORNERS),
    ('<polygon label="lawn" points="0,0;9,9;4,4"/>', NO_SIZE),
    ('<polygon label="lawn" points="nan,0;9,9;0,9"/>', NO_NUMBER),
    ('<polygon label="lawn" points="x,0;9,9;0,9"/>', DAMAGED),
    ('<polygon label=" " points="0,0;9,9;0,9"/>', NO_LABEL),
    ('<polygon points="0,0;9,9;0,9"/>', NO_LABEL),
    ('<box label="lawn" xtl="31" ytl="0" xbr="40" ybr="9"/>', OUTSIDE),
    ('<box label="lawn" xtl="3" ytl="3" xbr="3" ybr="9"/>', NO_SIZE),
    ('<ellipse label="lawn" cx="5" cy="5" rx="0" ry="3"/>', NO_SIZE),
    ('<mask label="lawn" rle="1, 9" left="0" top="0" width="2" height="2"/>', RUNS),
    ('<mask label="lawn" rle="1, x" left="0" top="0" width="2" height="2"/>', RUNS),
    ('<mask label="lawn" rle="4" left="0" top="0" width="2" height="2"/>', NO_SIZE),
    ('<mask label="lawn" rle="0, 4" left="40" top="0" width="2" height="2"/>', OUTSIDE),
    (
        '<mask label="lawn" rle="0, 4" left="0" top="0" width="90000" height="90000"/>',
        LARGER,
    ),
    ('<heptagon label="lawn" points="0,0;9,9;0,9"/>', "shape of the unknown kind 'heptagon'"),
]

COCO: list[tuple[Any, str]] = [
    ([[1, 1, 4, 4]], CORNERS),
    ([[1, 1, 4, 4, 7, 7]], NO_SIZE),
    ([[1, 1, 9, 1, 9, 9, 1]], "polygon with an odd number of coordinates"),
    ([[40, 1, 49, 1, 49, 9]], OUTSIDE),
    ([[math.nan, 1, 9, 1, 9, 9]], NO_NUMBER),
    ([[1e12, 1, 9, 1, 9, 9]], HUGE),
    ([["a", 1, 9, 1, 9, 9]], DAMAGED),
    ([], "box or point without an area"),
    ({"size": [9, 9], "counts": [81]}, RUNS),
    ({"size": [20, 30], "counts": [5]}, RUNS),
    ({"size": [20, 30], "counts": [-5, 605]}, RUNS),
    ({"size": [20, 30], "counts": [10**30]}, RUNS),
    ({"size": [20, 30], "counts": "0"}, RUNS),
    ({"size": [20, 30], "counts": "\u00ff"}, RUNS),
    ({"size": [20, 30], "counts": ""}, RUNS),
    ({"size": [20, 30]}, RUNS),
    ({"size": [20, 30], "counts": [600]}, NO_SIZE),
]


@pytest.mark.parametrize(("shape", "kind"), LABELME)
def test_a_bad_shape_of_labelme_is_left_out(tmp_path: Path, shape: Any, kind: str) -> None:
    bad = {**POLYGON, **shape} if isinstance(shape, dict) else shape
    photograph(tmp_path / "in/one.png")
    labelme(tmp_path / "in/one.json", [labelme_box("lawn", LAWN), bad])
    assert_left_out(tmp_path, kind, "one.json")


@pytest.mark.parametrize(("shape", "kind"), CVAT)
def test_a_bad_shape_of_cvat_is_left_out(tmp_path: Path, shape: str, kind: str) -> None:
    photograph(tmp_path / "in/one.png")
    cvat(tmp_path / "in/annotations.xml", {"one.png": cvat_box("lawn", LAWN) + shape})
    assert_left_out(tmp_path, kind, "one.png")


@pytest.mark.parametrize(("segmentation", "kind"), COCO)
def test_a_bad_shape_of_coco_is_left_out(tmp_path: Path, segmentation: Any, kind: str) -> None:
    photograph(tmp_path / "in/one.png")
    coco(tmp_path / "in/labels.json", {"one.png": [("lawn", coco_box(LAWN)), ("lawn", segmentation)]})
    assert_left_out(tmp_path, kind, "one.png")


def assert_left_out(folder: Path, kind: str, name: str) -> None:
    imported = import_labels(folder / "in", folder / "data")
    assert imported.left_out == {kind: 1}
    assert imported.examples[kind][0].split(": ")[0] == name
    assert imported.ledger.complete
    assert np.array_equal(label_names(folder / "data")["one"], drawn(("lawn", LAWN)))


def test_areas_of_unknown_categories_and_images_of_coco_are_left_out(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    source = coco(tmp_path / "in/labels.json", {"one.png": [("lawn", coco_box(LAWN))]})
    document = json.loads(source.read_text())
    good = document["annotations"][0]
    document["annotations"] += [{**good, "category_id": 9}, {**good, "image_id": 9}, {**good, "category_id": [1]}, None]
    source.write_text(json.dumps(document))
    imported = import_labels(source, tmp_path / "data")
    assert imported.left_out == {
        "area of a category that the file does not list": 2,
        "area of an image that the file does not list": 1,
        DAMAGED: 1,
    }
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(("lawn", LAWN)))


def test_one_bad_ring_of_a_polygon_with_several_is_left_out(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    coco(tmp_path / "in/labels.json", {"one.png": [("lawn", [*coco_box(LAWN), [1, 1, 4, 4]])]})
    assert_left_out(tmp_path, CORNERS, "one.png")


def test_the_command_names_the_first_three_and_succeeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in "abcde":
        photograph(tmp_path / f"in/{name}.png")
        slip = [{**POLYGON, "points": [[1, 1]]}] if name != "e" else []
        labelme(tmp_path / f"in/{name}.json", [labelme_box("lawn", LAWN), *slip])
    assert main(["import-labels", str(tmp_path / "in"), "--out", str(tmp_path / "data")]) == 0
    said = capsys.readouterr().err
    assert f"note: left out, 4 x {CORNERS} (a.json: lawn, b.json: lawn, c.json: lawn, ...)\n" in said


def test_an_area_that_covers_no_pixel_is_counted(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    speck = [[5.1, 15.1, 5.2, 15.1, 5.2, 15.2]]
    coco(tmp_path / "in/labels.json", {"one.png": [("lawn", coco_box(LAWN)), ("lawn", speck)]})
    assert_left_out(tmp_path, "area without a pixel in the image", "one.png")


@pytest.mark.parametrize(
    "corners",
    [
        [(0, 0), (10, 10), (10, 0), (0, 10)],  # crosses itself: the signed area is zero, the drawn one is not
        [(-5, -5), (1, -5), (1, 1)],
        [(29, 19), (35, 19), (35, 25)],
        [(0, 0), (1e6, 0), (1e6, 1e6)],
        [(0, 0), (0.01, 0), (0, 0.01)],
    ],
)
def test_polygons_that_touch_the_image_are_good(corners: list[tuple[float, float]]) -> None:
    assert checked_polygon(corners, (20, 30)) == corners


@pytest.mark.parametrize(
    ("left", "top", "good"),
    [(0, 0, True), (29, 19, True), (30, 0, False), (-2, 0, False), (-1, 0, True), (0, -3, False)],
)
def test_a_patch_needs_a_pixel_in_the_image(left: int, top: int, good: bool) -> None:
    patch = np.ones((2, 2), bool)
    if good:
        check_patch(patch, left, top, (20, 30))
    else:
        with pytest.raises(ShapeError, match=OUTSIDE):
            check_patch(patch, left, top, (20, 30))
