"""Windows of rasters of any bands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from band_files import scaled_by_loops, write_bands

from encnet.data.raster import open_raster
from encnet.system.errors import InputError


@pytest.mark.parametrize("bands", [(1,), (4, 2), (5, 4, 3, 2, 1)])
def test_a_window_is_a_part_of_the_scaled_bands(tmp_path: Path, bands: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).integers(0, 3000, (20, 30, 5)).astype(np.uint16)
    with open_raster(write_bands(tmp_path / "a.tif", values), bands, ((100, 2000),)) as raster:
        pixels, valid = raster(slice(3, 15), slice(10, 30))
        assert raster.read(out_shape=(5, 6)).pixels.shape == (5, 6, len(bands))
    expected = scaled_by_loops(values[3:15, 10:30][..., [band - 1 for band in bands]], [(100, 2000)])
    np.testing.assert_array_equal(pixels, expected)
    assert valid is None


def test_an_alpha_band_masks_the_others_unless_it_is_read(tmp_path: Path) -> None:
    values = np.full((4, 5, 4), 9, np.uint8)
    values[1, 2, 3] = 0
    path = write_bands(tmp_path / "a.tif", values, photometric="RGB", alpha="YES")
    with open_raster(path, (1, 2, 3), fill=(1, 2, 3)) as raster:
        pixels, valid = raster.read()
        assert valid is not None and np.argwhere(~valid).tolist() == [[1, 2]]
        assert pixels[1, 2].tolist() == [1, 2, 3]
    with open_raster(path, (1, 2, 3, 4)) as raster:
        pixels, valid = raster.read()
        assert valid is None
        np.testing.assert_array_equal(pixels, values)


def test_only_the_given_driver_reads_a_file(tmp_path: Path) -> None:
    path = write_bands(tmp_path / "a.png", np.ones((4, 5, 3), np.uint16))
    with pytest.raises(InputError, match=r"cannot read .*a\.png as a raster"), open_raster(path, driver="GTiff"):
        pass
