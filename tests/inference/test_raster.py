"""Rasters: written by rasterio, predicted by window, and read back: labels, georeference, nodata."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from block_network import BLOCK, block_network
from PIL import Image

from encnet.cli import main
from encnet.errors import InputError
from encnet.inference import raster_files
from encnet.inference.inputs import kind_of
from encnet.inference.predictor import Predictor
from encnet.inference.protocol import Protocol
from encnet.inference.raster import predict_raster
from encnet.model.encnet import EncNet

rasterio: Any = pytest.importorskip("rasterio")
pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

TILES = Protocol("tiled", (96, 128), margin=32)


def picture(height: int = 210, width: int = 330, bands: int = 3) -> np.ndarray:
    small = np.random.default_rng(0).integers(1, 255, (-(-height // 24), -(-width // 24), bands), np.uint8)
    return small.repeat(24, 0).repeat(24, 1)[:height, :width]


def write(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    """Bands (H, W, bands) as a GeoTIFF in UTM zone 33, of 10 m pixels."""
    transform = rasterio.Affine(10, 0, 500_000, 0, -10, 5_800_000)
    profile = {"driver": "GTiff", "crs": "EPSG:32633", "transform": transform, **options}
    height, width, count = pixels.shape
    with rasterio.open(path, "w", height=height, width=width, count=count, dtype=pixels.dtype, **profile) as target:
        target.write(pixels.transpose(2, 0, 1))
    return path


def labels_in(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(block_network(), TILES, device="cpu")


def same_labels(found: np.ndarray, expected: np.ndarray) -> bool:
    """But for pixels where two scores are all but equal."""
    return bool((found == expected).mean() > 0.999)


def test_labels_lie_where_the_raster_lies(tmp_path: Path, predictor: Predictor) -> None:
    source = write(tmp_path / "field.tif", picture())
    told: list[tuple[int, int]] = []
    written = predict_raster(predictor, source, tmp_path / "out", progress=lambda *done: told.append(done))
    assert [path.name for path in written] == ["field_labels.tif", "field.json", "field_overlay.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in written)
    assert told == [(i + 1, len(told)) for i in range(len(told))]
    expected = Predictor(block_network(), device="cpu")(picture())
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
    said = json.loads(written[1].read_text())
    assert said["crs"] == "EPSG:32633"
    assert said["bands"] == [1, 2, 3]
    assert said["pixels_with_data"] == 210 * 330
    assert said["shares"] == {
        name: pytest.approx(share, abs=1e-6) for name, share in zip(predictor.names, shares, strict=True) if share
    }
    assert [said["presence"][name] for name in predictor.names] == pytest.approx(expected.presence.tolist(), abs=1e-5)
    with Image.open(written[2]) as overlay:
        assert overlay.height >= 210


def test_one_tile_of_its_own_size_is_the_plain_prediction(tmp_path: Path) -> None:
    predictor = Predictor(block_network(), device="cpu")
    source = write(tmp_path / "field.tif", picture())
    labels = predict_raster(predictor, source, tmp_path / "out", overlay=False)[0]
    np.testing.assert_array_equal(labels_in(labels), predictor(picture()).labels)


def test_blocks_of_the_file_do_not_show(tmp_path: Path, predictor: Predictor) -> None:
    """More rows and columns than a block has, in strips that do not end where blocks end."""
    pixels = picture(1100, 600)
    labels = predict_raster(predictor, write(tmp_path / "field.tif", pixels), tmp_path / "out")[0]
    with rasterio.open(labels) as dataset:
        assert dataset.block_shapes == [(512, 512)]
    assert same_labels(labels_in(labels), Predictor(block_network(), device="cpu")(pixels).labels)


def masked(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A picture with a frame of zeros, and where it has data."""
    valid = np.zeros(pixels.shape[:2], bool)
    valid[5 * BLOCK : 20 * BLOCK, 4 * BLOCK : 30 * BLOCK] = True
    return np.where(valid[..., None], pixels, 0).astype(pixels.dtype), valid


