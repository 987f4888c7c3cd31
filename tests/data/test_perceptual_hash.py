"""Perceptual hashes: distances against a loop over bits, and what is alike and what is not."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from encnet.data.near_duplicates import MOST_DIFFERENT
from encnet.data.perceptual_hash import HASH_SIDE, LEAST_CONTRAST, nearest_hashes, perceptual_hash
from encnet.data.scenes import generate_scene


def distance(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def scene(seed: int) -> Image.Image:
    return Image.fromarray(generate_scene(seed, height=240, width=320).image)


def as_jpeg(image: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


@pytest.mark.parametrize("blocks", [(1, 1), (3, 50), (40, 7)], ids=str)
def test_nearest_hashes_equal_those_of_a_loop(blocks: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    hashes, others = ([rng.bytes(HASH_SIDE**2 // 8).hex() for _ in range(number)] for number in blocks)
    positions, distances = nearest_hashes(hashes, others)
    for value, position, least in zip(hashes, positions, distances, strict=True):
        every = [distance(value, other) for other in others]
        assert least == min(every)
        assert position == every.index(min(every))


def test_distances_are_exact_from_none_to_all_bits() -> None:
    none, every = "0" * 64, "f" * 64
    assert nearest_hashes([none, every], [none])[1].tolist() == [0, HASH_SIDE**2]
    assert nearest_hashes([none], [every, none, none])[0].tolist() == [1], "the first of equally close ones"


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image.resize((160, 120)),
        as_jpeg,
        lambda image: ImageEnhance.Brightness(image).enhance(0.8),
        lambda image: image.crop((2, 2, 318, 238)),
    ],
    ids=["half the size", "low quality", "darker", "cut"],
)
def test_copies_are_close(change: Callable[[Image.Image], Image.Image]) -> None:
    image = scene(1)
    assert distance(perceptual_hash(image, 50), perceptual_hash(change(image), 50)) <= MOST_DIFFERENT


def test_other_images_are_far() -> None:
    hashes = [perceptual_hash(scene(seed), 50) for seed in range(12)]
    pairs = [distance(a, b) for i, a in enumerate(hashes) for b in hashes[:i]]
    assert min(pairs) > MOST_DIFFERENT


def test_flat_images_have_no_hash() -> None:
    flat = Image.new("L", (64, 64), 90)
    assert perceptual_hash(flat, 0) == perceptual_hash(flat, LEAST_CONTRAST - 0.1) == ""
    assert len(perceptual_hash(scene(0), LEAST_CONTRAST)) == HASH_SIDE**2 // 4
