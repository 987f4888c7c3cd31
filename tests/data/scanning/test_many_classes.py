"""Scanning label maps with more than 255 values: a row of values is classes, and 65535 is ignored beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.system.errors import InputError


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def read(root: Path, *maps: np.ndarray) -> DatasetIndex:
    for kind in ("images", "labels"):
        (root / kind).mkdir(parents=True)
    for i, values in enumerate(maps):
        Image.fromarray(values.astype(np.uint16)).save(root / "labels" / f"{i}.png")
        Image.new("RGB", values.shape[::-1], (i, 0, 0)).save(root / "images" / f"{i}.png")
    return read_dataset(root)


def blocks(*values: int) -> np.ndarray:
    """A map with a block of 4 x 4 pixels of each value, filled up with the first."""
    side = int(np.ceil(len(values) ** 0.5))
    grid = np.array([*values, *[values[0]] * (side**2 - len(values))]).reshape(side, side)
    return grid.repeat(4, axis=0).repeat(4, axis=1)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("ignored", [[], [65535]])
def test_a_row_of_300_values_is_classes(tmp_path: Path, first: int, ignored: list[int]) -> None:
    row = range(first, first + 300)
    maps = [blocks(*row, *ignored), blocks(257, 514 - 257, *ignored), blocks(255, 256)]
    index = read(tmp_path / "data", *maps)
    assert index.labels.names == tuple(f"class_{value}" for value in row)
    assert index.labels.raw == {**{value: c for c, value in enumerate(row)}, 65535: 65535}
    for sample, values in zip(index.splits["train"], maps, strict=True):
        assert sample.label is not None
        decoded = index.labels.load(sample.label).astype(int)
        assert np.array_equal(decoded, np.where(values == 65535, 65535, values - first))


def test_256_values_are_255_classes_and_ignored_pixels_as_in_8_bits(tmp_path: Path) -> None:
    labels = read(tmp_path / "data", blocks(*range(256))).labels
    assert labels.num_classes == 255 and labels.raw[255] == labels.ignore == 255


@pytest.mark.parametrize("values", [[*range(0, 600, 2)], [*range(280), *range(290, 300)], [*range(0, 600, 2), 65535]])
def test_more_than_255_values_with_gaps_are_an_error_with_a_way_out(tmp_path: Path, values: list[int]) -> None:
    with pytest.raises(InputError, match=r"different values that do not count up.*list the classes in dataset\.yaml"):
        read(tmp_path / "data", blocks(*values))
