"""PASCAL Context, with its own table of the 459 classes, ``pascal_context_labels.txt``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from official_layouts import CONTEXT_59_LABELS, TABLES, blocks

from encnet.data.formats import read_dataset
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

# The numbers of the 59 among the 459, from PyTorch-Encoding and MMSegmentation; sorted, they are in class order.
NUMBERS = sorted(
    [
        *(2, 259, 260, 415, 324, 9, 258, 144, 18, 19, 22, 23, 397, 25, 284, 158, 159, 416, 33, 162, 420, 454, 295, 296),
        *(427, 44, 45, 46, 308, 59, 440, 445, 31, 232, 65, 354, 424, 68, 326, 72, 458, 34, 207, 80, 355, 85, 347, 220),
        *(349, 360, 98, 187, 104, 105, 366, 189, 368, 113, 115),
    ]
)
# Spelling in 59_labels.txt -> spelling in labels.txt, as matched by FCN's authors.
SPELLINGS = {"diningtable": "table", "bedcloth": "bedclothes", "clothes": "cloth"}


def decoded(root: Path, format: str) -> list[np.ndarray]:
    index = read_dataset(root, format)
    return [index.labels.load(sample.label) for sample in index.split("train") if sample.label is not None]


def expected(count: int, table: dict[int, int], default: int) -> list[np.ndarray]:
    """The label maps of the layout, decoded class by class with a table of value -> class."""
    maps = []
    for index in range(4):
        raw = blocks(range(count), index)
        wanted = np.full(raw.shape, default, dtype=np.uint8)
        for value, target in table.items():
            wanted[raw == value] = target
        maps.append(wanted)
    return maps


@pytest.mark.parametrize(("format", "shift", "rest"), [("pascal_context", 1, 0), ("pascal_context59", 0, IGNORE)])
@pytest.mark.parametrize("maps", ["SegmentationClassContext", "59_context_labels", "trainval"])
def test_all_three_kinds_of_label_maps_give_the_same_classes(
    official_layout: Callable[..., Path], maps: str, format: str, shift: int, rest: int
) -> None:
    root = official_layout("pascal_context", maps=maps)
    names = [(TABLES / "pascal_context_labels.txt").read_text().split("\n")[n - 1] for n in NUMBERS]
    order = [name.split(": ")[1] for name in names]
    if maps == "trainval":
        table = {number: shift + index for index, number in enumerate(NUMBERS)}
    elif maps == "59_context_labels":
        official = [SPELLINGS.get(name, name) for name in CONTEXT_59_LABELS.split()]
        table = {value: shift + order.index(name) for value, name in enumerate(official, start=1)}
    else:
        table = {value: shift + value - 1 for value in range(1, 60)}
    labels = read_dataset(root, format).labels
    assert labels.names == (("background",) if shift else ()) + tuple(order)
    got = decoded(root, format)
    assert len(got) == 4
    np.testing.assert_array_equal(got, expected(460 if maps == "trainval" else 60, table, rest))


def test_the_detected_format_has_background(official_layout: Callable[..., Path]) -> None:
    index = read_dataset(official_layout("pascal_context"))
    assert index.name == "pascal_context"
    assert index.labels.num_classes == 60
    assert len(set(index.labels.palette)) == 60


def test_the_lists_of_pascal_context_take_precedence(official_layout: Callable[..., Path]) -> None:
    root = official_layout("pascal_context")
    lists = root / "VOCdevkit/VOC2010/ImageSets"
    (lists / "SegmentationContext" / "train.txt").write_text("2008_000001\n\n2008_000003\n")
    assert [sample.image.stem for sample in read_dataset(root).split("train")] == ["2008_000001", "2008_000003"]
    shutil.rmtree(lists / "SegmentationContext")
    assert len(read_dataset(root).split("train")) == 4


def test_255_is_ignored(official_layout: Callable[..., Path]) -> None:
    assert read_dataset(official_layout("pascal_context")).labels.raw[255] == IGNORE


def test_255_of_the_459_classes_is_background(official_layout: Callable[..., Path]) -> None:
    assert read_dataset(official_layout("pascal_context", maps="trainval")).labels.raw[255] == 0


def test_all_459_classes_have_16_bits_and_the_numbers_of_the_original(official_layout: Callable[..., Path]) -> None:
    root = official_layout("pascal_context", maps="trainval")
    labels = read_dataset(root, "pascal_context459").labels
    lines = (TABLES / "pascal_context_labels.txt").read_text().splitlines()
    assert labels.names == tuple(line.split(": ")[1] for line in lines) and len(labels.names) == 459
    assert len({*labels.palette, (0, 0, 0)}) == 460
    for index, found in enumerate(decoded(root, "pascal_context459")):
        raw = blocks(range(460), index).astype(int)
        assert found.dtype == np.uint16
        assert np.array_equal(found, np.where(raw == 0, 65535, raw - 1))


def test_the_459_classes_need_the_original_label_maps(official_layout: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"trainval is missing; unpack trainval\.tar\.gz"):
        read_dataset(official_layout("pascal_context"), "pascal_context459")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("11: diningtable", "11: desk", r"59_labels\.txt does not name table; copy it from https://cs\.stanford\.edu"),
        ("3: bird", "bird", r"59_labels\.txt, line 3: 'bird' is not of the form"),
        ("3: bird", "2: bird", r"59_labels\.txt, line 3: the number 2 is on an earlier line too"),
    ],
)
def test_mistakes_in_the_class_numbers_are_errors_that_name_the_line(
    official_layout: Callable[..., Path], old: str, new: str, message: str
) -> None:
    root = official_layout("pascal_context", maps="59_context_labels")
    table = root / "59_labels.txt"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        read_dataset(root)


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (
            "59_context_labels",
            r"PASCAL Context: 59_context_labels is missing; unpack 59_context_labels\.tar\.gz from https",
        ),
        (
            "59_labels.txt",
            r"PASCAL Context: 59_labels\.txt is missing; unpack 59_labels\.txt from https://cs\.stanford",
        ),
        (
            "VOCdevkit/VOC2010/JPEGImages",
            r"PASCAL VOC 2010: JPEGImages is missing; unpack VOCtrainval_03-May-2010\.tar",
        ),
        ("VOCdevkit/VOC2010/ImageSets/Main", r"ImageSets/Main/train\.txt and ImageSets/Main/val\.txt are missing"),
    ],
)
def test_missing_parts_are_errors_that_name_their_download(
    official_layout: Callable[..., Path], gone: str, message: str
) -> None:
    root = official_layout("pascal_context", maps="59_context_labels")
    path = root / gone
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    with pytest.raises(InputError, match=message):
        read_dataset(root)
