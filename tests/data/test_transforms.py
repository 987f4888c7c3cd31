"""Joint transforms: image and label map stay together, what is added is ignored, and it all comes from the seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors

from encnet.data.labels import IGNORE
from encnet.data.transforms import RandomScale, evaluation_transform, training_transform

MEAN, STD = (0.5, 0.25, 0.75), (0.5, 0.25, 0.25)


def pair(height: int, width: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """An image in two halves whose brightness is its label: 0 is black, 1 is white."""
    label = torch.zeros(height, width, dtype=torch.uint8)
    label[:, width // 2 :] = 1
    return tv_tensors.Image(255 * label.expand(3, -1, -1)), tv_tensors.Mask(label)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(20, 90),
    width=st.integers(20, 90),
    crop=st.tuples(st.integers(16, 64), st.integers(16, 64)),
    rotation=st.sampled_from([0.0, 10.0, 30.0]),
    flip=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_image_and_label_map_stay_together(
    height: int, width: int, crop: tuple[int, int], rotation: float, flip: bool, seed: int
) -> None:
    torch.manual_seed(seed)
    image, label = training_transform(crop, MEAN, STD, rotation=rotation, flip=flip)(*pair(height, width))
    assert type(image) is torch.Tensor
    assert type(label) is torch.Tensor
    assert image.shape == (3, *crop)
    assert image.dtype == torch.float32
    assert label.shape == crop
    assert label.dtype == torch.uint8
    assert set(label.unique().tolist()) <= {0, 1, IGNORE}
    pixels = image * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    brightness = pixels.mean(dim=0)
    # Interpolation mixes neighbours: only where all within four pixels have one label must the brightness be its own.
    windows = torch.nn.functional.pad(label.float(), (4, 4, 4, 4), value=-1).unfold(0, 9, 1).unfold(1, 9, 1)
    inside = (windows == label[..., None, None]).all(dim=(2, 3))
    for value, expected in ((0, 0.0), (1, 1.0)):
        chosen = brightness[inside & (label == value)]
        if len(chosen):
            assert (chosen - expected).abs().max() < 0.02
    filled = pixels[:, inside & (label == IGNORE)]
    if filled.numel():
        torch.testing.assert_close(
            filled, torch.tensor(MEAN)[:, None].expand_as(filled), rtol=0, atol=0.006
        )  # whole bytes


def test_the_seed_decides() -> None:
    transform = training_transform((40, 40), MEAN, STD, jitter=0.5)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(transform(*pair(60, 80)))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][0], results[2][0])


@pytest.mark.parametrize("long_side", [None, 200])
def test_scale_is_uniform_in_its_range(long_side: int | None) -> None:
    torch.manual_seed(0)
    transform = RandomScale((0.5, 2.0), long_side)
    factors = []
    for _ in range(200):
        image, label = transform(*pair(50, 100))
        assert image.shape[-2:] == label.shape[-2:]
        factors.append(image.shape[-1] / (long_side or 100))
    assert min(factors) >= 0.49
    assert max(factors) <= 2.01
    # 200 draws of U(0.5, 2): the mean lies within four of its standard errors.
    assert abs(np.mean(factors) - 1.25) < 4 * 1.5 / math.sqrt(12 * 200)


def test_evaluation_only_normalises() -> None:
    image, label = pair(31, 45)
    pixels, classes = evaluation_transform(MEAN, STD)(image, label)
    expected = (image.float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(pixels, expected.as_subclass(torch.Tensor))
    assert torch.equal(classes, label.as_subclass(torch.Tensor))


def test_evaluation_leaves_the_label_map_at_its_size() -> None:
    pixels, classes = evaluation_transform(MEAN, STD, long_side=20)(*pair(30, 40))
    assert pixels.shape == (3, 15, 20)
    assert classes.shape == (30, 40)
