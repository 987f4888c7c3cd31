from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.data.images import open_image, read_image
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


def test_sixteen_bit_grey_is_scaled_to_eight_bits(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 0x1234, 0xFFFF]], dtype=np.uint16)).save(tmp_path / "a.png")
    pixels = np.asarray(read_image(tmp_path / "a.png"))
    assert pixels.tolist() == [[[0] * 3, [0x12] * 3, [0xFF] * 3]]


@pytest.mark.parametrize("mode", ["I", "F"])
def test_32_bit_numbers_are_an_error(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (2, 2)).save(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"a\.tif holds 32-bit numbers"):
        read_image(tmp_path / "a.tif")


def test_damaged_files_are_errors_that_name_them(tmp_path: Path) -> None:
    path = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    for length in (0, 4, 20, 40, len(content) // 2, len(content) - 100):
        damaged = tmp_path / f"{length}.png"
        damaged.write_bytes(content[:length])
        with pytest.raises(InputError, match=rf"cannot read .*{length}\.png as an image"):
            open_image(damaged)


def test_a_missing_file_and_a_folder_are_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no file .*none\.png"):
        open_image(tmp_path / "none.png")
    with pytest.raises(InputError, match=f"cannot read {tmp_path}"):
        open_image(tmp_path)


def test_too_many_pixels_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match=r"a\.png has more than 2000 pixels, .* `encnet predict --raster true`"):
        open_image(tmp_path / "a.png")
