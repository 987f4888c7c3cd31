"""Photographs of different splits that look alike."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.findings import Findings
from encnet.data.formats import read_dataset
from encnet.data.inspection import PhotographFinding
from encnet.data.labels import LabelSet
from encnet.data.near_duplicates import MOST_DIFFERENT, NearDuplicate, near_duplicate_messages, near_duplicates
from encnet.data.sample_files import ImageFile
from encnet.data.scenes import generate_scene

ROOT = Path("/data")
NONE = 0
FAR = 2**256 - 1


def look(bits: int) -> str:
    """A hash that differs from ``NONE`` in so many bits."""
    return f"{(1 << bits) - 1:064x}"


def made(
    splits: dict[str, dict[str, str]], combined: frozenset[str] = frozenset(), digests: dict[str, str] | None = None
) -> tuple[DatasetIndex, Findings]:
    """A data set of images whose hashes are given by split and name."""
    samples = {split: tuple(Sample(ROOT / split / name, None) for name in names) for split, names in splits.items()}
    images: dict[ImageFile, PhotographFinding] = {
        ROOT / split / name: PhotographFinding((6, 4), None, (digests or {}).get(name, f"{split}/{name}"), look=value)
        for split, names in splits.items()
        for name, value in names.items()
    }
    return DatasetIndex("data", ROOT, LabelSet.plain(["a"]), samples, combined), Findings(images)


@pytest.mark.parametrize(("bits", "alike"), [(0, True), (MOST_DIFFERENT, True), (MOST_DIFFERENT + 1, False)])
def test_alike_up_to_the_limit(bits: int, alike: bool) -> None:
    found = near_duplicates(*made({"train": {"a": look(0)}, "val": {"b": look(bits)}}))
    pair = NearDuplicate("val", ROOT / "val/b", "train", ROOT / "train/a", bits)
    assert found == ((pair,) if alike else ())


def test_each_image_has_the_closest_of_each_earlier_split() -> None:
    index, findings = made(
        {
            "train": {"a": look(9), "b": look(3), "c": look(200)},
            "val": {"d": look(0), "e": look(205)},
            "test": {"f": look(1)},
        }
    )
    assert [(p.image.name, p.other.name, p.distance) for p in near_duplicates(index, findings)] == [
        ("d", "b", 3),
        ("e", "c", 5),
        ("f", "b", 2),
        ("f", "d", 1),
    ]


def test_alike_images_of_one_split_are_none() -> None:
    assert near_duplicates(*made({"train": {"a": look(0), "b": look(1)}, "val": {"c": look(256)}})) == ()


def test_combined_splits_are_left_out() -> None:
    index, findings = made({"train": {"a": look(0)}, "trainval": {"b": look(0)}}, combined=frozenset({"trainval"}))
    assert near_duplicates(index, findings) == ()


def test_flat_images_are_left_out() -> None:
    assert near_duplicates(*made({"train": {"a": "", "b": ""}, "val": {"c": "", "d": look(0)}})) == ()


def test_equal_files_have_a_warning_of_their_own() -> None:
    digests = {"a": "same", "b": "same"}
    assert near_duplicates(*made({"train": {"a": look(0)}, "val": {"b": look(0)}}, digests=digests)) == ()


@pytest.mark.parametrize("splits", [{}, {"train": {"a": look(0)}}, {"train": {}, "val": {"a": look(0)}}], ids=len)
def test_without_two_splits_of_images_there_are_none(splits: dict[str, dict[str, str]]) -> None:
    assert near_duplicates(*made(splits)) == ()


def test_a_message_has_the_number_and_the_first_three_pairs() -> None:
    index, findings = made(
        {"train": {"a": look(0)}, "val": {f"v{i}": look(i) for i in range(5)}, "test": {"t": look(2)}}
    )
    many, to_train, to_val = near_duplicate_messages(near_duplicates(index, findings), ROOT)
    assert many.startswith(
        "5 images look almost like an image of another split (val ~ train: val/v0 ~ train/a, val/v1 ~ train/a,"
        " val/v2 ~ train/a, ...); "
    )
    assert to_train.startswith("1 image looks almost like an image of another split (test ~ train: test/t ~ train/a); ")
    assert "(test ~ val: test/t ~ val/v2)" in to_val


def test_ten_thousand_images_take_seconds() -> None:
    def numbers(start: int, many: int) -> dict[str, str]:
        return {str(i): f"{i * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**256:064x}" for i in range(start, start + many)}

    index, findings = made({"train": numbers(1, 8000), "val": numbers(20001, 2000)})
    started = time.perf_counter()
    near_duplicates(index, findings)
    assert time.perf_counter() - started < 30  # a loop over the pairs in Python would take minutes


def test_a_check_warns_of_them_also_from_its_cache(tmp_path: Path) -> None:
    scene = generate_scene(3).image
    for split, image in (("train", scene), ("val", scene // 2 + 60)):
        for kind, pixels in (("images", image), ("labels", np.zeros(scene.shape[:2], np.uint8))):
            (tmp_path / "data" / kind / split).mkdir(parents=True)
            Image.fromarray(pixels).save(tmp_path / "data" / kind / split / f"of_{split}.png")
    index = read_dataset(tmp_path / "data")
    first, second = (check_dataset(index, cache=tmp_path / "cache") for _ in range(2))
    (pair,) = first.near_duplicates
    assert (pair.image.name, pair.other.name) == ("of_val.png", "of_train.png")
    (warning,) = first.warnings
    assert "(val ~ train: images/val/of_val.png ~ images/train/of_train.png)" in warning.message
    assert (second.near_duplicates, second.findings) == (first.near_duplicates, first.findings)
