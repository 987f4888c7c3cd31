"""Which way round label maps lie on photographs that EXIF turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from encnet.data.check import check_dataset
from encnet.data.dataset import Sample
from encnet.data.formats import read_dataset
from encnet.data.image_facts import ImageFacts
from encnet.data.labels import LabelSet
from encnet.data.orientation import label_orientation
from encnet.data.pixels import UPRIGHT
from encnet.data.source import ImageSource
from encnet.data.tensors import load_sample
from encnet.system.errors import InputError

WIDE, TALL, SQUARE = (6, 4), (4, 6), (5, 5)


@pytest.mark.parametrize(
    ("size", "orientation", "label_size", "declared", "expected"),
    [
        (WIDE, 1, WIDE, None, 1),
        (WIDE, 1, WIDE, "stored", 1),
        (WIDE, 6, TALL, None, 1),
        (WIDE, 6, WIDE, None, 6),
        (WIDE, 8, WIDE, None, 8),
        (WIDE, 6, TALL, "shown", 1),
        (WIDE, 6, WIDE, "stored", 6),
        (WIDE, 3, WIDE, "shown", 1),
        (WIDE, 3, WIDE, "stored", 3),
        (WIDE, 2, WIDE, "stored", 2),
        (SQUARE, 6, SQUARE, "stored", 6),
        (SQUARE, 6, SQUARE, "shown", 1),
        (WIDE, 3, WIDE, None, "turns it by 180 degrees"),
        (WIDE, 2, WIDE, None, "mirrors it"),
        (SQUARE, 6, SQUARE, None, "does not tell whether it was drawn"),
        (WIDE, 1, TALL, None, "is 6 x 4 pixels .* is 4 x 6"),
        (WIDE, 6, WIDE, "shown", "is 4 x 6 pixels as shown .* is 6 x 4"),
        (WIDE, 6, TALL, "stored", "is 6 x 4 pixels as stored .* is 4 x 6"),
        (WIDE, 6, SQUARE, None, "is 4 x 6 pixels .* is 5 x 5"),
    ],
)
def test_sizes_and_settings_tell_the_orientation(
    size: tuple[int, int], orientation: int, label_size: tuple[int, int], declared: Any, expected: int | str
) -> None:
    facts = ImageFacts(size, 3, orientation=orientation)
    if isinstance(expected, int):
        assert label_orientation(Path("a.jpg"), Path("a.png"), facts, label_size, declared) == expected
    else:
        with pytest.raises(InputError, match=expected):
            label_orientation(Path("a.jpg"), Path("a.png"), facts, label_size, declared)


def write_turned(root: Path, orientation: int) -> np.ndarray:
    """A photograph that is bright where its label map, drawn as stored, has the class 1; returns the label map."""
    label = np.zeros((4, 6), np.uint8)
    label[0], label[1, :2] = 1, 1
    exif = Image.Exif()
    exif[0x0112] = orientation
    for folder in ("images/train", "labels/train"):
        (root / folder).mkdir(parents=True)
    Image.fromarray(label[..., None].repeat(3, axis=2) * 255).save(root / "images/train/a.png", exif=exif)
    Image.fromarray(label).save(root / "labels/train/a.png")
    return label


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_label_map_drawn_as_stored_is_turned_with_its_photograph(tmp_path: Path, orientation: int) -> None:
    label = write_turned(tmp_path, orientation)
    sample = Sample(tmp_path / "images/train/a.png", tmp_path / "labels/train/a.png")
    image, turned = load_sample(sample, LabelSet.plain(["a", "b"]), ImageSource(orientation="stored"))
    np.testing.assert_array_equal(turned, UPRIGHT[orientation](label))
    np.testing.assert_array_equal(image[0] > 127, turned == 1)


@pytest.mark.parametrize("line", ["orientation: stored", "orientation: shown"])
def test_the_line_that_the_check_asks_for_is_enough(tmp_path: Path, line: str) -> None:
    label = write_turned(tmp_path / "data", 3)
    (problem,) = check_dataset(read_dataset(tmp_path / "data"), tmp_path / "cache").problems
    assert "a.png turns it by 180 degrees" in problem.message
    assert f"`{line}`" in problem.message
    (tmp_path / "data/dataset.yaml").write_text(line + "\n")
    index = read_dataset(tmp_path / "data")
    assert not check_dataset(index, tmp_path / "cache").problems
    found = load_sample(index.split("train")[0], index.labels, index.source)[1]
    np.testing.assert_array_equal(found, label[::-1, ::-1] if line.endswith("stored") else label)


def turn_label(root: Path, label: np.ndarray, orientation: int) -> None:
    """Gives the label map of :func:`write_turned` an EXIF orientation of its own."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(label).save(root / "labels/train/a.png", exif=exif)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_label_map_with_the_orientation_of_its_photograph_is_turned_once(tmp_path: Path, orientation: int) -> None:
    label = write_turned(tmp_path, orientation)
    turn_label(tmp_path, label, orientation)
    sample = Sample(tmp_path / "images/train/a.png", tmp_path / "labels/train/a.png")
    for declared in ("stored", "shown"):
        image, turned = load_sample(sample, LabelSet.plain(["a", "b"]), ImageSource(orientation=declared))
        np.testing.assert_array_equal(turned, UPRIGHT[orientation](label))
        np.testing.assert_array_equal(image[0] > 127, turned == 1)


@pytest.mark.parametrize(
    ("photograph", "own", "upright", "declared"),
    [(3, 2, False, "stored"), (6, 8, False, "stored"), (6, 6, True, None), (8, 6, True, None)],
)
def test_a_label_map_that_its_orientation_turns_away_is_an_error(
    tmp_path: Path, photograph: int, own: int, upright: bool, declared: Any
) -> None:
    label = write_turned(tmp_path, photograph)
    turn_label(tmp_path, UPRIGHT[photograph](label).copy() if upright else label, own)
    sample = Sample(tmp_path / "images/train/a.png", tmp_path / "labels/train/a.png")
    with pytest.raises(InputError, match=r"the EXIF orientation of the label map .*labels/train/a\.png .*; remove the"):
        load_sample(sample, LabelSet.plain(["a", "b"]), ImageSource(orientation=declared))


@pytest.mark.parametrize(("photograph", "own", "warned"), [(1, 3, True), (3, 4, True), (3, 3, False), (3, 1, False)])
def test_the_check_warns_of_another_orientation_than_that_of_the_photograph(
    tmp_path: Path, photograph: int, own: int, warned: bool
) -> None:
    label = write_turned(tmp_path / "data", photograph)
    turn_label(tmp_path / "data", label, own)
    (tmp_path / "data/dataset.yaml").write_text("orientation: shown\n")
    report = check_dataset(read_dataset(tmp_path / "data"), tmp_path / "cache")
    found = [each.message for each in report.warnings if "EXIF orientation" in each.message]
    assert not report.problems
    assert len(found) == warned
    assert all("labels/train/a.png " in text and "(1 label map)" in text for text in found)
