"""What is read from one file, against numbers computed from its pixels."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from encnet.data.connected_objects import Objects
from encnet.data.inspection import inspect_image, inspect_label
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.raw_counts import RawCounter
from encnet.data.scenes import generate_scene
from encnet.data.source import ImageSource

VALUES = LabelSet(("a", "b"), ((1, 2, 3), (4, 5, 6)), "value", {0: 0, 7: 1, 8: 1, 255: IGNORE})
COLORS = LabelSet(("a", "b"), ((1, 2, 3), (4, 5, 6)), "color", {(1, 2, 3): 0, (4, 5, 6): 1, (0, 0, 0): IGNORE})


def label(path: Path, pixels: Any, labels: LabelSet) -> Any:
    Image.fromarray(np.array(pixels, np.uint8)).save(path)
    return inspect_label(path, labels, RawCounter(labels))


def test_brightness_and_contrast_equal_those_of_all_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.fromarray(generate_scene(0).image)
    image.save(path)
    found = inspect_image(path)
    grey = np.asarray(image.convert("L"), dtype=float)
    assert found.size == image.size
    assert found.problem is None
    assert found.brightness == pytest.approx(grey.mean(), abs=0.01)
    assert found.contrast == pytest.approx(grey.std(), abs=0.01)
    assert found.digest == hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def test_large_photographs_are_sampled_without_a_change_that_matters(tmp_path: Path) -> None:
    small = Image.fromarray(generate_scene(0).image)
    small.save(tmp_path / "small.png")
    small.resize((3840, 1920), Image.Resampling.BICUBIC).save(tmp_path / "large.jpg", quality=90)
    few, many = inspect_image(tmp_path / "small.png"), inspect_image(tmp_path / "large.jpg")
    assert many.size == (3840, 1920)
    assert many.brightness == pytest.approx(few.brightness, abs=1)
    assert many.contrast == pytest.approx(few.contrast, rel=0.05)
    assert (int(few.look, 16) ^ int(many.look, 16)).bit_count() <= 10


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1)], ids=str)
def test_the_thinnest_photographs_are_read(size: tuple[int, int], tmp_path: Path) -> None:
    Image.new("RGB", size, (100, 100, 100)).save(tmp_path / "a.png")
    found = inspect_image(tmp_path / "a.png")
    assert (found.size, found.brightness, found.contrast, found.look) == (size, 100, 0, "")


def test_a_photograph_is_inspected_as_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.full((40, 60), 3000, np.uint16)).save(path)
    unknown = inspect_image(path)
    assert unknown.size is None
    assert "value_range" in (unknown.problem or "")
    found = inspect_image(path, ImageSource(value_range=((1000.0, 5000.0),)))
    assert (found.size, found.brightness, found.contrast) == ((60, 40), 128, 0)
    unmeasured = inspect_image(path, ImageSource(percentiles=(2, 98)))
    assert (unmeasured.size, unmeasured.problem) == ((60, 40), None)


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_a_file_that_is_no_image_is_named_by_its_path(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    found = inspect_image(path)
    assert found.size is None
    assert found.problem is not None and found.problem.startswith(f"cannot read {path} as an image: ")
    assert "BytesIO" not in found.problem


def test_a_cut_jpeg_is_damaged_although_a_reduced_copy_could_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(generate_scene(0).image).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    assert "truncated" in (inspect_image(path).problem or "")


@pytest.mark.parametrize("undeclared", [None, 1])
def test_a_label_map_by_value(undeclared: int | None, tmp_path: Path) -> None:
    labels = LabelSet(VALUES.names, VALUES.palette, "value", VALUES.raw, undeclared)
    found = label(tmp_path / "a.png", [[0, 0, 7], [0, 8, 7], [255, 0, 255]], labels)
    assert found.size == (3, 3)
    assert found.raw == ((0, 4), (7, 2), (8, 1), (255, 2))
    assert found.pixels == ((0, 4), (1, 3), (IGNORE, 2))
    assert found.ignored == 2 / 9
    assert found.objects == ((0, (Objects(1, 1, 1), Objects(2, 1, 3))), (1, (Objects(2, 1, 3),)))


def test_an_undeclared_value_of_a_class(tmp_path: Path) -> None:
    labels = LabelSet(VALUES.names, VALUES.palette, "value", VALUES.raw, undeclared=1)
    found = label(tmp_path / "a.png", [[0, 9], [9, 9]], labels)
    assert (found.raw, found.pixels) == (((0, 1), (9, 3)), ((0, 1), (1, 3)))


def test_a_label_map_by_color(tmp_path: Path) -> None:
    found = label(tmp_path / "a.png", [[(1, 2, 3), (4, 5, 6)], [(1, 2, 3), (0, 0, 0)]], COLORS)
    assert found.raw == ((0, 1), (0x010203, 2), (0x040506, 1))
    assert found.pixels == ((0, 2), (1, 1), (IGNORE, 1))


def test_raw_values_are_counted_although_the_map_has_a_problem(tmp_path: Path) -> None:
    found = label(tmp_path / "a.png", [[0, 3], [3, 3]], VALUES)
    assert "undeclared value 3 (3 pixels)" in found.problem
    assert found.raw == ((0, 1), (3, 3))
    assert found.pixels == found.objects == ()
    assert found.ignored == 0


@pytest.mark.parametrize("labels", [VALUES, COLORS], ids=["values", "colours"])
def test_counts_of_a_large_map_are_those_of_all_pixels(labels: LabelSet, tmp_path: Path) -> None:
    raws = np.array(list(labels.raw), np.uint8)
    choice = np.random.default_rng(0).integers(0, len(raws), (1300, 1100))
    found = label(tmp_path / "a.png", raws[choice], labels)
    loop: Counter[int] = Counter()
    for position, number in zip(*np.unique(choice, return_counts=True), strict=True):
        loop[list(labels.raw.values())[position]] += int(number)
    assert dict(found.pixels) == loop
    assert {o.width % 2 for _, objects in found.objects for o in objects} == {0}, "sampled at every second pixel"
