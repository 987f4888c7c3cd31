"""Joint transforms: image and label map stay together, what is added is ignored, and it all comes from the seed."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision import tv_tensors

from encnet.data.labels import IGNORE
from encnet.data.transforms import (
    MixedCrop,
    PhotometricDistortion,
    RandomScale,
    evaluation_transform,
    training_transform,
)

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


@pytest.mark.parametrize(("base", "side", "long_side"), [(None, "long", 100), (200, "long", 200), (50, "short", 100)])
def test_scale_is_uniform_in_its_range(base: int | None, side: Literal["long", "short"], long_side: int) -> None:
    torch.manual_seed(0)
    transform = RandomScale((0.5, 2.0), base, side)
    factors = []
    for _ in range(200):
        image, label = transform(*pair(50, 100))
        assert image.shape[-2:] == label.shape[-2:]
        factors.append(image.shape[-1] / long_side)
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


@given(height=st.integers(8, 60), width=st.integers(8, 60), share=st.floats(0.5, 1.0), seed=st.integers(0, 999))
def test_a_mixed_crop_is_drawn_until_no_class_has_too_large_a_share(
    height: int, width: int, share: float, seed: int
) -> None:
    """Against a plain crop from the same seed, and against the share counted in what comes out."""
    rng = np.random.default_rng(seed)
    label = np.full((height, width), 3, dtype=np.uint8)
    label[: rng.integers(1, height), : rng.integers(1, width)] = rng.choice([3, 7, IGNORE])
    sample = tv_tensors.Image(torch.zeros(3, height, width)), tv_tensors.Mask(torch.from_numpy(label))
    fill = {tv_tensors.Image: [0, 0, 0], tv_tensors.Mask: IGNORE}

    def too_large(crop: torch.Tensor) -> bool:
        known = [value for value in crop.flatten().tolist() if value != IGNORE]
        return not known or max(known.count(value) for value in set(known)) >= share * len(known)

    plain, mixed = MixedCrop((24, 24), fill, 1.0), MixedCrop((24, 24), fill, share)
    torch.manual_seed(seed)
    draws = [plain(*sample)[1].as_subclass(torch.Tensor) for _ in range(10)]
    expected = draws[0] if share == 1 else next((crop for crop in draws if not too_large(crop)), draws[-1])
    torch.manual_seed(seed)
    assert torch.equal(mixed(*sample)[1].as_subclass(torch.Tensor), expected)


def test_photometric_distortion_changes_colours_within_its_ranges_and_keeps_channels() -> None:
    torch.manual_seed(0)
    grey = tv_tensors.Image(torch.full((3, 4, 4), 128, dtype=torch.uint8))
    red = tv_tensors.Image(torch.stack([torch.full((4, 4), value, dtype=torch.uint8) for value in (200, 40, 40)]))
    label = tv_tensors.Mask(torch.zeros(4, 4, dtype=torch.uint8))
    untouched, brightest = 0, 0
    for _ in range(200):
        transform = PhotometricDistortion()
        changed, same = transform(grey, label)
        assert torch.equal(same, label)
        # A grey image of one value has no contrast, saturation or hue: only its brightness can change, by an eighth,
        # and each of four steps may round down.
        change = int((changed.int() - 128).abs().max())
        assert change <= 16 + 4
        untouched += change <= 4
        brightest = max(brightest, int(changed.max()))
        assert transform(red).float().mean(dim=(1, 2)).argmax() == 0  # a hue turned by 36 degrees is still red
    assert 95 <= untouched <= 155  # a half, and a quarter of the other half
    assert brightest > 140


def test_blur_mixes_neighbours_in_its_share_of_the_images() -> None:
    image, label = pair(32, 32)
    results = []
    for seed in range(40):
        torch.manual_seed(seed)
        options = {"scale": (1.0, 1.0), "rotation": 0.0, "flip": False}
        pixels, _ = training_transform((32, 32), (0, 0, 0), (1, 1, 1), **options, blur=0.5)(image, label)
        results.append(int(pixels.unique().numel()))
    sharp = sum(count == 2 for count in results)
    assert 10 <= sharp <= 32  # half of them, and those whose blur is too small for a whole byte
    assert max(results) > 2
