"""Facts in the headers of image files: what was written is what is described."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from band_files import rasterio, write_bands
from PIL import Image

from encnet.data.image_facts import ImageFacts, describe_image
from encnet.system.errors import InputError


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_bands_and_numbers_of_tiffs(tmp_path: Path, dtype: str, bands: int) -> None:
    path = write_bands(tmp_path / "a.tif", np.ones((5, 7, bands), dtype), photometric="MINISBLACK", alpha="NO")
    facts = describe_image(path)
    assert (facts.size, facts.bands, facts.dtype, facts.alpha, facts.pages) == ((7, 5), bands, dtype, False, 1)
    assert facts.is_photograph == (dtype == "uint8" and bands in (1, 3))
    assert str(facts) == f"{bands} band{'s' * (bands > 1)} of {dtype}"


@pytest.mark.parametrize(
    ("options", "bands", "alpha", "mode"),
    [
        ({"photometric": "RGB"}, 4, False, ""),
        ({"photometric": "RGB", "alpha": "YES"}, 3, True, "RGBA"),
        ({"photometric": "MINISBLACK"}, 4, False, ""),
    ],
)
def test_the_fourth_band_of_a_tiff(tmp_path: Path, options: dict[str, Any], bands: int, alpha: bool, mode: str) -> None:
    """Pillow would read the first of these as RGB without its fourth band."""
    facts = describe_image(write_bands(tmp_path / "a.tif", np.ones((5, 7, 4), np.uint8), **options))
    assert (facts.bands, facts.alpha, facts.mode) == (bands, alpha, mode)


@pytest.mark.parametrize(
    ("mode", "suffix", "facts"),
    [
        ("L", "jpg", ImageFacts((7, 5), 1, mode="L")),
        ("RGB", "jpg", ImageFacts((7, 5), 3, mode="RGB")),
        ("CMYK", "jpg", ImageFacts((7, 5), 3, mode="CMYK")),
        ("RGB", "webp", ImageFacts((7, 5), 3, mode="RGB")),
        ("RGB", "bmp", ImageFacts((7, 5), 3, mode="RGB")),
        ("1", "png", ImageFacts((7, 5), 1, mode="1")),
        ("P", "png", ImageFacts((7, 5), 3, mode="P")),
        ("LA", "png", ImageFacts((7, 5), 1, mode="LA", alpha=True)),
        ("RGBA", "png", ImageFacts((7, 5), 3, mode="RGBA", alpha=True)),
        ("I;16", "png", ImageFacts((7, 5), 1, "uint16", "I;16")),
        ("I;16", "tif", ImageFacts((7, 5), 1, "uint16", "I;16")),
        ("F", "tif", ImageFacts((7, 5), 1, "float32", "F")),
        ("CMYK", "tif", ImageFacts((7, 5), 3, mode="CMYK")),
        ("RGB", "tif", ImageFacts((7, 5), 3, mode="RGB")),
    ],
)
def test_modes_of_pillow(tmp_path: Path, mode: str, suffix: str, facts: ImageFacts) -> None:
    Image.new(mode, (7, 5)).save(tmp_path / f"a.{suffix}")
    assert describe_image(tmp_path / f"a.{suffix}") == facts


def test_a_png_of_16_bits_and_three_bands_is_not_taken_for_8_bits(tmp_path: Path) -> None:
    facts = describe_image(write_bands(tmp_path / "a.png", np.ones((5, 7, 3), np.uint16)))
    assert (facts.bands, facts.dtype, facts.mode) == (3, "uint16", "")
    facts = describe_image(write_bands(tmp_path / "b.png", np.ones((5, 7, 2), np.uint16)))
    assert (facts.bands, facts.dtype, facts.mode, facts.alpha) == (1, "uint16", "", True)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_and_shown_size(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (7, 5)).save(tmp_path / f"a.{suffix}", exif=exif)
    facts = describe_image(tmp_path / f"a.{suffix}")
    assert (facts.orientation, facts.size) == (orientation, (7, 5))
    assert facts.shown_size == ((5, 7) if orientation >= 5 else (7, 5))


def test_pages_without_overviews(tmp_path: Path) -> None:
    pages = [Image.new("L", (600, 600)) for _ in range(3)]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    assert describe_image(tmp_path / "pages.tif").pages == 3
    path = write_bands(tmp_path / "overviews.tif", np.ones((600, 600, 4), np.uint16), bigtiff="YES")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        dataset = rasterio.open(path, "r+")
    with dataset:
        dataset.build_overviews([2, 4])
    assert describe_image(path).pages == 1


@pytest.mark.parametrize(("nodata", "expected"), [(0, 0.0), (-9999, -9999.0), (float("nan"), None), (None, None)])
def test_the_value_without_data(tmp_path: Path, nodata: float | None, expected: float | None) -> None:
    path = write_bands(tmp_path / "a.tif", np.ones((5, 7, 1), np.float32), nodata=nodata)
    assert describe_image(path).nodata == expected


@pytest.mark.parametrize("content", [b"", b"no image", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\xff"])
def test_files_that_are_no_images_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match=r"cannot read .*a\.tif as an image"):
        describe_image(tmp_path / "a.tif")
    with pytest.raises(InputError, match=r"there is no file .*b\.tif"):
        describe_image(tmp_path / "b.tif")
