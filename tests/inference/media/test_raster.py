"""``predict_raster``: labels, georeference and nodata of the files that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from block_network import BLOCK, block_network
from listing import visible
from PIL import Image
from rasters import field, rasterio, read_labels, same_labels, write_raster

from encnet.checkpoint.create import create_model
from encnet.cli import main
from encnet.inference.media.raster import predict_raster
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.system.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

TILES = Protocol("tiled", (96, 128), margin=32)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(block_network(), TILES, device="cpu")


def test_the_label_map_has_the_georeference_of_the_raster(tmp_path: Path, predictor: Predictor) -> None:
    source = write_raster(tmp_path / "field.tif", field())
    progress: list[tuple[int, int]] = []
    written = predict_raster(predictor, source, tmp_path / "out", progress=lambda *done: progress.append(done))
    assert [path.name for path in written] == ["field_labels.tif", "field.json", "field_overlay.png"]
    assert visible(tmp_path / "out") == sorted(path.name for path in written)
    assert progress == [(i + 1, len(progress)) for i in range(len(progress))]
    expected = Predictor(block_network(), device="cpu")(field())
    assert expected.presence is not None
    with rasterio.open(source) as before, rasterio.open(written[0]) as after:
        assert after.transform == before.transform
        assert after.crs == before.crs
        assert (after.height, after.width, after.count) == (before.height, before.width, 1)
        assert after.dtypes == ("uint8",)
        assert after.nodata == 255
        assert after.compression.name == "deflate"
        assert after.colorinterp[0].name == "palette"
        colors = after.colormap(1)
        assert [colors[i][:3] for i in range(4)] == list(predictor.palette)
        assert [after.tags(1)[f"class_{i}"] for i in range(4)] == list(predictor.names)
        assert json.loads(after.tags()["classes"]) == list(predictor.names)
        assert same_labels(after.read(1), expected.labels)
        shares = np.bincount(after.read(1).ravel(), minlength=4) / expected.labels.size
    report = json.loads(written[1].read_text())
    assert report["crs"] == "EPSG:32633"
    with rasterio.open(source) as before:
        assert report["square_metres_per_pixel"] == pytest.approx(before.res[0] * before.res[1])
    assert sum(report["pixels"].values()) == report["pixels_with_data"]
    assert report["bands"] == [1, 2, 3]
    assert report["pixels_with_data"] == 210 * 330
    assert report["shares"] == {
        name: pytest.approx(share, abs=1e-6) for name, share in zip(predictor.names, shares, strict=True) if share
    }
    assert [report["presence"][name] for name in predictor.names] == pytest.approx(expected.presence.tolist(), abs=1e-5)
    with Image.open(written[2]) as overlay:
        assert overlay.height >= 210


def test_a_raster_in_one_tile_is_predicted_as_a_photograph(tmp_path: Path) -> None:
    predictor = Predictor(block_network(), device="cpu")
    source = write_raster(tmp_path / "field.tif", field())
    labels = predict_raster(predictor, source, tmp_path / "out", overlay=False)[0]
    np.testing.assert_array_equal(read_labels(labels), predictor(field()).labels)


def test_blocks_of_the_file_do_not_change_the_labels(tmp_path: Path, predictor: Predictor) -> None:
    """The raster is larger than a block, and the strips of labels do not end where blocks end."""
    pixels = field(1100, 600)
    labels = predict_raster(predictor, write_raster(tmp_path / "field.tif", pixels), tmp_path / "out")[0]
    with rasterio.open(labels) as dataset:
        assert dataset.block_shapes == [(512, 512)]
    assert same_labels(read_labels(labels), Predictor(block_network(), device="cpu")(pixels).labels)


def masked(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a border of zeros, and the mask of the pixels inside."""
    valid = np.zeros(pixels.shape[:2], bool)
    valid[5 * BLOCK : 20 * BLOCK, 4 * BLOCK : 30 * BLOCK] = True
    return np.where(valid[..., None], pixels, 0).astype(pixels.dtype), valid


