from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from official_layouts import TABLES
from PIL import Image
from sample_paths import path_of

from encnet.data.formats import ade20k, read_dataset
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError


@pytest.fixture
def root(official_layout: Callable[..., Path]) -> Path:
    return official_layout("ade20k")


@pytest.fixture
def archive(root: Path) -> Path:
    return root / "ADEChallengeData2016"


def test_raw_values_are_one_more_than_classes_and_zero_is_ignored(root: Path) -> None:
    index = read_dataset(root)
    seen = set()
    for sample in index.split("train"):
        assert sample.label is not None
        raw = np.asarray(Image.open(path_of(sample.label)))
        expected = raw - np.uint8(1)  # 0 wraps around to 255
        np.testing.assert_array_equal(index.labels.load(sample.label), expected)
        seen |= set(np.unique(expected).tolist())
    assert seen == {*range(150), IGNORE}


def test_value_151_is_an_error(root: Path) -> None:
    index = read_dataset(root)
    path = index.split("val")[0].label
    assert path is not None
    Image.fromarray(np.full((64, 96), 151, dtype=np.uint8)).save(path_of(path))
    with pytest.raises(InputError, match="undeclared value 151"):
        index.labels.load(path)


def test_the_packaged_class_table_equals_the_official_one() -> None:
    rows = [line.split("\t") for line in (TABLES / "ade20k_objectInfo150.txt").read_text().splitlines()[1:]]
    assert len(rows) == 150
    table = ade20k.class_table()
    assert list(table) == [row[4].split(",")[0].strip() for row in rows]
    # Colours of the data set's development kit (color150.mat), from all parts of the table.
    colors = {"wall": (120, 120, 120), "sky": (6, 230, 230), "person": (150, 5, 61), "car": (0, 102, 200)}
    more = {"river": (11, 200, 200), "bag": (70, 184, 160), "minibike": (163, 0, 255), "flag": (92, 0, 255)}
    assert {name: table[name] for name in colors | more} == colors | more


def test_class_names_are_those_of_the_archive(root: Path, archive: Path) -> None:
    assert read_dataset(root).labels.names == tuple(ade20k.class_table())
    table = archive / "objectInfo150.txt"
    table.write_text(table.read_text().replace("\tbuilding, edifice", "\thouse of cards, building"))
    assert read_dataset(root).labels.names[:3] == ("wall", "house of cards", "sky")
    table.unlink()
    assert read_dataset(root).labels.names[:3] == ("wall", "building", "sky")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\tbuilding, edifice", "\twall", "two classes have the name 'wall'"),
        ("3\t0.0878", "x\t0.0878", r"line 4: 'x\t.*' does not start with 3 and a tab"),
        ("150\t0.0002\t421\t56\tflag\n", "", "names 149 classes below its heading 'Idx.*', not 150"),
    ],
)
def test_mistakes_in_the_class_table_are_errors_that_name_the_line(
    root: Path, archive: Path, old: str, new: str, message: str
) -> None:
    table = archive / "objectInfo150.txt"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(InputError, match=rf"objectInfo150\.txt.*{message}"):
        read_dataset(root)


def test_missing_parts_are_errors_that_name_their_download(root: Path, archive: Path) -> None:
    shutil.rmtree(archive / "annotations" / "validation")
    with pytest.raises(
        InputError,
        match=r"annotations/validation is missing; unpack ADEChallengeData2016\.zip from http://sceneparsing\.csail\.mit",
    ):
        read_dataset(root)
    shutil.rmtree(archive / "images" / "validation")
    index = read_dataset(root)
    assert list(index.splits) == ["train"]
    with pytest.raises(InputError, match="no split 'val': images/validation and annotations/validation are missing"):
        index.split("val")
    shutil.rmtree(archive / "images")
    shutil.rmtree(archive / "annotations")
    with pytest.raises(InputError, match="images/training, annotations/training, images/validation and"):
        read_dataset(root, "ade20k")


@pytest.mark.parametrize("folder", ["ADEChallengeData2016/images/testing", "release_test/testing"])
def test_test_images_have_no_label_maps(root: Path, archive: Path, folder: str) -> None:
    (root / folder).mkdir(parents=True)
    Image.new("RGB", (9, 6)).save(root / folder / "ADE_test_00000001.jpg")
    for given in (root, archive):
        (sample,) = read_dataset(given).split("test")
        assert sample == (root / folder / "ADE_test_00000001.jpg", None)
