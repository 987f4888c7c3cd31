from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from band_files import rasterio, write_bands
from label_files import high_bits
from PIL import Image

from encnet.data.images import as_photograph, open_image, open_label_map
from encnet.data.source import read_image
from encnet.system.errors import InputError

ORIENTATION = 0x0112

# EXIF orientation -> what a viewer does to show the stored image upright, from the EXIF standard's table.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    stored = np.random.default_rng(orientation).integers(0, 256, (3, 5, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_image(tmp_path / "a.png")), UPRIGHT[orientation](stored))


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "I;16", "F"])
@pytest.mark.parametrize("orientation", sorted(UPRIGHT))
def test_tiffs_are_turned_too(tmp_path: Path, orientation: int, mode: str, compression: str | None) -> None:
    stored = np.random.default_rng(orientation).integers(0, 256, (3, 5, len(Image.new(mode, (1, 1)).getbands())))
    dtype = {"I;16": np.uint16, "F": np.float32}.get(mode, np.uint8)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(stored.astype(dtype).squeeze()).save(tmp_path / "a.tif", exif=exif, compression=compression)
    turned = np.asarray(open_image(tmp_path / "a.tif"))
    np.testing.assert_array_equal(turned.reshape(*turned.shape[:2], -1), UPRIGHT[orientation](stored))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_every_kind_of_photograph_becomes_rgb(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGB", (4, 3), (255, 255, 255)).convert(mode)
    image.save(tmp_path / "a.png")
    opened = read_image(tmp_path / "a.png")
    assert opened.mode == "RGB"
    assert opened.getextrema() == ((255, 255), (255, 255), (255, 255))


def test_a_transparent_palette_gives_its_colors(tmp_path: Path) -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([9, 9, 9, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert read_image(tmp_path / "a.png").getpixel((1, 1)) == (10, 20, 30)


@pytest.mark.parametrize(("mode", "numbers"), [("I;16", "uint16"), ("I", "int32"), ("F", "float32")])
def test_other_numbers_than_bytes_are_an_error(mode: str, numbers: str) -> None:
    with pytest.raises(InputError, match=f"^the image holds {numbers} numbers, not an 8-bit photograph"):
        as_photograph(Image.new(mode, (2, 2)), "the image")


def test_damaged_files_are_errors_that_name_them(tmp_path: Path) -> None:
    path = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    for length in (0, 4, 20, 40, len(content) // 2, len(content) - 100):
        damaged = tmp_path / f"{length}.png"
        damaged.write_bytes(content[:length])
        with pytest.raises(InputError, match=rf"cannot read .*{length}\.png as an image"):
            open_image(damaged)


def test_a_jpeg_2000_file_that_only_gdal_reads_is_to_be_converted(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8))
    image.save(tmp_path / "a.jp2")
    content = (tmp_path / "a.jp2").read_bytes()
    (tmp_path / "a.jp2").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"cannot read .*a\.jp2 as an image: .*; if it is .* `gdal_translate` for"):
        open_image(tmp_path / "a.jp2")


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.png"):
        open_image(tmp_path / "none.png")
    with pytest.raises(InputError, match=f"^{tmp_path} is a folder, not an image"):
        open_image(tmp_path)


def test_too_many_pixels_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"a\.png has more than 2000 pixels, .* `encnet predict --raster true`"):
        open_image(tmp_path / "a.png")


@pytest.mark.parametrize(("channels", "kind"), [(2, "1 band of uint16 and alpha"), (3, "3 bands of uint16")])
def test_a_label_map_whose_low_bytes_would_be_dropped_is_an_error(tmp_path: Path, channels: int, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(high_bits(np.full((3, 4, channels), 2)))
    with pytest.raises(InputError, match=rf"the label map .*a\.png has {kind}, of which only the upper 8 bits"):
        open_label_map(tmp_path / "a.png")


def test_a_grey_label_map_of_16_bits_keeps_its_values(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(high_bits(np.array([[[2], [500]]])))
    assert np.asarray(open_label_map(tmp_path / "a.png")).tolist() == [[2, 500]]


@pytest.mark.parametrize("suffix", ["tif", "gif"])
def test_a_label_map_of_several_pages_is_an_error(tmp_path: Path, suffix: str) -> None:
    pages = [Image.fromarray(np.full((8, 9), value, np.uint8)) for value in (1, 2, 3)]
    pages[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=pages[1:])
    with pytest.raises(InputError, match=rf"the label map .*a\.{suffix} has 3 pages, of which only the first would"):
        open_label_map(tmp_path / f"a.{suffix}")


def test_overviews_are_no_pages_of_a_label_map(tmp_path: Path) -> None:
    values = np.arange(64 * 64, dtype=np.uint8).reshape(64, 64)
    path = write_bands(tmp_path / "a.tif", values[..., None], transform=rasterio.Affine(1, 0, 5, 0, -1, 5))
    with rasterio.open(path, "r+") as raster:
        raster.build_overviews([2, 4])
    assert np.array_equal(np.asarray(open_label_map(path)), values)


def test_a_label_map_with_jpeg_compression_in_a_tiff_is_an_error(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    image.save(tmp_path / "a.tif", compression="jpeg")
    with pytest.raises(InputError, match=r"the label map .*a\.tif is a lossy TIFF"):
        open_label_map(tmp_path / "a.tif")
    image.save(tmp_path / "a.tif", compression="tiff_lzw")
    assert np.array_equal(np.asarray(open_label_map(tmp_path / "a.tif")), np.asarray(image))
