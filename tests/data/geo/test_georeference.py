"""Where GeoTIFFs lie: what their header says is what rasterio says, and label maps that lie elsewhere are named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rasters import rasterio, write_raster

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.geo.georeference import displaced_label_maps, place_of
from encnet.data.labels import LabelSet

Affine = rasterio.Affine
GRID = Affine(10, 0, 500_000, 0, -10, 5_800_000)
PIXELS = np.zeros((4, 6, 1), np.uint8)
LABELS = LabelSet.plain(("ground", "tree"))


def index(root: Path, *pairs: tuple[Path, Path]) -> DatasetIndex:
    return DatasetIndex("data", root, LABELS, {"train": tuple(Sample(*pair) for pair in pairs)})


def written(path: Path, transform: Any, **options: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    return write_raster(path, PIXELS, transform=transform, **options)


@pytest.mark.parametrize(
    "transform", [GRID, Affine(0.5, 0, -3, 0, 0.5, 8), Affine(7, 2, 100, 3, -6, 200)], ids=["north", "south", "turned"]
)
@pytest.mark.parametrize("point", [False, True])
@pytest.mark.parametrize("big", ["YES", "NO"])
def test_a_header_says_what_rasterio_says(tmp_path: Path, transform: Any, point: bool, big: str) -> None:
    path = written(tmp_path / "a.tif", transform, BIGTIFF=big)
    if point:
        with rasterio.open(path, "r+") as raster:
            raster.update_tags(AREA_OR_POINT="Point")
    with rasterio.open(path) as raster:
        expected = tuple(raster.transform)[:6]
    place = place_of(path)
    assert place is not None
    assert place.size == (6, 4)
    assert place.transform == pytest.approx(expected)


def test_files_without_georeference_have_no_place(tmp_path: Path) -> None:
    (tmp_path / "damaged.tif").write_bytes(b"II*\0damaged")
    for name in ("plain.tif", "a.png"):
        Image.new("L", (6, 4)).save(tmp_path / name)
    assert [place_of(tmp_path / name) for name in ("damaged.tif", "plain.tif", "a.png", "none.tif")] == [None] * 4


@pytest.mark.parametrize(
    ("transform", "corners"),
    [
        (Affine(10, 0, 500_100, 0, -10, 5_800_000), r"the upper left corner is at \(500100, 5800000\) and \(500000, "),
        (Affine(10, 0, 500_000, 0, 10, 5_799_960), r"the upper left corner is at \(500000, 5799960\) and .* 5800000\)"),
        (
            Affine(10, 0, 500_000, 0, -12, 5_800_000),
            r"the lower left corner is at \(500000, 5799952\) and .*5799960\)",
        ),
    ],
    ids=["shifted", "upside down", "longer pixels"],
)
def test_a_label_map_on_other_ground_is_named(tmp_path: Path, transform: Any, corners: str) -> None:
    image, same = written(tmp_path / "images/a.tif", GRID), written(tmp_path / "images/b.tif", GRID)
    label = written(tmp_path / "labels/a.tif", transform)
    ((file, message),) = displaced_label_maps(index(tmp_path, (image, label), (same, image)))
    assert file == label
    assert message.startswith("1 label map lies on other ground than its photograph")
    assert f"({label} and {image}: " in message
    assert re.search(corners, message)


def test_less_than_half_a_pixel_and_files_without_georeference_are_no_difference(tmp_path: Path) -> None:
    image = written(tmp_path / "images/a.tif", GRID)
    near = written(tmp_path / "labels/a.tif", Affine(10, 0, 500_004, 0, -10, 5_799_998))
    plain = tmp_path / "labels/b.png"
    assert not list(displaced_label_maps(index(tmp_path, (image, near), (image, plain), (plain, image))))
