"""Windows that training moves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from raster_data import dataset
from rasters import rasterio, write_raster

from encnet.data.dataset import Sample
from encnet.data.geo.raster_labels import RasterLabels
from encnet.data.geo.window import Rectangle, Window
from encnet.data.labels import LabelSet
from encnet.data.tensors import SampleKey, SegmentationDataset

SIZE = (70, 90)


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    """Bands that hold the row, the column and 7; the label is (row + column) % 200."""
    rows, columns = np.indices(SIZE)
    write_raster(tmp_path / "a.tif", np.stack([rows, columns, np.full(SIZE, 7)], axis=2).astype(np.uint8))
    write_raster(tmp_path / "labels.tif", ((rows + columns) % 200).astype(np.uint8)[..., None])
    return tmp_path / "a.tif"


def samples(raster: Path, seed: int, area: Rectangle, moving: bool = True) -> SegmentationDataset:
    window = Window(raster, Rectangle(24, 30, 16, 20), area)
    sample = Sample(window, RasterLabels(window, raster.with_name("labels.tif"), False, 65535))
    labels = LabelSet.plain([f"class {i}" for i in range(200)])
    return SegmentationDataset([sample] * 3, labels, seed=seed, moving=moving)


@pytest.mark.parametrize("area", [Rectangle(0, 0, *SIZE), Rectangle(20, 25, 24, 40), Rectangle(24, 30, 16, 20)])
def test_windows_move_within_their_area_and_their_labels_with_them(raster: Path, area: Rectangle) -> None:
    moved = samples(raster, 0, area)
    corners = set()
    for epoch in range(30):
        image, label = moved[SampleKey(epoch, 0)]
        rows, columns, _ = image.numpy().astype(int)
        assert image.shape == (3, 16, 20) and label.shape == (16, 20)
        np.testing.assert_array_equal(label.numpy(), rows + columns)
        top, left = int(rows[0, 0]), int(columns[0, 0])
        np.testing.assert_array_equal(rows[:, 0], np.arange(top, top + 16))
        np.testing.assert_array_equal(columns[0], np.arange(left, left + 20))
        assert area.top <= top <= area.top + area.height - 16 and area.left <= left <= area.left + area.width - 20
        assert abs(top - 24) <= 8 and abs(left - 30) <= 10
        corners.add((top, left))
    possible = (min(32, area.top + area.height - 16) - max(16, area.top) + 1) * (
        min(40, area.left + area.width - 20) - max(20, area.left) + 1
    )
    assert len(corners) == 1 if possible == 1 else len(corners) > 10


def test_movement_depends_on_seed_epoch_and_index_alone(raster: Path) -> None:
    area = Rectangle(0, 0, *SIZE)

    def corner(seed: int, epoch: int, index: int) -> tuple[int, int]:
        image = samples(raster, seed, area)[SampleKey(epoch, index)][0]
        return int(image[0, 0, 0]), int(image[1, 0, 0])

    keys = [(seed, epoch, index) for seed in range(2) for epoch in range(3) for index in range(3)]
    first = [corner(*key) for key in keys]
    torch.manual_seed(123)
    before = torch.get_rng_state()
    assert [corner(*key) for key in reversed(keys)] == first[::-1]
    assert torch.equal(torch.get_rng_state(), before)
    assert len(set(first)) > len(keys) // 2


def test_windows_stay_unless_training_moves_them(raster: Path) -> None:
    area = Rectangle(0, 0, *SIZE)
    for epoch in range(3):
        image, _ = samples(raster, 0, area, moving=False)[SampleKey(epoch, 0)]
        assert (int(image[0, 0, 0]), int(image[1, 0, 0])) == (24, 30)
    window = Window(raster, Rectangle(24, 30, 16, 20))
    assert window.moved() == window


def test_training_moves_windows_within_the_blocks_of_train(raster: Path) -> None:
    """No pixel of val, nor of the gap around it, is ever in a window of train."""
    document: dict[str, Any] = {
        "classes": [{"name": "a", "value": list(range(200))}],
        "rasters": {"images": "a.tif", "labels": "labels.tif", "val": 0.3, "window": 32},
    }
    index = dataset(raster.parent, document)
    held_out = np.zeros(SIZE, bool)
    for sample in index.split("val"):
        (top, bottom), (left, right) = sample.image.rectangle.slices  # pyright: ignore[reportAttributeAccessIssue]
        held_out[top:bottom, left:right] = True
    assert held_out.any()
    moved = SegmentationDataset(index.split("train"), index.labels, moving=True)
    for epoch in range(10):
        for place in range(len(moved)):
            rows, columns, _ = moved[SampleKey(epoch, place)][0].numpy().astype(int)
            assert not held_out[rows, columns].any()


def test_pixels_without_data_are_ignored_in_what_training_gets(tmp_path: Path) -> None:
    values = np.full((40, 40, 3), 9, np.uint8)
    values[:10, :, 1] = 0  # nodata in one band is enough
    write_raster(tmp_path / "a.tif", values, nodata=0)
    write_raster(tmp_path / "labels.tif", np.ones((40, 40, 1), np.uint8))
    document = {"classes": [{"name": "a", "value": 1}], "rasters": {"images": "a.tif", "labels": "labels.tif"}}
    index = dataset(tmp_path, document)
    image, label = SegmentationDataset(index.split("train"), index.labels, fill=(1, 2, 3))[0]
    assert (label[:10] == 255).all() and (label[10:] == 0).all()
    assert image[:, 0, 0].tolist() == [1, 2, 3] and image[:, 20, 20].tolist() == [9, 9, 9]


def test_a_window_has_the_facts_of_its_raster(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((40, 50, 4), np.int16), nodata=-1)
    window = Window(path, Rectangle(3, 4, 20, 10))
    facts = window.facts()
    assert (facts.size, facts.bands, facts.dtype, facts.nodata) == ((10, 20), 4, "int16", -1)
    assert window.raster_size() == (40, 50) and window.stem == "a_3_4"
    assert window.name == "a.tif, rows 3 to 23, columns 4 to 14"
    with rasterio.open(path) as reader:
        assert reader.count == 4
