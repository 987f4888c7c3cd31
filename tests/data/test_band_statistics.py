"""Ranges, means and deviations of the bands of a training split, against NumPy on all of its pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from band_files import scaled_by_loops, write_bands

from encnet.data import band_statistics as module
from encnet.data.band_statistics import band_statistics, with_measured_range
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.labels import LabelSet
from encnet.data.source import ImageSource
from encnet.system.errors import InputError


def images(number: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, (4096, 900), (6, 7, 2)).astype(np.float32) for _ in range(number)]


def index_of(folder: Path, arrays: list[np.ndarray], source: ImageSource) -> DatasetIndex:
    samples = tuple(Sample(write_bands(folder / f"{i}.tif", array, nodata=-1), None) for i, array in enumerate(arrays))
    return DatasetIndex("bands", folder, LabelSet.plain(["a"]), {"train": samples}, source=source)


def test_percentiles_become_one_range_per_band(tmp_path: Path) -> None:
    arrays = images()
    arrays[1][2, 3] = -1  # without data
    index = with_measured_range(index_of(tmp_path / "a", arrays, ImageSource((2, 1), None, (2, 98))), cache=tmp_path)
    pixels = np.concatenate([array.reshape(-1, 2)[:, ::-1] for array in arrays])
    low, high = np.percentile(pixels[(pixels != -1).all(axis=1)], (2, 98), axis=0)
    assert index.source.percentiles is None and index.source.value_range is not None
    np.testing.assert_allclose(np.array(index.source.value_range).T, (low, high), rtol=1e-6)


def test_mean_and_deviation_are_those_of_the_scaled_pixels(tmp_path: Path) -> None:
    arrays = images()
    mean, std = band_statistics(index_of(tmp_path / "a", arrays, ImageSource((1, 2), ((0, 4095),))), cache=tmp_path)
    scaled = np.concatenate([scaled_by_loops(array, [(0, 4095)]).reshape(-1, 2) for array in arrays]) / 255
    np.testing.assert_allclose(mean, scaled.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(std, scaled.std(axis=0), atol=1e-6)


def test_samples_are_the_same_in_every_run_and_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IMAGES", 2)
    monkeypatch.setattr(module, "PIXELS", 10)
    index = index_of(tmp_path / "a", images(5), ImageSource((1, 2), None, (0, 100)))
    first = with_measured_range(index, cache=tmp_path / "one")
    assert with_measured_range(index, cache=tmp_path / "two") == first
    monkeypatch.setattr(ImageSource, "values", None)  # nothing is read again
    assert with_measured_range(index, cache=tmp_path / "two") == first


def test_a_changed_image_is_measured_again(tmp_path: Path) -> None:
    index = index_of(tmp_path / "a", images(), ImageSource((1, 2), None, (0, 100)))
    first = with_measured_range(index, cache=tmp_path)
    write_bands(tmp_path / "a/0.tif", 2 * images()[0], compress="deflate")
    assert with_measured_range(index, cache=tmp_path).source != first.source


def test_bands_that_cannot_be_measured_are_errors(tmp_path: Path) -> None:
    source = ImageSource((1, 2), None, (1, 99))
    flat = index_of(tmp_path / "flat", [np.full((4, 4, 2), 7.0, np.float32)], source)
    with pytest.raises(InputError, match="percentiles 1 and 99 of band 1 are both 7"):
        with_measured_range(flat, cache=tmp_path)
    nothing = index_of(tmp_path / "nothing", [np.full((4, 4, 2), -1.0, np.float32)], source)
    with pytest.raises(InputError, match="have no pixel with data"):
        with_measured_range(nothing, cache=tmp_path)
    with pytest.raises(InputError, match="has no image to measure"):
        with_measured_range(replace(flat, splits={"train": ()}), cache=tmp_path)


def test_a_band_of_one_value_does_not_divide_by_zero(tmp_path: Path) -> None:
    index = index_of(tmp_path / "a", [np.full((4, 4, 1), 7.0, np.float32)], ImageSource((1,), ((0, 255),)))
    assert band_statistics(index, cache=tmp_path).std == (pytest.approx(1 / 255, abs=1e-6),)