def test_nodata_stays_nodata_and_does_not_count_as_context(tmp_path: Path, predictor: Predictor) -> None:
    pixels, valid = masked(field(26 * BLOCK, 41 * BLOCK))
    labels, report, _ = predict_raster(
        predictor, write_raster(tmp_path / "field.tif", pixels, nodata=0), tmp_path / "out"
    )
    label_map = read_labels(labels)
    np.testing.assert_array_equal(label_map == 255, ~valid)
    rows, columns = np.flatnonzero(valid.any(1)), np.flatnonzero(valid.any(0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # The part with data, predicted alone; at its border, scores are interpolated with those outside.
    expected = Predictor(block_network(), device="cpu")(np.ascontiguousarray(pixels[cut]))
    inner = np.s_[BLOCK:-BLOCK, BLOCK:-BLOCK]
    assert same_labels(label_map[cut][inner], expected.labels[inner])
    values = json.loads(report.read_text())
    assert expected.presence is not None
    assert [values["presence"][name] for name in predictor.names] == pytest.approx(expected.presence.tolist(), abs=1e-4)
    assert values["pixels_with_data"] == valid.sum()


def test_transparent_pixels_count_as_nodata(tmp_path: Path, predictor: Predictor) -> None:
    pixels, valid = masked(field())
    four = np.concatenate([pixels, 255 * valid[..., None].astype(np.uint8)], axis=2)
    source = write_raster(tmp_path / "field.tif", four, photometric="rgb", alpha="yes")
    labels = predict_raster(predictor, source, tmp_path / "out")[0]
    np.testing.assert_array_equal(read_labels(labels) == 255, ~valid)


def test_ground_control_points_are_kept(tmp_path: Path, predictor: Predictor) -> None:
    points = [
        rasterio.control.GroundControlPoint(row, column, 14 + column / 100, 52 - row / 100)
        for row, column in ((0, 0), (0, 300), (200, 0), (200, 300))
    ]
    source = tmp_path / "field.tif"
    pixels = field()
    options = {"height": 210, "width": 330, "count": 3, "dtype": "uint8", "gcps": points, "crs": "EPSG:4326"}
    with rasterio.open(source, "w", driver="GTiff", **options) as target:
        target.write(pixels.transpose(2, 0, 1))
    labels, report, _ = predict_raster(predictor, source, tmp_path / "out")
    with rasterio.open(labels) as dataset:
        kept, crs = dataset.gcps
        assert [(p.row, p.col, p.x, p.y) for p in kept] == [(p.row, p.col, p.x, p.y) for p in points]
        assert crs.to_epsg() == 4326
    assert json.loads(report.read_text())["crs"] == "EPSG:4326"
    assert json.loads(report.read_text())["square_metres_per_pixel"] is None  # degrees are no lengths


def test_an_interruption_leaves_no_files(tmp_path: Path, predictor: Predictor) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_raster(predictor, write_raster(tmp_path / "field.tif", field()), tmp_path / "out", progress=interrupt)
    assert not (tmp_path / "out").exists()


def test_the_result_does_not_overwrite_its_source(tmp_path: Path, predictor: Predictor) -> None:
    source = write_raster(tmp_path / "field_labels.tif", field())
    with pytest.raises(InputError, match="which is never replaced"):
        predict_raster(predictor, source, tmp_path, "field")


def test_other_protocols_are_refused(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "field.tif", field())
    with pytest.raises(InputError, match=r"a raster takes the protocol plain or tiled, not plain .*mirror"):
        predict_raster(Predictor(block_network(), Protocol(flip=True), device="cpu"), source, tmp_path / "out")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    create_model("encnet_tiny", num_classes=3).save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_predict_accepts_rasters_and_photographs_together(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(field(64, 64)).save(tmp_path / "photograph.png")
    values = field(80, 100, bands=4).astype(np.uint16) * 10
    files = [str(tmp_path / "photograph.png"), str(write_raster(tmp_path / "field.tif", values))]
    options = ["--bands", "4,3,2", "--value-range=0,2550", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["predict", str(checkpoint), *files, *options]) == 0
    names = ("field.json", "field_labels.tif", "field_overlay.png")
    photograph = ("photograph.json", "photograph.png", "photograph_overlay.png")
    assert visible(tmp_path / "out") == [*names, *photograph]
    assert json.loads((tmp_path / "out/field.json").read_text())["bands"] == [4, 3, 2]
    assert main(["predict", str(checkpoint), files[1], "--bands", "[4,3,2]", *options[2:]]) == 0
    assert main(["predict", str(checkpoint), *files, "--out", str(tmp_path / "other"), "--raster", "true"]) == 2
    message = " ".join(capsys.readouterr().err.split())
    assert "field.tif are uint16, not bytes" in message
    assert {Path(name).stem for name in visible(tmp_path / "other")} == {
        "photograph_labels",
        "photograph",
        "photograph_overlay",
    }
    assert main(["predict", str(checkpoint), files[1], "--bands", "4,3"]) == 2
    assert "sees 3 bands, but the files give the bands 4,3; give 3 bands (--bands)" in capsys.readouterr().err
    for wrong in (["--bands", "red"], ["--value_range", "5"]):
        assert main(["predict", str(checkpoint), files[1], *wrong]) == 2
        assert wrong[0].removeprefix("--") in capsys.readouterr().err
