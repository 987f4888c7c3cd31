from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_paths import path_of

from encnet.data.formats import read_dataset
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

# Train ids of the ids 0 to 33, as listed in the data set's own scripts.
TRAIN_IDS = [
    *(255, 255, 255, 255, 255, 255, 255, 0, 1, 255, 255, 2, 3, 4, 255, 255, 255),
    *(5, 255, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 255, 255, 16, 17, 18),
]
DOWNLOADS = r"https://www\.cityscapes-dataset\.com/downloads \(after registration\)"


@pytest.fixture
def root(official_layout: Callable[..., Path]) -> Path:
    return official_layout("cityscapes")


def test_label_ids_become_train_ids(root: Path) -> None:
    index = read_dataset(root)
    assert index.labels.num_classes == 19
    seen = set()
    for sample in index.split("train"):
        assert sample.label is not None
        raw = np.asarray(Image.open(path_of(sample.label)))
        expected = np.array(TRAIN_IDS, dtype=np.uint8)[raw]
        np.testing.assert_array_equal(index.labels.load(sample.label), expected)
        seen |= set(np.unique(raw).tolist())
    assert seen == set(range(34))


def test_class_names_and_colors_are_those_of_the_benchmark(root: Path) -> None:
    labels = read_dataset(root).labels
    names = "road sidewalk building wall fence pole traffic_light traffic_sign vegetation terrain sky person rider"
    more = "car truck bus train motorcycle bicycle"
    assert [name.replace(" ", "_") for name in labels.names] == f"{names} {more}".split()
    # From the benchmark's page of class definitions.
    colors = "804080 f423e8 464646 66669c be9999 999999 faaa1e dcdc00 6b8e23 98fb98 4682b4 dc143c ff0000"
    more = "00008e 000046 003c64 005064 0000e6 770b20"
    expected = f"{colors} {more}".split()
    assert ["{:02x}{:02x}{:02x}".format(*color) for color in labels.palette] == expected


def test_255_is_ignored_and_34_is_an_error(root: Path, tmp_path: Path) -> None:
    labels = read_dataset(root).labels
    Image.fromarray(np.array([[255, 0, 33]], dtype=np.uint8)).save(tmp_path / "map.png")
    assert labels.load(tmp_path / "map.png").tolist() == [[IGNORE, IGNORE, 18]]
    Image.fromarray(np.array([[34]], dtype=np.uint8)).save(tmp_path / "map.png")
    with pytest.raises(InputError, match="undeclared value 34"):
        labels.load(tmp_path / "map.png")


def test_a_split_has_the_samples_of_all_its_cities(root: Path) -> None:
    index = read_dataset(root)
    assert [path_of(sample.image).parent.name for sample in index.split("train")] == ["aachen", "aachen", "ulm", "ulm"]
    first = index.split("train")[0]
    assert first.image == root / "leftImg8bit/train/aachen/aachen_000000_000019_leftImg8bit.png"
    assert first.label == root / "gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png"


def test_the_dummy_label_maps_of_test_are_not_used(root: Path) -> None:
    dummies = list((root / "gtFine" / "test").rglob("*_gtFine_labelIds.png"))
    assert len(dummies) == 2
    samples = read_dataset(root).split("test")
    assert len(samples) == 2
    assert all(sample.label is None for sample in samples)


def test_a_sample_with_a_missing_file_is_kept(root: Path) -> None:
    image = root / "leftImg8bit/val/lindau/lindau_000000_000019_leftImg8bit.png"
    label = root / "gtFine/val/lindau/lindau_000001_000019_gtFine_labelIds.png"
    before = read_dataset(root).split("val")
    image.unlink()
    label.unlink()
    assert read_dataset(root).split("val") == before


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("gtFine", "gtFine/train and gtFine/val are missing; unpack gtFine_trainvaltest.zip"),
        ("gtFine/val", "gtFine/val is missing; unpack gtFine_trainvaltest.zip"),
        ("leftImg8bit", "leftImg8bit/train and leftImg8bit/val are missing; unpack leftImg8bit_trainvaltest.zip"),
    ],
)
def test_missing_parts_are_errors_that_name_their_download(root: Path, gone: str, message: str) -> None:
    shutil.rmtree(root / gone)
    with pytest.raises(InputError, match=f"not a complete copy of Cityscapes: {message} from {DOWNLOADS}"):
        read_dataset(root)


def test_val_can_be_read_without_train(root: Path) -> None:
    shutil.rmtree(root / "gtFine" / "train")
    shutil.rmtree(root / "leftImg8bit" / "train")
    index = read_dataset(root)
    assert len(index.split("val")) == 2
    archives = "leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip"
    with pytest.raises(InputError, match=rf"no split 'train': leftImg8bit/train and .*unpack {archives} from"):
        index.split("train")


def test_archives_may_be_unpacked_into_folders_of_their_own(root: Path) -> None:
    expected = len(read_dataset(root).split("train"))
    for part in ("leftImg8bit", "gtFine"):
        (root / f"{part}_trainvaltest").mkdir()
        (root / part).rename(root / f"{part}_trainvaltest" / part)
    samples = read_dataset(root).split("train")
    assert len(samples) == expected
    assert all(sample.image.is_file() and sample.label is not None and sample.label.is_file() for sample in samples)
