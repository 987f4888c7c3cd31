"""Settings that would resize windows of rasters."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.geo.window import Rectangle, Window
from encnet.data.labels import LabelSet
from encnet.training.config import TrainConfig
from encnet.training.own_resolution import at_own_resolution


def index_of(image: Path | Window) -> DatasetIndex:
    return DatasetIndex("x", Path("x"), LabelSet.plain(["a"]), {"train": (Sample(image, None),)}, notes=("first",))


WINDOW = Window(Path("a.tif"), Rectangle(0, 0, 32, 32))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"long_side": 512}, "data.long_side 512"),
        ({"base_size": 520}, "data.base_size 520"),
        ({"long_side": 512, "base_size": 520}, "data.long_side 512 and data.base_size 520"),
    ],
)
def test_windows_are_not_resized(settings: TrainConfig, changes: dict[str, int], named: str) -> None:
    config = dataclasses.replace(settings, data=dataclasses.replace(settings.data, **changes))
    found, index = at_own_resolution(config, index_of(WINDOW))
    assert found == settings
    note = f"windows of rasters keep their own resolution, and are not resized: {named} is not used"
    assert index.notes == ("first", note)
    photographs = index_of(Path("a.jpg"))
    assert at_own_resolution(config, photographs) == (config, photographs)


def test_without_a_size_there_is_nothing_to_say(settings: TrainConfig) -> None:
    index = index_of(WINDOW)
    assert at_own_resolution(settings, index) == (settings, index)
