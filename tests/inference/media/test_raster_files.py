"""Reading rasters: bands, value ranges, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from block_network import block_network
from full_disk import largest_file
from PIL import Image
from rasters import field, rasterio, read_labels, same_labels, write_raster

from encnet.data import raster
from encnet.inference.kinds import kind_of
from encnet.inference.media.raster import predict_raster
from encnet.inference.predictor import Predictor
from encnet.inference.protocols.protocol import Protocol
from encnet.system.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")

TILES = Protocol("tiled", (96, 128), margin=32)


@pytest.fixture
def predictor() -> Predictor:
    return Predictor(block_network(), TILES, device="cpu")


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.float32])
def test_bands_are_selected_and_scaled_to_bytes(dtype: type, tmp_path: Path, predictor: Predictor) -> None:
    """Blue, green, red and infrared, as satellites store them; some floats are NaN."""
    rgb = field()
    values = (rgb[..., ::-1].astype(np.float64) * 10 + 500).astype(dtype)
    pixels = np.concatenate([values, np.full_like(values[..., :1], 7)], axis=2)
    if dtype is np.float32:
        pixels[:40, :40, 1] = np.nan
    source = write_raster(tmp_path / "field.tif", pixels)
    options: dict[str, Any] = {"bands": (3, 2, 1), "value_range": (500, 3050)}
    labels = predict_raster(predictor, source, tmp_path / "out", **options)[0]
    expected = Predictor(block_network(), TILES, device="cpu")(rgb)
    label_map = read_labels(labels)
    if dtype is np.float32:
        assert (label_map[:40, :40] == 255).all()
        assert (label_map[40:] != 255).all()
    else:
        assert same_labels(label_map, expected.labels)


def test_bands_declared_as_red_green_and_blue_are_used(tmp_path: Path, predictor: Predictor) -> None:
    rgb = field()
    pixels = np.concatenate([np.zeros_like(rgb[..., :1]), rgb[..., ::-1]], axis=2)
    source = write_raster(tmp_path / "field.tif", pixels)
    with rasterio.open(source, "r+") as dataset:
        colors = rasterio.enums.ColorInterp
        dataset.colorinterp = [colors.gray, colors.blue, colors.green, colors.red]
    labels = predict_raster(predictor, source, tmp_path / "out")[0]
    assert same_labels(read_labels(labels), Predictor(block_network(), device="cpu")(rgb).labels)


@pytest.mark.parametrize(
    ("pixels", "options", "message", "argument"),
    [
        (field(bands=1), {}, r"field\.tif has 1 band, but the network needs red, green and blue", "bands"),
        (field(), {"bands": (1, 2, 4)}, r"bands is 1,2,4, but .*field\.tif has the bands 1 to 3", "bands"),
        (field(), {"bands": (0, 1, 2)}, r"bands is \[0, 1, 2\]; it must be", "bands"),
        (field().astype(np.uint16), {}, r"are uint16, not bytes; give the values of black and white", "value_range"),
        (field().astype(np.uint16), {"value_range": (9, 9)}, r"value_range is \(9, 9\); it must be", "value_range"),
        (field().astype(np.complex64), {"value_range": (0, 9)}, "are complex numbers", "bands"),
        (np.zeros_like(field()), {}, "has no pixel with data in bands 1,2,3", "bands"),
        (field(), {"opacity": 2.0}, "opacity is 2.0", "opacity"),
    ],
)
def test_bands_that_are_not_colours_are_an_error(
    pixels: np.ndarray, options: dict[str, Any], message: str, argument: str, tmp_path: Path, predictor: Predictor
) -> None:
    nodata = None if pixels.dtype == np.complex64 else 0
    source = write_raster(tmp_path / "field.tif", pixels, nodata=nodata)
    with pytest.raises(InputError, match=message) as caught:
        predict_raster(predictor, source, tmp_path / "out", **options)
    assert caught.value.argument == argument
    assert not list(tmp_path.glob("out/*"))


def test_damaged_files_are_named(tmp_path: Path, predictor: Predictor) -> None:
    (tmp_path / "text.tif").write_text("no raster at all")
    with pytest.raises(InputError, match=r"cannot read .*text\.tif as a raster"):
        predict_raster(predictor, tmp_path / "text.tif", tmp_path / "out")
    source = write_raster(tmp_path / "field.tif", field(), compress="deflate")
    data = source.read_bytes()
    (tmp_path / "cut.tif").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputError, match=r"cut\.tif"):
        predict_raster(predictor, tmp_path / "cut.tif", tmp_path / "out")
    assert not list(tmp_path.glob("out/*"))


def test_the_error_without_rasterio_names_the_extra(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_raster(tmp_path / "field.tif", field())

    def refuse(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(raster, "import_module", refuse)
    with pytest.raises(InputError, match=r"pip install 'encnet\[geo\]'"):
        predict_raster(predictor, source, tmp_path / "out")


def test_large_georeferenced_and_unusual_tiffs_are_rasters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(field()).save(tmp_path / "photograph.tif")
    assert kind_of(tmp_path / "photograph.tif") == "image"
    assert kind_of(write_raster(tmp_path / "field.tif", field())) == "raster"
    plain: dict[str, Any] = {"crs": None, "transform": None}
    assert kind_of(write_raster(tmp_path / "plain.TIFF", field(), **plain)) == "image"
    assert kind_of(write_raster(tmp_path / "sixteen.tif", field(bands=5).astype(np.uint16), **plain)) == "raster"
    monkeypatch.setattr("encnet.inference.kinds.RASTER_PIXELS", 210 * 330 - 1)
    assert kind_of(tmp_path / "photograph.tif") == "raster"


def test_a_label_map_that_does_not_fit_on_the_disk_is_an_error(tmp_path: Path, predictor: Predictor) -> None:
    """GDAL writes the last blocks when the file is closed, and raises no error if it cannot."""
    source = write_raster(tmp_path / "field.tif", field())
    with largest_file(1000), pytest.raises(InputError, match=r"cannot write .*out/field_labels\.tif: File too large"):
        predict_raster(predictor, source, tmp_path / "out", overlay=False)
    assert not (tmp_path / "out").exists()
