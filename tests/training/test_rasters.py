"""The whole way of a raster through the command line: check, train, evaluate, export and predict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from raster_data import describe
from rasters import rasterio, read_labels, write_raster
from vector_files import box, labels_by_loops, write_vectors

import encnet
from encnet.cli import main
from encnet.data.band_statistics import with_measured_range
from encnet.data.formats import read_dataset
from encnet.reports.raster_overview import SPLIT_COLORS, overviews, split_colors, windows_of

SIZE = (96, 128)
NETWORK = ["--model.variant", "encnet_tiny", "--model.num_codes", "4", "--model.head_channels", "16"]


def write_data(root: Path) -> Path:
    """A raster of four bands of 12 bits, whose last band shows parcels; some of it has no data."""
    (root / "scenes").mkdir(parents=True)
    shapes = [box(5, 5, 60, 50), box(20, 60, 90, 120), box(40, 70, 60, 90)]
    rng = np.random.default_rng(0)
    transform = rasterio.Affine(10, 0, 500_000, 0, -10, 5_800_000)
    labels = labels_by_loops(list(zip(shapes, (1, 1, 0), strict=True)), transform, SIZE, 0)
    values = rng.integers(1, 1500, (*SIZE, 4))
    values[..., 3] += 2500 * labels
    values[:12, :40] = 0
    write_raster(root / "scenes/north.tif", values.astype(np.uint16), nodata=0)
    fields = {"crop": ["wheat", "wheat", "grass"], "id": [1, 2, 3]}
    write_vectors(root / "parcels.gpkg", shapes, fields, "EPSG:4326")
    (root / "notes.txt").write_text("flown in May")
    document: dict[str, Any] = {
        "bands": [1, 2, 3, 4],
        "value_range": {"percentiles": [0, 100]},
        "classes": [{"name": "grass"}, {"name": "wheat"}],
        "rasters": {
            "images": "scenes", "labels": "parcels.gpkg", "val": 0.3, "window": 32, "attribute": "crop",
            "outside": "grass",
        },
    }  # fmt: skip
    return describe(root, document)


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a data set, and a run on it."""
    folder = tmp_path_factory.mktemp("way")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        write_data(folder / "data")
        options = ["--steps", "2", "--validate_every", "2", "--data.batch_size", "2", "--data.workers", "0"]
        options += ["--data.crop", "[32,32]", "--accelerator", "cpu", "--data.long_side", "64"]
        assert main(["train", str(folder / "data"), "--out", str(folder / "run"), *options, *NETWORK]) == 0
        yield folder


def test_check_draws_the_raster_and_accounts_for_its_files(way: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(way / "data"), "--out", str(way / "check.html")]) == 0
    printed = capsys.readouterr().out
    index = read_dataset(way / "data")
    assert f"{len(index.split('train'))} in train, {len(index.split('val'))} in val" in printed
    assert "note: rasters are read in 12 windows of up to 32 x 32 pixels" in " ".join(printed.split())
    assert "1 raster" in printed and "1 file of labels" in printed
    page = (way / "check.html").read_text()
    assert "scenes/north.tif with the windows of its splits outlined" in page
    assert "notes.txt" in printed


def test_overviews_outline_the_windows_in_the_colour_of_their_split(way: Path) -> None:
    index = with_measured_range(read_dataset(way / "data"))
    (overview,) = overviews(index)
    assert overview.raster.name == "north.tif" and overview.image.size == SIZE[::-1]
    pixels = np.asarray(overview.image)
    colors = split_colors(index)
    assert colors == {"train": SPLIT_COLORS[0], "val": SPLIT_COLORS[1]}
    ((_, windows),) = windows_of(index).items()
    used = np.zeros(SIZE, bool)
    for split, window in windows:
        top, left, height, width = window.rectangle
        used[top : top + height, left : left + width] = True
        for row, column in [(top, left), (top, left + width - 1), (top + height - 1, left), (top + 2, left + 9)]:
            assert tuple(pixels[row, column]) == colors[split]
    assert pixels[~used].max() <= 85 < pixels[used].max()


def test_the_run_keeps_the_resolution_and_learns_from_all_bands(way: Path) -> None:
    model = encnet.load(way / "run/best.safetensors")
    assert model.info.options["in_channels"] == 4 and model.info.source["bands"] == [1, 2, 3, 4]
    assert yaml.safe_load((way / "run/config.yaml").read_text())["config"]["data"]["long_side"] is None
    highs = [high for _, high in model.info.source["value_range"]]
    assert max(highs[:3]) < 1500 < 3500 < highs[3]


@pytest.mark.slow
def test_the_raster_is_predicted_alike_in_pytorch_and_onnx(way: Path) -> None:
    checkpoint, raster = way / "run/best.safetensors", way / "data/scenes/north.tif"
    assert main(["evaluate", str(checkpoint), str(way / "data"), "--out", str(way / "scores"), "--workers", "0"]) == 0
    assert json.loads((way / "scores/evaluation.json").read_text())["mean_iou"] >= 0
    assert main(["export", str(checkpoint), "--out", str(way / "model.onnx"), "--winograd", "false"]) == 0
    found = {}
    for name, model in (("torch", checkpoint), ("onnx", way / "model.onnx")):
        assert main(["predict", str(model), str(raster), "--out", str(way / name)]) == 0
        (labels,) = (way / name).glob("*.tif")
        with rasterio.open(labels) as dataset, rasterio.open(raster) as source:
            assert (dataset.crs, dataset.transform, dataset.shape) == (source.crs, source.transform, source.shape)
            assert dataset.nodata == 255
        found[name] = read_labels(labels)
        assert (found[name][:12, :40] == 255).all()
        assert (found[name][12:] < 2).all() and (found[name][:, 40:] < 2).all()
    assert (found["torch"] == found["onnx"]).mean() > 0.99
