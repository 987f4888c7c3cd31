"""The one reader of photographs: what is read of which file, with which settings, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from band_files import scaled_by_loops, write_bands
from PIL import Image

from encnet.data import raster
from encnet.data.formats.image_settings import image_source
from encnet.data.image_facts import describe_image
from encnet.data.pixels import UPRIGHT
from encnet.data.source import PHOTOGRAPHS, ImageSource, read_image
from encnet.system.errors import InputError


def values(bands: int, dtype: Any = np.uint16, high: int = 4096) -> np.ndarray:
    return np.random.default_rng(bands).integers(0, high, (8, 11, bands)).astype(dtype)


FILES: list[tuple[str, Any, int]] = [
    (suffix, dtype, bands)
    for suffix, dtypes, counts in (
        ("tif", ("uint8", "uint16", "int16", "uint32", "float32", "float64"), (1, 2, 3, 4, 5)),
        ("png", ("uint16",), (1, 3)),
    )
    for dtype in dtypes
    for bands in counts
]


@pytest.mark.parametrize(("suffix", "dtype", "bands"), FILES)
def test_all_bands_are_scaled_by_the_formula(tmp_path: Path, suffix: str, dtype: str, bands: int) -> None:
    stored = values(bands, dtype, 256 if dtype == "uint8" else 4096)
    path = write_bands(tmp_path / f"a.{suffix}", stored)
    pair = (10.0, 250.0) if dtype == "uint8" else (100.0, 3000.0)
    order = tuple(range(bands, 0, -1))
    pixels, valid, _ = ImageSource(order, (pair,)).read(path)
    assert valid is None
    np.testing.assert_array_equal(np.asarray(pixels), scaled_by_loops(stored[..., ::-1], [pair]))


@pytest.mark.parametrize(
    ("suffix", "dtype", "bands"), [file for file in FILES if file[1:] not in (("uint8", 1), ("uint8", 3))]
)
def test_the_proposed_lines_make_a_refused_file_readable(tmp_path: Path, suffix: str, dtype: str, bands: int) -> None:
    # Without this option GDAL would declare a fourth band of bytes as alpha.
    options = {} if suffix == "png" else {"photometric": "MINISBLACK"}
    path = write_bands(tmp_path / f"a.{suffix}", values(bands, dtype, 256 if dtype == "uint8" else 4096), **options)
    with pytest.raises(
        InputError, match=rf"a\.{suffix} has {bands} bands? of {dtype}, so it is not an 8-bit"
    ) as caught:
        PHOTOGRAPHS.read(path)
    lines = str(caught.value).split("`")[1::2]
    source = image_source(yaml.safe_load("\n".join(lines)), tmp_path / "dataset.yaml")
    assert source.channels == (3 if bands in (1, 3) else bands)
    pixels = np.asarray(source.read(path).pixels)
    assert pixels.shape[2] == source.channels
    assert pixels.min() < 10 and pixels.max() > 245


def test_a_single_band_becomes_rgb_unless_it_is_named(tmp_path: Path) -> None:
    path = write_bands(tmp_path / "a.tif", values(1))
    grey = scaled_by_loops(values(1), [(0, 4095)])
    np.testing.assert_array_equal(np.asarray(ImageSource(None, ((0, 4095),)).read(path).pixels), grey.repeat(3, axis=2))
    np.testing.assert_array_equal(ImageSource((1,), ((0, 4095),)).read(path).pixels, grey)


@pytest.mark.parametrize("bands", [1, 2, 4])
def test_floats_without_data_are_filled(tmp_path: Path, bands: int) -> None:
    stored = values(bands, np.float32)
    stored[2, 3, 0], stored[4, 5, bands - 1] = np.nan, -9999
    path = write_bands(tmp_path / "a.tif", stored, nodata=-9999)
    source = ImageSource(tuple(range(1, bands + 1)), ((0, 4095),))
    pixels, valid, facts = source.read(path, (7,) * bands)
    assert isinstance(pixels, np.ndarray) and valid is not None
    assert np.argwhere(~valid).tolist() == [[2, 3], [4, 5]]
    assert (pixels[~valid] == 7).all()
    np.testing.assert_array_equal(pixels[valid], scaled_by_loops(np.nan_to_num(stored), [(0, 4095)])[valid])
    assert facts.nodata == -9999


def test_photographs_with_a_value_without_data(tmp_path: Path) -> None:
    """The same pixels as in the prediction of a raster: those with the value in any band."""
    stored = np.full((4, 5, 3), 9, np.uint8)
    stored[1, 2, 1] = 0
    pixels, valid, _ = PHOTOGRAPHS.read(write_bands(tmp_path / "a.tif", stored, nodata=0), (1, 2, 3))
    assert valid is not None and np.argwhere(~valid).tolist() == [[1, 2]]
    assert np.asarray(pixels)[1, 2].tolist() == [1, 2, 3]


@pytest.mark.parametrize("suffix", ["tif", "png"])
def test_alpha_is_transparency_or_a_band(tmp_path: Path, suffix: str) -> None:
    stored = values(4, np.uint8, 256)
    stored[0, :, 3] = 0
    Image.fromarray(stored).save(tmp_path / f"a.{suffix}")
    path = tmp_path / f"a.{suffix}"
    np.testing.assert_array_equal(np.asarray(PHOTOGRAPHS.read(path).pixels), stored[..., :3])
    np.testing.assert_array_equal(ImageSource((4, 1, 2, 3)).read(path).pixels, stored[..., [3, 0, 1, 2]])
    assert ImageSource((1, 2, 3, 4)).read(path).valid is None
    valid = ImageSource((3, 2, 1)).read(path).valid
    np.testing.assert_array_equal(valid, stored[..., 3] > 0)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_other_numbers_are_turned_upright_by_pillow(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(values(1)[..., 0]).save(tmp_path / "a.tif", exif=exif)
    pixels, _, facts = ImageSource((1,), ((0, 4095),)).read(tmp_path / "a.tif")
    assert facts.orientation == orientation
    np.testing.assert_array_equal(pixels, UPRIGHT[orientation](scaled_by_loops(values(1), [(0, 4095)])))


def test_other_bands_are_turned_upright_by_rasterio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bands(tmp_path / "a.tif", values(4))
    facts = describe_image(path)._replace(orientation=6)
    monkeypatch.setattr("encnet.data.source.describe", lambda path: facts)
    pixels = ImageSource((1, 2, 3, 4), ((0, 4095),)).read(path).pixels
    np.testing.assert_array_equal(pixels, UPRIGHT[6](scaled_by_loops(values(4), [(0, 4095)])))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (ImageSource((1, 5), ((0, 1),)), r"bands is 1,5, but .*a\.tif has the bands 1 to 4"),
        (ImageSource((1, 2)), r"a\.tif has 4 bands of uint16.* for example `value_range: \[.*\]`"),
        (ImageSource(None, ((0, 4095),)), r"a\.tif has 4 bands of uint16.* for example `bands: \[1, 2, 3, 4\]`"),
        (ImageSource((1,), None, (1, 99)), "percentiles of value_range are not measured yet"),
    ],
)
def test_settings_that_do_not_fit_a_file_are_refused(tmp_path: Path, source: ImageSource, message: str) -> None:
    with pytest.raises(InputError, match=message):
        source.read(write_bands(tmp_path / "a.tif", values(4)))


def test_a_range_beyond_8_bits_is_refused_for_8_bit_files(tmp_path: Path) -> None:
    """Otherwise a photograph among 12-bit images would become almost black."""
    Image.new("RGB", (3, 2), (200, 200, 200)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png has 3 bands of uint8, but value_range is 0 to 4095"):
        ImageSource(None, ((0, 4095),)).read(tmp_path / "a.png")


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    path = write_bands(tmp_path / "a.tif", np.ones((4, 5, 1), np.complex64))
    with pytest.raises(InputError, match=r"a\.tif has 1 band of complex64, which are no colours"):
        ImageSource((1,), ((0, 1),)).read(path)


def test_the_error_without_rasterio_says_what_the_file_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_bands(tmp_path / "a.tif", values(4))

    def refuse(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(raster, "import_module", refuse)
    with pytest.raises(InputError, match=r"a\.tif has 4 bands of uint16: .*pip install 'encnet\[geo\]'"):
        PHOTOGRAPHS.read(path)
    pixels = ImageSource((1,), ((0, 4095),)).read(write_bands(tmp_path / "grey.tif", values(1))).pixels
    np.testing.assert_array_equal(pixels, scaled_by_loops(values(1), [(0, 4095)]))  # Pillow reads this one


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bands": ()}, "bands is"),
        ({"bands": (0, 1)}, "bands is .* the first band is 1"),
        ({"bands": (1.5,)}, "bands is"),
        ({"value_range": (5, 5)}, "value_range is"),
        ({"value_range": (5, float("nan"))}, "value_range is"),
        ({"value_range": ((0, 1), (0, 1))}, "one pair for each of the 3 bands"),
        ({"bands": (1, 2), "value_range": ((0, 1),) * 3}, "one pair for each of the 2 bands"),
        ({"percentiles": (99, 1)}, "percentiles is"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ImageSource(**settings)


@pytest.mark.parametrize(
    "source", [PHOTOGRAPHS, ImageSource((4, 1)), ImageSource(None, ((0, 9),)), ImageSource((2, 1), ((0, 9), (1, 2.5)))]
)
def test_json_preserves_bands_and_range(source: ImageSource) -> None:
    assert ImageSource.from_dict(json.loads(json.dumps(source.to_dict()))) == source


def test_missing_settings_are_taken_from_another_source() -> None:
    model = ImageSource((1, 2), ((0, 9),))
    assert PHOTOGRAPHS.completed(model) == model
    assert ImageSource((4, 3)).completed(model) == ImageSource((4, 3), ((0, 9),))
    assert ImageSource(None, None, (1, 99), "stored").completed(model) == ImageSource((1, 2), ((0, 9),), None, "stored")
    assert ImageSource((4, 3), None, (1, 99)).completed(PHOTOGRAPHS).percentiles == (1, 99)


def test_images_in_memory_are_read_as_files_are() -> None:
    grey = Image.fromarray(values(1)[..., 0])
    found = ImageSource((1,), ((0, 4095),)).of_image(grey, "the image")
    np.testing.assert_array_equal(found, scaled_by_loops(values(1), [(0, 4095)]))
    with pytest.raises(InputError, match="bands is 2, but the image has the bands 1 to 1"):
        ImageSource((2,), ((0, 4095),)).of_image(grey, "the image")
    with pytest.raises(InputError, match="the image holds uint16 numbers"):
        ImageSource((1,)).of_image(grey, "the image")


def test_read_image_gives_rgb(tmp_path: Path) -> None:
    Image.new("L", (3, 2), 70).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").getpixel((2, 1)) == (70, 70, 70)
