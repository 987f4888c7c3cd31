"""Joint transforms: image and label map stay aligned, added pixels are ignored, and the seed determines everything."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from encnet.data.labels import IGNORE
from encnet.data.transforms import (
    BandJitter,
    PhotometricDistortion,
    RandomRotation,
    evaluation_transform,
    training_transform,
)

MEAN, STD = (0.5, 0.25, 0.75), (0.5, 0.25, 0.25)


def pair(height: int, width: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """An image in two halves whose brightness equals its label: 0 is black, 1 is white."""
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
def test_image_and_label_map_stay_aligned(
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
    # Interpolation mixes neighbours: brightness must equal the label only where all within four pixels have that label.
    windows = torch.nn.functional.pad(label.float(), (4, 4, 4, 4), value=-1).unfold(0, 9, 1).unfold(1, 9, 1)
    inside = (windows == label[..., None, None]).all(dim=(2, 3))
    for value, expected in ((0, 0.0), (1, 1.0)):
        chosen = brightness[inside & (label == value)]
        if len(chosen):
            assert (chosen - expected).abs().max() < 0.02
    filled = pixels[:, inside & (label == IGNORE)]
    if filled.numel():
        mean = torch.tensor(MEAN)[:, None].expand_as(filled)
        torch.testing.assert_close(filled, mean, rtol=0, atol=0.006)  # the fill colour is rounded to bytes


def test_equal_seeds_give_equal_samples_and_others_do_not() -> None:
    transform = training_transform((40, 40), MEAN, STD, jitter=0.5)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(transform(*pair(60, 80)))
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])
    assert not torch.equal(results[0][0], results[2][0])


@pytest.mark.parametrize("angle", [-30.0, -7.3, 0.0, 4.0, 10.0])
def test_rotation_equals_that_of_torchvision(angle: float) -> None:
    """torchvision rotates the whole image as floats, blends at the edge, and cuts out the centre afterwards."""
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (3, 20, 25)).float()
    smooth = torch.nn.functional.interpolate(pixels[None], (80, 100), mode="bicubic")[0].clamp(0, 255).byte()
    image, label = tv_tensors.Image(smooth), tv_tensors.Mask(smooth[0] // 32)
    options: dict[str, Any] = {"angle": angle, "interpolation": v2.InterpolationMode.BILINEAR}
    turned = v2.CenterCrop([60, 70])(functional.rotate(image, **options, fill=[1.0, 2.0, 3.0]))
    classes = v2.CenterCrop([60, 70])(functional.rotate(label, **options, fill=[float(IGNORE)]))
    rotation = RandomRotation(45, (60, 70), (1, 2, 3))
    ours, mask = (rotation.transform(inpt, {"angle": angle}) for inpt in (functional.to_pil_image(image), label))
    difference = (functional.pil_to_tensor(ours).int() - turned.as_subclass(torch.Tensor).int()).abs()
    outside = torch.nn.functional.max_pool2d((classes == IGNORE).float()[None], 5, stride=1, padding=2)[0].bool()
    assert difference[:, ~outside].max() <= 1
    assert (mask != classes)[~outside].float().mean() < 0.005  # halfway between two pixels, either may be the nearest
    filled = (mask == IGNORE) & (classes == IGNORE)
    assert filled.any() == (abs(angle) == 30)
    for channel, colour in zip(functional.pil_to_tensor(ours), (1, 2, 3), strict=True):
        assert (channel[filled] == colour).all()


def test_the_angle_is_uniform_in_its_range() -> None:
    torch.manual_seed(0)
    angles = [RandomRotation(10, (4, 4), (0, 0, 0)).make_params([])["angle"] for _ in range(300)]
    assert -10 <= min(angles) < -9.5
    assert 9.5 < max(angles) <= 10
    assert abs(np.mean(angles)) < 4 * 20 / math.sqrt(12 * 300)


def test_the_evaluation_transform_only_normalises() -> None:
    image, label = pair(31, 45)
    pixels, classes = evaluation_transform(MEAN, STD)(image, label)
    expected = (image.float() / 255 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    torch.testing.assert_close(pixels, expected.as_subclass(torch.Tensor))
    assert torch.equal(classes, label.as_subclass(torch.Tensor))


def test_the_evaluation_transform_keeps_the_size_of_the_label_map() -> None:
    pixels, classes = evaluation_transform(MEAN, STD, long_side=20)(*pair(30, 40))
    assert pixels.shape == (3, 15, 20)
    assert classes.shape == (30, 40)


def test_photometric_distortion_changes_colours_within_its_ranges_and_keeps_channels() -> None:
    torch.manual_seed(0)
    grey, red = Image.new("RGB", (4, 4), (128, 128, 128)), Image.new("RGB", (4, 4), (200, 40, 40))
    label = tv_tensors.Mask(torch.zeros(4, 4, dtype=torch.uint8))
    untouched, brightest = 0, 0
    for _ in range(200):
        transform = PhotometricDistortion()
        changed, same = transform(grey, label)
        assert torch.equal(same, label)
        # A uniform grey image has no contrast, saturation or hue: only its brightness can change, by at most an eighth,
        # and each of the four steps may round down.
        values = np.asarray(changed).astype(int)
        change = int(abs(values - 128).max())
        assert change <= 16 + 4
        untouched += change <= 4
        brightest = max(brightest, int(values.max()))
        assert np.asarray(transform(red)).mean(axis=(0, 1)).argmax() == 0  # a hue turned by 36 degrees is still red
    assert 95 <= untouched <= 155  # a half, and a quarter of the other half
    assert brightest > 140


def test_the_given_share_of_the_images_is_blurred() -> None:
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


@pytest.mark.parametrize("bands", [1, 2, 4, 6])
def test_other_bands_are_cropped_and_turned_like_grey_images(bands: int) -> None:
    torch.manual_seed(0)
    image = torch.randint(0, 256, (bands, 70, 90), dtype=torch.uint8)
    label = tv_tensors.Mask(image[0] // 128)
    mean = [0.2 + 0.1 * band for band in range(bands)]

    def transformed(bytes_of_bands: torch.Tensor, means: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(5)
        return training_transform((40, 50), means, [0.5] * len(means))(tv_tensors.Image(bytes_of_bands), label)

    found, mask = transformed(image, mean)
    assert found.shape == (bands, 40, 50)
    for band in range(bands):
        grey, grey_mask = transformed(image[band : band + 1].expand(3, -1, -1), [mean[band]] * 3)
        assert torch.equal(mask, grey_mask)
        assert (found[band] - grey[0]).abs().max() <= 1.01 / 255 / 0.5  # one grey level


def test_brightness_and_contrast_of_other_bands() -> None:
    image = tv_tensors.Image(torch.tensor([[[10, 30]], [[100, 200]]], dtype=torch.uint8))
    jitter = BandJitter((0.5, 1.5), (0.5, 1.5))
    changed = jitter.transform(image, {"brightness": 1.2, "contrast": 0.5})
    assert type(changed) is tv_tensors.Image
    assert changed.tolist() == [[[18, 30]], [[150, 210]]]  # 12 and 36, 120 and 240, at half the distance of the mean
    assert jitter.transform(image, {"brightness": 2.0, "contrast": 1.5}).max() == 255
    never = BandJitter((0.5, 0.6), (0.5, 0.6), p=0.0)
    assert torch.equal(never(image), image)
    torch.manual_seed(0)
    drawn = [jitter.make_params([])["contrast"] for _ in range(50)]
    assert 0.5 <= min(drawn) < 0.7 and 1.3 < max(drawn) <= 1.5
