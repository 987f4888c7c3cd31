"""Scaling, turning and resizing of pixels of any bands, against loops and Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from band_files import scaled_by_loops
from PIL import Image

from encnet.data.pixels import UPRIGHT, as_pixels, fill_of, picture, resized, scaled, size_of


@pytest.mark.parametrize("pairs", [[(0.0, 4095.0)], [(100.0, 900.5), (-20.0, 50.0), (7.0, 8.0), (0.0, 65535.0)]])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32, np.float32, np.float64])
def test_values_are_scaled_as_by_loops(dtype: type, pairs: list[tuple[float, float]]) -> None:
    kind = np.iinfo(dtype) if np.issubdtype(dtype, np.integer) else None
    low, high = (-3000, 70000) if kind is None else (max(kind.min, -3000), min(kind.max, 70000))
    values = np.random.default_rng(0).uniform(low, high, (9, 11, 4)).astype(dtype)
    found = scaled(values, tuple(pairs), (0,) * 4, None)
    assert isinstance(found, np.ndarray)
    np.testing.assert_array_equal(found, scaled_by_loops(values, pairs))


def test_pixels_without_data_get_the_fill() -> None:
    values = np.full((2, 3, 2), 5.0)
    values[0, 0, 1], values[1, 2, 0] = np.nan, np.inf
    valid = np.asarray(np.isfinite(values).all(axis=2))
    found = scaled(values, ((0, 10),), (7, 9), valid)
    assert isinstance(found, np.ndarray)
    assert found[0, 0].tolist() == found[1, 2].tolist() == [7, 9]
    assert (found[valid] == 128).all()  # 127.5 is rounded to even


def test_bytes_stay_without_a_range() -> None:
    values = np.random.default_rng(0).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(scaled(values, None, (0, 0, 0), None)), values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turns_are_those_of_pillow(orientation: int) -> None:
    from PIL import ImageOps

    stored = np.random.default_rng(0).integers(0, 256, (3, 5), dtype=np.uint8)
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(UPRIGHT[orientation](stored), np.asarray(ImageOps.exif_transpose(image)))
    assert UPRIGHT[orientation](stored[..., None].repeat(4, axis=2)).shape[2] == 4


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 6])
def test_bands_are_resized_and_shown_like_grey_images(bands: int) -> None:
    array = np.random.default_rng(0).integers(0, 256, (20, 30, bands), dtype=np.uint8)
    pixels = as_pixels(array)
    assert isinstance(pixels, Image.Image) == (bands == 3)
    assert size_of(pixels) == (30, 20)
    small = np.asarray(resized(pixels, (13, 9)))
    for band in range(bands):
        expected = Image.fromarray(array[..., band]).resize((13, 9), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(small[..., band], np.asarray(expected))
    shown = np.asarray(picture(pixels))
    expected = array[..., :3] if bands >= 3 else array[..., :1].repeat(3, axis=2)
    np.testing.assert_array_equal(shown, expected)


def test_the_fill_is_the_mean_in_bytes() -> None:
    assert fill_of((0.0, 0.5, 1.0, 0.1)) == (0, 128, 255, 26)
