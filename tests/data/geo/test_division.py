"""Windows of data sets that are split by files or by area, and those that are left out."""

from __future__ import annotations

import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from raster_data import dataset, describe, whole, window_of
from rasters import rasterio, write_raster
from vector_files import LEFT, TOP

from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.geo.overlap import overlapping_splits
from encnet.data.geo.window import Window
from encnet.system.errors import InputError

SIZE = (150, 190)
CLASSES = [{"name": "a", "value": 0}, {"name": "b", "value": 1}, {"name": "c", "value": 2}]


def write_data(root: Path, size: tuple[int, int] = SIZE, **options: Any) -> np.ndarray:
    """A raster, and labels in patches of 10 pixels; returns the labels."""
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    write_raster(root / "a.tif", rng.integers(1, 255, (*size, 3), np.uint8), **options)
    patches = rng.choice(3, (size[0] // 10 + 1, size[1] // 10 + 1), p=[0.6, 0.3, 0.1])
    labels = patches.repeat(10, 0).repeat(10, 1)[: size[0], : size[1]].astype(np.uint8)
    write_raster(root / "labels.tif", labels[..., None], **options)
    return labels


def document(**settings: Any) -> dict[str, Any]:
    return {"classes": CLASSES, "rasters": {"images": "a.tif", "labels": "labels.tif", "window": 32, **settings}}


def mask(index: DatasetIndex, split: str, size: tuple[int, int] = SIZE, raster: str = "a.tif") -> np.ndarray:
    """How many windows of a split each pixel of a raster is in."""
    covered = np.zeros(size, int)
    for window in map(window_of, index.split(split)):
        if window.raster.name == raster:
            top, left, height, width = window.rectangle
            covered[top : top + height, left : left + width] += 1
    return covered


def places(index: DatasetIndex) -> dict[str, list[tuple[int, ...]]]:
    return {split: [tuple(window_of(s).rectangle) for s in samples] for split, samples in index.splits.items()}


@pytest.mark.parametrize("shares", [{"val": 0.2}, {"val": 0.25, "test": 0.15}, {"test": 0.3}])
@pytest.mark.parametrize("size", [SIZE, (70, 130), (333, 90)])
def test_a_gap_lies_between_splits(tmp_path: Path, shares: dict[str, float], size: tuple[int, int]) -> None:
    write_data(tmp_path, size)
    index = dataset(tmp_path, document(**shares))
    masks = {split: mask(index, split, size) for split in index.splits}
    assert set(masks) == {"train", *shares}
    assert all(covered.max() == 1 for covered in masks.values())
    gap = 2  # a sixteenth of a window
    for (_, one), (_, other) in combinations(masks.items(), 2):
        for row, column in np.argwhere(other).tolist():
            near = one[max(0, row - gap) : row + gap + 1, max(0, column - gap) : column + gap + 1]
            assert not near.any()
    covered = np.sum(list(masks.values()), axis=0)
    assert (covered == 0).mean() < 0.15  # gaps alone are left out
    assert any("with 2 pixels between those of different splits" in note for note in index.notes)


def test_every_split_has_its_share_and_every_class(tmp_path: Path) -> None:
    labels = write_data(tmp_path)
    index = dataset(tmp_path, document(val=0.2, test=0.2))
    sums = {split: np.bincount(labels[mask(index, split) > 0], minlength=3) for split in index.splits}
    total = np.bincount(labels.ravel(), minlength=3)
    for split, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
        assert (sums[split] > 0).all()
        assert sums[split].sum() / total.sum() == pytest.approx(share, abs=0.08)
    report = check_dataset(index)
    for split in index.splits:
        np.testing.assert_array_equal(report.class_pixels[split], sums[split])


def test_a_class_in_two_corners_is_in_both_splits(tmp_path: Path) -> None:
    write_data(tmp_path)
    labels = np.zeros((*SIZE, 1), np.uint8)
    labels[3:9, 3:9] = labels[-9:-3, -9:-3] = 1
    write_raster(tmp_path / "labels.tif", labels)
    index = dataset(tmp_path, document(val=0.2))
    for split in ("train", "val"):
        assert (labels[..., 0][mask(index, split) > 0] == 1).any()


def test_rasters_of_the_same_ground_are_split_alike(tmp_path: Path) -> None:
    """Two dates of one place: the same block of both is in the same split."""
    write_data(tmp_path)
    (tmp_path / "dates").mkdir()
    for name in ("may", "july"):
        shutil.copy(tmp_path / "a.tif", tmp_path / f"dates/{name}.tif")
    place = {"transform": rasterio.Affine(10, 0, LEFT + 50_000, 0, -10, TOP)}
    write_raster(tmp_path / "dates/other.tif", np.full((*SIZE, 3), 90, np.uint8), **place)
    index = dataset(tmp_path, document(images="dates", val=0.3))
    for split in ("train", "val"):
        np.testing.assert_array_equal(mask(index, split, raster="may.tif"), mask(index, split, raster="july.tif"))
    assert not [warning for warning in check_dataset(index).warnings if "the same ground" in warning.message]


@pytest.mark.parametrize("georeferenced", [True, False])
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_the_split_is_the_same_wherever_the_data_set_lies(tmp_path: Path, georeferenced: bool) -> None:
    options: dict[str, Any] = {} if georeferenced else {"crs": None, "transform": rasterio.Affine.identity()}
    write_data(tmp_path / "one", **options)
    describe(tmp_path / "one", document(val=0.2))
    expected = places(read_dataset(tmp_path / "one"))
    shutil.copytree(tmp_path / "one", tmp_path / "another/folder")
    assert places(read_dataset(tmp_path / "another/folder")) == expected


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_rasters_of_equal_names_and_sizes_are_different_ground(tmp_path: Path) -> None:
    """Without georeference nothing says that they show the same."""
    options: dict[str, Any] = {"crs": None, "transform": rasterio.Affine.identity()}
    write_data(tmp_path / "x", **options)
    write_data(tmp_path / "y", **options)
    text = {
        "classes": CLASSES,
        "rasters": {"window": 32},
        "splits": {s: {"images": f"{f}/a.tif", "labels": f"{f}/labels.tif"} for s, f in (("train", "x"), ("val", "y"))},
    }
    index = dataset(tmp_path, text)
    assert len(index.split("train")) == len(index.split("val")) == 30


@pytest.mark.parametrize("val", [None, 0.3])
def test_windows_without_data_or_labels_are_left_out_and_counted(tmp_path: Path, val: float | None) -> None:
    labels = write_data(tmp_path, (128, 160)).copy()
    labels[:40] = 255  # ignored: the first row of windows
    write_raster(tmp_path / "labels.tif", labels[..., None])
    pixels = np.full((128, 160, 3), 9, np.uint8)
    pixels[:, :70, 2] = 0  # no data: the first two columns of windows
    write_raster(tmp_path / "a.tif", pixels, nodata=0)
    index = dataset(tmp_path, document(**({} if val is None else {"val": val})))
    kept = np.sum([mask(index, split, (128, 160)) for split in index.splits], axis=0)
    there = (labels != 255) & (np.arange(160) >= 70)
    for top in range(0, 128, 32):
        for left in range(0, 160, 32):
            part = (slice(top, top + 32), slice(left, left + 32))
            assert bool(kept[part].any()) == bool(there[part].any())
    assert any("left out: 11 of 20 windows, without a pixel that has both" in note for note in index.notes)
    report = check_dataset(index)
    counted = sum(report.class_pixels[split] for split in index.splits)
    expected = np.bincount(labels[there & (kept > 0)], minlength=3)
    np.testing.assert_array_equal(counted, expected)
    found = whole(index, (128, 160))
    np.testing.assert_array_equal(found[(kept > 0) & ~there], 255)
    np.testing.assert_array_equal(found[(kept > 0) & there], labels[(kept > 0) & there])


def test_only_bands_that_are_used_must_have_data(tmp_path: Path) -> None:
    write_data(tmp_path, (64, 64))
    pixels = np.full((64, 64, 4), 9, np.uint8)
    pixels[:, :, 3] = 0
    write_raster(tmp_path / "a.tif", pixels, nodata=0, photometric="MINISBLACK")
    assert len(dataset(tmp_path, {**document(), "bands": [1, 2, 3]}).split("train")) == 4
    with pytest.raises(InputError, match=r"no window of the rasters in .* \(4 in all\)"):
        dataset(tmp_path, {**document(), "bands": [1, 2, 4]})


def test_undeclared_labels_are_found_by_the_check(tmp_path: Path) -> None:
    labels = write_data(tmp_path)
    labels[100, 100] = 77
    write_raster(tmp_path / "labels.tif", labels[..., None])
    index = dataset(tmp_path, document(val=0.2))
    problems = [problem.message for problem in check_dataset(index).problems]
    assert len(problems) == 1 and "has undeclared value 77 (1 pixel)" in problems[0]


def scenes_beside(root: Path, shift: int) -> DatasetIndex:
    """A raster of train, and one of val that begins ``shift`` pixels to its right."""
    root.mkdir(exist_ok=True)
    for name, left in (("train", 0), ("val", shift)):
        options = {"transform": rasterio.Affine(10, 0, LEFT + 10 * left, 0, -10, TOP)}
        write_raster(root / f"{name}.tif", np.full((64, 64, 3), 80, np.uint8), **options)
        write_raster(root / f"{name}_labels.tif", np.zeros((64, 64, 1), np.uint8), **options)
    splits = {s: {"images": f"{s}.tif", "labels": f"{s}_labels.tif"} for s in ("train", "val")}
    return dataset(root, {"classes": CLASSES[:1], "rasters": {"window": 32}, "splits": splits})


@pytest.mark.parametrize(("shift", "windows"), [(0, 4), (16, 4), (33, 2), (63, 2), (64, 0), (500, 0)])
def test_the_same_ground_in_two_splits_is_a_warning(tmp_path: Path, shift: int, windows: int) -> None:
    index = scenes_beside(tmp_path, shift)
    messages = [w.message for w in check_dataset(index).warnings if "the same ground" in w.message]
    assert len(messages) == (windows > 0)
    if windows:
        assert messages[0].startswith(f"{windows} windows of val show the same ground as windows of train (")


def test_one_raster_in_two_splits_is_a_warning_also_without_a_coordinate_system(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_raster(tmp_path / f"{name}.tif", np.full((64, 64, 3), 80, np.uint8), crs=None)
    write_raster(tmp_path / "labels.tif", np.zeros((64, 64, 1), np.uint8), crs=None)

    def windows_on_the_same_ground(train: str, val: str) -> list[int]:
        splits = {s: {"images": f"{n}.tif", "labels": "labels.tif"} for s, n in (("train", train), ("val", val))}
        index = dataset(tmp_path, {"classes": CLASSES[:1], "rasters": {"window": 32}, "splits": splits})
        return [len(overlap.windows) for overlap in overlapping_splits(index)]

    assert windows_on_the_same_ground("a", "a") == [4]
    assert windows_on_the_same_ground("a", "b") == []  # nobody knows where they lie


def test_neighbouring_blocks_are_no_overlap(tmp_path: Path) -> None:
    write_data(tmp_path)
    report = check_dataset(dataset(tmp_path, document(val=0.2, test=0.2)))
    assert not [warning for warning in report.warnings if "the same ground" in warning.message]


def test_a_raster_smaller_than_a_window_is_one_window(tmp_path: Path) -> None:
    write_data(tmp_path, (20, 25))
    index = dataset(tmp_path, document())
    assert index.splits["train"][0].image == Window(tmp_path / "a.tif", (0, 0, 20, 25))  # pyright: ignore[reportArgumentType]
    assert len(index.splits["train"]) == 1


def test_the_files_of_a_virtual_raster_are_used(tmp_path: Path) -> None:
    """They are no photographs that were forgotten, and when they change, windows are counted again."""
    root = tmp_path / "data"
    write_data(root, (64, 64))
    (root / "tiles").mkdir()
    tile = (root / "a.tif").rename(root / "tiles/a.tif")
    source = "<SimpleSource><SourceFilename relativeToVRT='1'>tiles/a.tif</SourceFilename><SourceBand>%d</SourceBand>"
    band = (
        f"<VRTRasterBand dataType='Byte' band='%d'><NoDataValue>0</NoDataValue>{source}</SimpleSource></VRTRasterBand>"
    )
    bands = [band % (number, number) for number in (1, 2, 3)]
    place = f"<SRS>EPSG:32633</SRS><GeoTransform>{LEFT},10,0,{TOP},0,-10</GeoTransform>"
    text = f"<VRTDataset rasterXSize='64' rasterYSize='64'>{place}{''.join(bands)}</VRTDataset>"
    (root / "a.vrt").write_text(text)
    index = dataset(root, document(images="a.vrt"))
    ledger = check_dataset(index).ledger
    assert ledger.complete and not ledger.left_out
    assert len(index.split("train")) == 4
    pixels = np.full((64, 64, 3), 9, np.uint8)
    pixels[:32] = 0
    write_raster(tile, pixels)
    assert len(read_dataset(root).split("train")) == 2
