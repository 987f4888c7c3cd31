"""Contradictions between annotation files, counted by slicing rectangles."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from labelled_exports import (
    Box,
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
from encnet.data.labelling.annotations import AnnotatedImage, Area
from encnet.data.labelling.contradictions import contradiction
from encnet.data.labelling.drawing import patch_mask
from encnet.data.labels import IGNORE

SIZE = (40, 60)
VALUES = {"road": 0, "house": 1, "car": 2, "blurred": IGNORE}


def part(*areas: tuple[str, Box]) -> AnnotatedImage:
    drawn_areas = []
    for label, (left, top, right, bottom) in areas:
        patch = np.ones((bottom - top, right - left), bool)
        drawn_areas.append(Area(label, partial(patch_mask, patch, left, top)))
    return AnnotatedImage("one.png", bytes, SIZE, tuple(drawn_areas))


@pytest.mark.parametrize(
    ("parts", "pixels"),
    [
        ([part(("road", (0, 0, 30, 40))), part(("house", (30, 0, 60, 40)))], 0),
        ([part(("road", (0, 0, 40, 40))), part(("house", (30, 0, 60, 40)))], 400),
        ([part(("road", (0, 0, 40, 40))), part(("road", (30, 0, 60, 40)))], 0),
        ([part(("road", (0, 0, 30, 40))), part(("house", (0, 0, 30, 40)))], 1200),
        ([part(("road", (0, 0, 60, 40))), part(("car", (5, 5, 15, 10)))], 0),  # a car on the road
        ([part(("car", (5, 5, 15, 10))), part(("road", (0, 0, 60, 40)))], 0),
        ([part(("road", (0, 0, 60, 40))), part(("house", (0, 0, 60, 30)))], 1800),  # too large for a part
        ([part(("road", (0, 0, 31, 9))), part(("house", (30, 0, 60, 40)))], 0),  # nine pixels
        ([part(("road", (0, 0, 31, 10))), part(("house", (30, 0, 60, 40)))], 10),
        ([part(("blurred", (0, 0, 60, 40))), part(("house", (30, 0, 60, 40)))], 0),
        ([part(("tree", (0, 0, 60, 40))), part(("house", (30, 0, 60, 40)))], 0),  # a label that is no class
        ([part(("road", (0, 0, 60, 40)), ("house", (10, 10, 20, 20)))], 0),  # one file does not contradict itself
        (
            [part(("road", (0, 0, 20, 40))), part(("house", (10, 0, 20, 40))), part(("house", (10, 0, 30, 40)))],
            400,
        ),
        ([part(("road", (0, 0, 30, 40))), part(), part(("house", (20, 0, 60, 40)))], 400),
    ],
)
@pytest.mark.parametrize("large_below", [True, False])
def test_pixels_of_contradictions_are_counted(parts: list[AnnotatedImage], pixels: int, large_below: bool) -> None:
    assert contradiction(parts, VALUES, SIZE, large_below) == pixels


SMALL: Box = (0, 0, 12, 20)
LARGE: Box = (4, 0, 30, 20)


@pytest.mark.parametrize(
    ("tool", "top", "boxes"),
    [
        ("coco", "the smaller area is on top", (("large", LARGE), ("small", SMALL))),
        ("cvat", "the area of the later file is on top", (("small", SMALL), ("large", LARGE))),
        ("labelme", "the area of the later file is on top", (("small", SMALL), ("large", LARGE))),
    ],
)
def test_the_warning_says_where_how_much_and_which_area_is_on_top(
    tmp_path: Path, tool: str, top: str, boxes: tuple[tuple[str, Box], ...]
) -> None:
    for name in ("a.png", "b.png", "c.png", "d.png"):
        photograph(tmp_path / "in" / name)
        for folder, label, box in (("1", "small", SMALL), ("2", "large", LARGE)):
            if tool == "labelme":
                shapes = [labelme_box(label, box)]
                labelme(tmp_path / "in" / folder / f"{name[0]}.json", shapes, imagePath=f"../{name}")
    names = ("a.png", "b.png", "c.png", "d.png")
    if tool == "coco":
        coco(tmp_path / "in/1.json", {name: [("small", coco_box(SMALL))] for name in names})
        coco(tmp_path / "in/2.json", {name: [("large", coco_box(LARGE))] for name in names})
    elif tool == "cvat":
        cvat(tmp_path / "in/1.xml", dict.fromkeys(names, cvat_box("small", SMALL)))
        cvat(tmp_path / "in/2.xml", dict.fromkeys(names, cvat_box("large", LARGE)))
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    place = "1/" if tool == "labelme" else ""  # a photograph has the name of its first annotation file
    assert imported.warnings == (
        f"annotations of 4 photographs ({place}a.png, {place}b.png, {place}c.png, ...) contradict each other: they give"
        f" different classes to 26.67% of the pixels; {top}",  # 160 of 600
    )
    assert np.array_equal(label_names(tmp_path / "data")["a"], drawn(*boxes))
