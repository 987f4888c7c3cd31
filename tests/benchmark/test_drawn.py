"""Drawn images have the size asked for, and are like photographs."""

from __future__ import annotations

import numpy as np
import pytest

from encnet.benchmark.drawn import drawn_images


@pytest.mark.parametrize("shape", [(2, 64, 64), (1, 512, 512), (1, 40, 3000), (1, 1500, 1000)], ids=str)
def test_drawn_images_have_the_size_asked_for_and_are_no_noise(shape: tuple[int, int, int]) -> None:
    images = drawn_images(shape)
    assert images.shape == (*shape, 3)
    assert images.dtype == np.uint8
    steps = np.abs(np.diff(images.astype(int), axis=2))
    assert (steps <= 16).mean() > 0.5  # neighbours are alike
    assert images.std() > 20
