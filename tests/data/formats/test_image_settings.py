"""The keys of dataset.yaml that say how photographs are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from encnet.data.formats import read_dataset
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.formats.image_settings import image_source
from encnet.data.formats.unique_yaml import load_yaml
from encnet.data.labels import LabelSet
from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.system.errors import InputError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for folder in ("images/train", "labels/train"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("L", (3, 2), 1).save(tmp_path / folder / "a.png")
    return tmp_path


@pytest.mark.parametrize(
    ("lines", "source"),
    [
        ("bands: [4, 1]", ImageSource((4, 1))),
        ("value_range: [0, 4095]", ImageSource(None, ((0, 4095),))),
        ("bands: [1, 2]\nvalue_range: [[0, 1.5], [-3, 9]]", ImageSource((1, 2), ((0, 1.5), (-3, 9)))),
        ("value_range: {percentiles: [2, 98.5]}", ImageSource(percentiles=(2, 98.5))),
        ("orientation: stored", ImageSource(orientation="stored")),
    ],
)
def test_settings_alone_change_only_how_photographs_are_read(root: Path, lines: str, source: ImageSource) -> None:
    before = read_dataset(root)
    (root / "dataset.yaml").write_text(lines + "\n")
    after = read_dataset(root)
    assert (before.source, after.source) == (PHOTOGRAPHS, source)
    assert (after.name, after.labels, after.splits) == (before.name, before.labels, before.splits)


def test_settings_beside_classes_and_splits(root: Path) -> None:
    path = root / "dataset.yaml"
    write_dataset_yaml(path, LabelSet.plain(["a", "b"]), {"train": {"images": "images/train"}}, "named")
    path.write_text(path.read_text() + "bands: [1]\n")
    index = read_dataset(root)
    assert (index.name, index.source) == ("named", ImageSource((1,)))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("bands: 4", "`bands` must be a list of band numbers"),
        ("bands: [0]", "bands is .*the first band is 1"),
        ("bands: [one]", "bands is"),
        ("bands:", "`bands` is empty"),
        ("value_range: 5", "value_range is 5"),
        ("value_range: [9, 3]", "value_range is"),
        ("value_range: {percentile: [1, 2]}", "`value_range` must be"),
        ("value_range: {percentiles: [1]}", "`value_range` must be"),
        ("value_range: {percentiles: [99, 1]}", "percentiles is"),
        ("orientation: upside_down", "`orientation` must be shown or stored, not 'upside_down'"),
        ("orientation: 3", "`orientation` must be shown or stored, not 3"),
        ("bands: [1]\nbands: [2]", "'bands' occurs twice"),
    ],
)
def test_mistakes_name_the_file_and_the_key(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(lines)
    with pytest.raises(InputError, match=rf"dataset\.yaml.*{message}"):
        image_source(load_yaml(path), path)
