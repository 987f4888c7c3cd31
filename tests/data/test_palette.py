from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageCms

from encnet.data.class_indices import MAX_CLASSES
from encnet.data.palette import Color, distinct_palette, is_color


def littlecms_lab(colors: tuple[Color, ...]) -> np.ndarray:
    """CIELAB of the colours by LittleCMS, with 8 bits per channel."""
    transform = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    image = Image.fromarray(np.array(colors, dtype=np.uint8)[None])
    pixels = ImageCms.applyTransform(image, transform)
    assert pixels is not None
    lab = np.asarray(pixels)[0].astype(float)
    signed = np.where(lab[:, 1:] > 127, lab[:, 1:] - 256, lab[:, 1:])
    return np.concatenate([lab[:, :1] * 100 / 255, signed], axis=1)


@pytest.mark.parametrize(("n", "smallest"), [(12, 40), (33, 25), (150, 10)])
def test_colors_differ_visibly_from_each_other_and_from_black_and_white(n: int, smallest: float) -> None:
    lab = littlecms_lab(((0, 0, 0), (255, 255, 255), *distinct_palette(n)))
    assert min(np.linalg.norm(a - b) for a, b in combinations(lab, 2)) > smallest


def test_a_longer_palette_continues_a_shorter_one() -> None:
    longest = distinct_palette(MAX_CLASSES)
    assert len(set(longest)) == MAX_CLASSES
    assert all(distinct_palette(n) == longest[:n] for n in (0, 1, 2, 255, 256, 510, 511, 4000))


@pytest.mark.parametrize("value", [(0, 0, 0), [255, 1, 2]])
def test_three_integers_are_a_color(value: object) -> None:
    assert is_color(value)


@pytest.mark.parametrize("value", [(0, 0), (0, 0, 256), (-1, 0, 0), (True, 0, 0), (0.0, 0, 0), "abc", None, 7])
def test_other_values_are_no_color(value: object) -> None:
    assert not is_color(value)
