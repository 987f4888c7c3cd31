"""One photograph is one record, however many annotation files name it."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from labelled_exports import (
    LAWN,
    PATH,
    coco,
    coco_box,
    cvat,
    cvat_box,
    drawn,
    label_names,
    labelme,
    labelme_box,
    photograph,
)

from encnet.data.labelling import import_labels
from encnet.system.errors import InputError

pytest.importorskip("pycocotools")


def coco_files(root: Path) -> None:
    """A file for each class; the numbers of the photograph and of the categories differ."""
    photograph(root / "images/one.png")
    photograph(root / "images/two.png")
    coco(root / "lawns.json", {"images/one.png": [("lawn", coco_box(LAWN))]})
    coco(root / "paths.json", {"two.png": [], "one.png": [("path", coco_box(PATH))]})


def coco_listed_twice(root: Path) -> None:
    photograph(root / "one.png")
    coco(root / "labels.json", {"one.png": [("lawn", coco_box(LAWN))], "./one.png": [("path", coco_box(PATH))]})


def cvat_tasks(root: Path) -> None:
    photograph(root / "images/one.png")
    cvat(root / "lawns.xml", {"one.png": cvat_box("lawn", LAWN)})
    cvat(root / "paths.xml", {"images/one.png": cvat_box("path", PATH)})


def labelme_labellers(root: Path) -> None:
    photograph(root / "one.png")
    labelme(root / "anna/one.json", [labelme_box("lawn", LAWN)], imagePath="..\\one.png")
    labelme(root / "ben/one.json", [labelme_box("path", PATH)], imagePath="../one.png")


def labelme_inside(root: Path) -> None:
    inside = base64.b64encode(photograph(root / "one.png").read_bytes()).decode()
    labelme(root / "anna/one.json", [labelme_box("lawn", LAWN)], imageData=inside)
    labelme(root / "ben/1.json", [labelme_box("path", PATH)], imageData=inside)
    (root / "one.png").unlink()


def linked(root: Path) -> None:
    photograph(root / "one.png")
    (root / "same.png").symlink_to(root / "one.png")
    labelme(root / "one.json", [labelme_box("lawn", LAWN)])
    labelme(root / "same.json", [labelme_box("path", PATH)])


@pytest.mark.parametrize(
    "write", [coco_files, coco_listed_twice, cvat_tasks, labelme_labellers, labelme_inside, linked]
)
def test_a_photograph_gets_the_areas_of_all_files(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "in")
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert imported.images == {"train": 1}
    names = label_names(tmp_path / "data")
    assert list(names) == ["one"]
    assert np.array_equal(names["one"], drawn(("lawn", LAWN), ("path", PATH)))
    assert len([note for note in imported.notes if "named several times" in note and "one.png" in note]) == 1
    assert imported.warnings == ()


@pytest.mark.parametrize(
    ("first", "second", "split"),
    [("instances_train.json", "paths.json", "train"), ("paths.json", "instances_val.json", "val")],
)
def test_a_file_without_a_split_leaves_the_photograph_in_the_split_of_the_other(
    tmp_path: Path, first: str, second: str, split: str
) -> None:
    photograph(tmp_path / "in/one.png")
    coco(tmp_path / "in" / first, {"one.png": [("lawn", coco_box(LAWN))]})
    coco(tmp_path / "in" / second, {"one.png": [("path", coco_box(PATH))]})
    assert import_labels(tmp_path / "in", tmp_path / "data").images == {split: 1}


def test_a_photograph_in_two_splits_is_an_error_that_names_both_files(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    photograph(tmp_path / "in/two.png")
    area = [("lawn", coco_box(LAWN))]
    coco(tmp_path / "in/instances_train.json", {"one.png": area, "two.png": area})
    coco(tmp_path / "in/instances_val.json", {"one.png": area})
    message = r"one\.png is in two splits: in train by instances_train\.json, in val by instances_val\.json; delete it"
    with pytest.raises(InputError, match=message):
        import_labels(tmp_path / "in", tmp_path / "data")
    assert not (tmp_path / "data").exists()
    coco(tmp_path / "in/instances_train.json", {"two.png": area})
    assert import_labels(tmp_path / "in", tmp_path / "data").images == {"train": 1, "val": 1}


@pytest.mark.parametrize("tool", ["labelme", "cvat", "coco"])
def test_an_area_that_is_there_twice_is_drawn_once(tmp_path: Path, tool: str) -> None:
    """The copy of the lawn hides the path, as it does in the tool: the upper one of two equal areas stays."""
    photograph(tmp_path / "in/one.png")
    over = (4, 4, 8, 8)
    if tool == "labelme":
        lawn = labelme_box("lawn", LAWN)
        labelme(tmp_path / "in/one.json", [lawn, labelme_box("path", over), lawn])
    elif tool == "cvat":
        lawn = cvat_box("lawn", LAWN)
        cvat(tmp_path / "in/labels.xml", {"one.png": lawn + cvat_box("path", over) + lawn})
    else:
        lawn = ("lawn", coco_box(LAWN))
        coco(tmp_path / "in/labels.json", {"one.png": [lawn, ("path", coco_box(over)), lawn]})
    imported = import_labels(tmp_path / "in", tmp_path / "data", order="tool")
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(("path", over), ("lawn", LAWN)))
    assert imported.notes == (
        "1 area in 1 photograph (one.png): there already with the same outline and label; drawn once",
    )


def test_equal_outlines_with_other_labels_or_layers_are_no_repetition(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    areas = cvat_box("lawn", LAWN, z_order=2) + cvat_box("path", LAWN, z_order=1) + cvat_box("path", LAWN, z_order=3)
    cvat(tmp_path / "in/labels.xml", {"one.png": areas})
    assert import_labels(tmp_path / "in", tmp_path / "data").notes == ()
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(("path", LAWN)))


def test_masks_that_are_there_twice_are_drawn_once(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    code = {"size": [20, 30], "counts": [100, 200, 300]}
    coco(tmp_path / "in/labels.json", {"one.png": [("lawn", code), ("lawn", dict(reversed(code.items())))]})
    assert "1 area in 1 photograph" in import_labels(tmp_path / "in", tmp_path / "data").notes[0]
    assert np.array_equal(label_names(tmp_path / "data")["one"] == "lawn", _columns(100, 300))


def _columns(start: int, stop: int) -> np.ndarray:
    flat = np.zeros(600, bool)
    flat[start:stop] = True
    return flat.reshape(30, 20).T


def test_different_photographs_of_one_name_stay_two(tmp_path: Path) -> None:
    for seed, folder in enumerate(("a", "b")):
        photograph(tmp_path / "in" / folder / "one.png", seed=seed)
        labelme(tmp_path / "in" / folder / "one.json", [labelme_box("lawn", LAWN)])
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert set(label_names(tmp_path / "data")) == {"a_one", "b_one"}
    assert imported.warnings == ()


def test_copies_of_a_photograph_are_a_warning_and_deleting_them_merges_the_areas(tmp_path: Path) -> None:
    photograph(tmp_path / "in/a/one.png")
    labelme(tmp_path / "in/a/one.json", [labelme_box("lawn", LAWN)])
    (tmp_path / "in/b").mkdir()
    shutil.copy(tmp_path / "in/a/one.png", tmp_path / "in/b/one.png")
    labelme(tmp_path / "in/b/one.json", [labelme_box("path", PATH)])
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert [warning[:27] for warning in imported.warnings] == ["1 photograph (b/one.png): b"]
    (tmp_path / "in/b/one.png").unlink()
    imported = import_labels(tmp_path / "in", tmp_path / "more")
    assert imported.warnings == ()
    assert np.array_equal(label_names(tmp_path / "more")["one"], drawn(("lawn", LAWN), ("path", PATH)))


def test_category_numbers_may_differ_between_files(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    source = coco(tmp_path / "in/b.json", {"one.png": [("path", coco_box(PATH)), ("lawn", coco_box(LAWN))]})
    swapped = json.loads(source.read_text())
    swapped["categories"] = [{"id": "1", "name": "path"}, {"id": 2, "name": "lawn"}]
    for annotation in swapped["annotations"]:
        annotation["category_id"] = {1: 2, 2: "1"}[annotation["category_id"]]
    (tmp_path / "in/a.json").write_text(json.dumps(swapped))
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert imported.classes == ("path", "lawn")
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(("lawn", LAWN), ("path", PATH)))
    assert "2 areas in 1 photograph" in imported.notes[1]