def test_nodata_stays_nodata_and_is_no_context(tmp_path: Path, predictor: Predictor) -> None:
    pixels, valid = masked(picture(26 * BLOCK, 41 * BLOCK))
    labels, report, _ = predict_raster(predictor, write(tmp_path / "field.tif", pixels, nodata=0), tmp_path / "out")
    found = labels_in(labels)
    np.testing.assert_array_equal(found == 255, ~valid)
    rows, columns = np.flatnonzero(valid.any(1)), np.flatnonzero(valid.any(0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # What has data, by itself; at its borders the map is interpolated with what is beyond.
    expected = Predictor(block_network(), device="cpu")(np.ascontiguousarray(pixels[cut]))
    inner = np.s_[BLOCK:-BLOCK, BLOCK:-BLOCK]
    assert same_labels(found[cut][inner], expected.labels[inner])
    said = json.loads(report.read_text())
    assert expected.presence is not None
    assert [said["presence"][name] for name in predictor.names] == pytest.approx(expected.presence.tolist(), abs=1e-4)
    assert said["pixels_with_data"] == valid.sum()


def test_a_band_of_transparency_counts_as_nodata(tmp_path: Path, predictor: Predictor) -> None:
    pixels, valid = masked(picture())
    four = np.concatenate([pixels, 255 * valid[..., None].astype(np.uint8)], axis=2)
    source = write(tmp_path / "field.tif", four, photometric="rgb", alpha="yes")
    labels = predict_raster(predictor, source, tmp_path / "out")[0]
    np.testing.assert_array_equal(labels_in(labels) == 255, ~valid)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_bands_and_range_make_bytes(dtype: type, tmp_path: Path, predictor: Predictor) -> None:
    """Blue, green, red and infrared, as satellites have them; of floats some are no numbers."""
    rgb = picture()
    values = (rgb[..., ::-1].astype(np.float64) * 10 + 500).astype(dtype)
    pixels = np.concatenate([values, np.full_like(values[..., :1], 7)], axis=2)
    if dtype is np.float32:
        pixels[:40, :40, 1] = np.nan
    source = write(tmp_path / "field.tif", pixels)
    options: dict[str, Any] = {"bands": (3, 2, 1), "value_range": (500, 3050)}
    labels = predict_raster(predictor, source, tmp_path / "out", **options)[0]
    expected = Predictor(block_network(), TILES, device="cpu")(rgb)
    found = labels_in(labels)
    if dtype is np.float32:
        assert (found[:40, :40] == 255).all()
        assert (found[40:] != 255).all()
    else:
        assert same_labels(found, expected.labels)


def test_bands_that_are_called_red_green_and_blue_are_found(tmp_path: Path, predictor: Predictor) -> None:
    rgb = picture()
    pixels = np.concatenate([np.zeros_like(rgb[..., :1]), rgb[..., ::-1]], axis=2)
    source = write(tmp_path / "field.tif", pixels)
    with rasterio.open(source, "r+") as dataset:
        colors = rasterio.enums.ColorInterp
        dataset.colorinterp = [colors.gray, colors.blue, colors.green, colors.red]
    labels = predict_raster(predictor, source, tmp_path / "out")[0]
    assert same_labels(labels_in(labels), Predictor(block_network(), device="cpu")(rgb).labels)


def test_other_kinds_of_georeference_are_kept(tmp_path: Path, predictor: Predictor) -> None:
    points = [
        rasterio.control.GroundControlPoint(row, column, 14 + column / 100, 52 - row / 100)
        for row, column in ((0, 0), (0, 300), (200, 0), (200, 300))
    ]
    source = tmp_path / "field.tif"
    pixels = picture()
    options = {"height": 210, "width": 330, "count": 3, "dtype": "uint8", "gcps": points, "crs": "EPSG:4326"}
    with rasterio.open(source, "w", driver="GTiff", **options) as target:
        target.write(pixels.transpose(2, 0, 1))
    labels, report, _ = predict_raster(predictor, source, tmp_path / "out")
    with rasterio.open(labels) as dataset:
        found, crs = dataset.gcps
        assert [(p.row, p.col, p.x, p.y) for p in found] == [(p.row, p.col, p.x, p.y) for p in points]
        assert crs.to_epsg() == 4326
    assert json.loads(report.read_text())["crs"] == "EPSG:4326"


@pytest.mark.parametrize(
    ("pixels", "options", "message"),
    [
        (picture(bands=1), {}, r"field\.tif has 1 band, and the network takes red, green and blue; say which"),
        (picture(), {"bands": (1, 2, 4)}, r"field\.tif has bands 1 to 3, but --bands are 1,2,4"),
        (picture(), {"bands": (0, 1, 2)}, "but --bands are 0,1,2"),
        (picture().astype(np.uint16), {}, r"are uint16, not bytes; say which values are black and white"),
        (picture().astype(np.uint16), {"value_range": (9, 9)}, "--value_range is 9,9; the first value must be below"),
        (picture().astype(np.complex64), {"value_range": (0, 9)}, "holds complex numbers"),
        (np.zeros_like(picture()), {}, r"has no pixel with data in bands \(1, 2, 3\)"),
        (picture(), {"opacity": 2.0}, "the opacity is 2.0"),
    ],
)
def test_what_cannot_be_read_as_colours_is_said(
    pixels: np.ndarray, options: dict[str, Any], message: str, tmp_path: Path, predictor: Predictor
) -> None:
    nodata = None if pixels.dtype == np.complex64 else 0
    source = write(tmp_path / "field.tif", pixels, nodata=nodata)
    with pytest.raises(InputError, match=message):
        predict_raster(predictor, source, tmp_path / "out", **options)
    assert not list(tmp_path.glob("out/*"))


def test_what_is_no_raster_is_said(tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "text.tif").write_text("no raster at all")
    with pytest.raises(InputError, match=r"cannot read .*text\.tif as a raster"):
        predict_raster(predictor, tmp_path / "text.tif", tmp_path / "out")
    source = write(tmp_path / "field.tif", picture(), compress="deflate")
    data = source.read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"cut\.tif"):
        predict_raster(predictor, tmp_path / "cut.tif", tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_interruption_leaves_nothing(tmp_path: Path, predictor: Predictor) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict_raster(predictor, write(tmp_path / "field.tif", picture()), tmp_path / "out", progress=interrupt)
    assert not list((tmp_path / "out").iterdir())


def test_the_result_does_not_take_the_place_of_its_source(tmp_path: Path, predictor: Predictor) -> None:
    source = write(tmp_path / "field_labels.tif", picture())
    with pytest.raises(InputError, match="would take the place of"):
        predict_raster(predictor, source, tmp_path, "field")


def test_other_engines_and_protocols_are_refused(tmp_path: Path, toy_onnx: Callable[..., Path]) -> None:
    source = write(tmp_path / "field.tif", picture())
    with pytest.raises(InputError, match="a raster takes the protocol plain or tiled, not plain"):
        predict_raster(Predictor(block_network(), Protocol(flip=True), device="cpu"), source, tmp_path / "out")
    pytest.importorskip("onnxruntime")
    with pytest.raises(InputError, match=r"a raster takes PyTorch and a checkpoint, .* or give --raster false"):
        predict_raster(Predictor(toy_onnx()), source, tmp_path / "out")


def test_without_rasterio_it_is_said_what_to_install(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "field.tif", picture())

    def refuse(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(raster_files, "import_module", refuse)
    with pytest.raises(InputError, match=r"pip install 'encnet\[geo\]'"):
        predict_raster(predictor, source, tmp_path / "out")


def test_which_tiffs_are_rasters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(picture()).save(tmp_path / "photograph.tif")
    assert kind_of(tmp_path / "photograph.tif") == "image"
    assert kind_of(write(tmp_path / "field.tif", picture())) == "raster"
    plain: dict[str, Any] = {"crs": None, "transform": None}
    assert kind_of(write(tmp_path / "plain.TIFF", picture(), **plain)) == "image"
    assert kind_of(write(tmp_path / "sixteen.tif", picture(bands=5).astype(np.uint16), **plain)) == "raster"
    monkeypatch.setattr("encnet.inference.inputs.RASTER_PIXELS", 210 * 330 - 1)
    assert kind_of(tmp_path / "photograph.tif") == "raster"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    from encnet.model.variants import create_model

    model: EncNet = create_model("encnet_tiny", num_classes=3)
    model.save(tmp_path / "model.safetensors")
    return tmp_path / "model.safetensors"


def test_the_command_takes_rasters_with_photographs(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(64, 64)).save(tmp_path / "photograph.png")
    values = picture(80, 100, bands=4).astype(np.uint16) * 10
    files = [str(tmp_path / "photograph.png"), str(write(tmp_path / "field.tif", values))]
    options = ["--bands", "4,3,2", "--value-range=0,2550", "--out", str(tmp_path / "out"), "--device", "cpu"]
    assert main(["predict", str(checkpoint), *files, *options]) == 0
    names = ("field.json", "field_labels.tif", "field_overlay.png")
    photograph = ("photograph.json", "photograph.png", "photograph_overlay.png")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [*names, *photograph]
    assert json.loads((tmp_path / "out/field.json").read_text())["bands"] == [4, 3, 2]
    assert main(["predict", str(checkpoint), files[1], "--bands", "[4,3,2]", *options[2:]]) == 0
    assert main(["predict", str(checkpoint), *files, "--out", str(tmp_path / "other"), "--raster", "true"]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "field.tif are uint16, not bytes" in said
    assert {path.stem for path in (tmp_path / "other").iterdir()} == {
        "photograph_labels",
        "photograph",
        "photograph_overlay",
    }
    for wrong in (["--bands", "4,3"], ["--bands", "red"], ["--value_range", "5"]):
        assert main(["predict", str(checkpoint), files[1], *wrong]) == 2
        assert "numbers with commas between them" in capsys.readouterr().err
