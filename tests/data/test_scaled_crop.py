"""Scaling only the crop equals scaling the whole image and cropping it."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import center_of_mass
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from encnet.data.labels import IGNORE
from encnet.data.scaled_crop import Crop, RandomScaledCrop, crop_image, crop_label, resized_region

FILL = (10, 200, 90)


def sample(height: int, width: int, seed: int = 0) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
    """Noise, in the memory layout of images that come from a file."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    label = rng.choice([0, 1, 2, IGNORE], (height, width)).astype(np.uint8)
    return functional.to_image(Image.fromarray(pixels)), tv_tensors.Mask(torch.from_numpy(label))


def scaled_then_cropped(inpt: Any, crop: Crop, fill: Any) -> torch.Tensor:
    """The plain form: torchvision resizes the whole image, pads it as the crop needs, and crops.

    It is exact for an image in float64. Kernels for bytes round twice: each is off by up to one grey level. A label map
    is resized as an image with one channel, because torchvision moves masks by half a pixel.
    """
    (height, width), (rows, columns) = crop.full, crop.size
    above, left = max(0, -crop.top), max(0, -crop.left)
    below, right = max(0, crop.top + rows - height), max(0, crop.left + columns - width)
    if isinstance(inpt, tv_tensors.Mask):
        exact = v2.InterpolationMode.NEAREST_EXACT
        grey = functional.resize_image(inpt.as_subclass(torch.Tensor)[None], list(crop.full), exact)
        resized = tv_tensors.Mask(grey[0])
    else:
        resized = functional.resize(inpt, list(crop.full), antialias=True)
    whole = functional.pad(resized, [left, above, right, below], fill)
    return functional.crop(whole, crop.top + above, crop.left + left, rows, columns).as_subclass(torch.Tensor)


def assert_equal_but_halfway(ours: torch.Tensor, theirs: torch.Tensor, label: torch.Tensor, crop: Crop) -> None:
    """Where a centre lies halfway between two pixels, PyTorch takes either of them, as float32 rounds."""
    assert ours.shape == theirs.shape
    rows, columns = (
        (2 * (first + torch.arange(length)) + 1) * source % (2 * scaled) != 0
        for source, scaled, first, length in zip(label.shape, crop.full, (crop.top, crop.left), crop.size, strict=True)
    )
    assert torch.equal(ours[rows][:, columns], theirs[rows][:, columns])


@st.composite
def crops(draw: st.DrawFn, largest: int = 120) -> Crop:
    sides = []
    for _ in range(2):
        full, size = draw(st.integers(1, largest)), draw(st.integers(1, largest))
        sides.append((full, draw(st.integers(1 - size, full - 1)), size))
    (height, top, rows), (width, left, columns) = sides
    return Crop((height, width), top, left, (rows, columns))


@settings(max_examples=300, deadline=None)
@given(height=st.integers(1, 90), width=st.integers(1, 90), crop=crops(), seed=st.integers(0, 999))
def test_equals_scaling_whole_and_cropping(height: int, width: int, crop: Crop, seed: int) -> None:
    image, label = sample(height, width, seed)
    ours = functional.pil_to_tensor(crop_image(image, crop, FILL))
    exact = scaled_then_cropped(image.as_subclass(torch.Tensor).double(), crop, list(FILL))
    assert ours.shape == exact.shape == (3, *crop.size)
    assert (ours - exact).abs().max() <= 1.01
    assert_equal_but_halfway(crop_label(label, crop), scaled_then_cropped(label, crop, IGNORE), label, crop)
    # The computation for large images, whose result crop_image pastes.
    inside = functional.pil_to_tensor(resized_region(image, crop))
    top, left = max(0, -crop.top), max(0, -crop.left)
    part = exact[:, top : top + inside.shape[1], left : left + inside.shape[2]]
    assert (inside - part).abs().max() <= 1.01
    # A Pillow image, as it comes from a file, gives the same.
    opened = functional.to_pil_image(image)
    assert torch.equal(functional.pil_to_tensor(resized_region(opened, crop)), inside)
    assert (functional.pil_to_tensor(crop_image(opened, crop, FILL)) - exact).abs().max() <= 1.01


@pytest.mark.parametrize("factor", [0.31, 0.62, 1.0, 1.37, 2.43])
def test_objects_of_the_label_map_stay_where_they_are_in_the_photograph(factor: float) -> None:
    """The centre of an object, in pixels of the crop, is the same in both, on average over places and sizes."""
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(60):
        top, left, height, width = (int(number) for number in rng.integers((20, 20, 8, 8), (60, 60, 40, 40)))
        classes = torch.zeros(120, 120, dtype=torch.uint8)
        classes[top : top + height, left : left + width] = 1
        photograph = functional.to_pil_image((255 * classes).expand(3, -1, -1))
        full = round(120 * factor)
        crop = Crop((full, full), 0, 0, (full, full))
        seen = functional.pil_to_tensor(crop_image(photograph, crop, FILL))[0].numpy()
        label = crop_label(tv_tensors.Mask(classes), crop).numpy()
        differences.append(np.subtract(center_of_mass(label), center_of_mass(seen)))
    assert np.abs(np.mean(differences, axis=0)).max() < 0.1


@pytest.mark.parametrize("factor", [0.25, 0.37, 0.76, 1.0, 1.61, 3.0])
def test_equals_scaling_whole_and_cropping_in_large_photographs(factor: float) -> None:
    """Far from the corner, where the rounding of Pillow's fractional edges would show first."""
    image, label = sample(900, 1300)
    full = round(900 * factor), round(1300 * factor)
    crop = Crop(full, full[0] - 150, full[1] - 200, (150, 200))
    exact = scaled_then_cropped(image.as_subclass(torch.Tensor).double(), crop, list(FILL))
    bytes_before = scaled_then_cropped(image, crop, list(FILL)).int()
    for ours in (crop_image(image, crop, FILL), resized_region(image, crop)):
        pixels = functional.pil_to_tensor(ours).int()
        assert (pixels - exact).abs().max() <= 1.1
        assert (pixels - bytes_before).abs().max() <= 2
        assert ((pixels - bytes_before).abs() > 0).float().mean() < 0.1
    assert_equal_but_halfway(crop_label(label, crop), scaled_then_cropped(label, crop, IGNORE), label, crop)


@pytest.mark.parametrize(("base", "side", "long_side"), [(None, "long", 100), (200, "long", 200), (50, "short", 100)])
def test_scale_is_uniform_in_its_range(base: int | None, side: Literal["long", "short"], long_side: int) -> None:
    torch.manual_seed(0)
    transform = RandomScaledCrop((20, 20), FILL, (0.5, 2.0), base, side)
    factors = []
    for _ in range(200):
        height, width = transform.make_params(list(sample(50, 100)))["crop"].full
        assert abs(width - 2 * height) <= 1.5  # both are rounded
        factors.append(width / long_side)
    assert min(factors) >= 0.49
    assert max(factors) <= 2.01
    # 200 draws of U(0.5, 2): the mean lies within four of its standard errors.
    assert abs(np.mean(factors) - 1.25) < 4 * 1.5 / math.sqrt(12 * 200)


@pytest.mark.parametrize(("side", "places"), [(12, {0, 1, 2}), (10, {0}), (8, {-2, -1, 0})])
def test_all_positions_inside_the_image_or_around_it_are_equally_likely(side: int, places: set[int]) -> None:
    torch.manual_seed(0)
    transform, image = RandomScaledCrop((10, 10), FILL), list(sample(side, 30))
    drawn = [transform.make_params(image)["crop"] for _ in range(600)]
    tops, lefts = Counter(crop.top for crop in drawn), Counter(crop.left for crop in drawn)
    assert set(tops) == places
    assert min(tops.values()) > 0.8 * 600 / len(places)
    assert (min(lefts), max(lefts)) == (0, 20)


@settings(deadline=None)
@given(height=st.integers(8, 60), width=st.integers(8, 60), share=st.floats(0.5, 1.0), seed=st.integers(0, 999))
def test_a_crop_is_drawn_again_while_a_class_has_too_large_a_share(
    height: int, width: int, share: float, seed: int
) -> None:
    """Compares with positions drawn one after the other from the same seed, and shares counted in each crop."""
    rng = np.random.default_rng(seed)
    label = np.full((height, width), 3, dtype=np.uint8)
    label[: rng.integers(1, height), : rng.integers(1, width)] = rng.choice([3, 7, IGNORE])
    pair = tv_tensors.Image(torch.zeros(3, height, width, dtype=torch.uint8)), tv_tensors.Mask(torch.from_numpy(label))

    def too_large(crop: torch.Tensor) -> bool:
        known = [value for value in crop.flatten().tolist() if value != IGNORE]
        return not known or max(known.count(value) for value in set(known)) >= share * len(known)

    torch.manual_seed(seed)
    torch.rand(())  # draws the scale
    draws = []
    for _ in range(10):
        top, left = (int(torch.randint(min(0, n - 24), max(0, n - 24) + 1, ())) for n in (height, width))
        draws.append(scaled_then_cropped(pair[1], Crop((height, width), top, left, (24, 24)), IGNORE))
    expected = draws[0] if share == 1 else next((crop for crop in draws if not too_large(crop)), draws[-1])
    torch.manual_seed(seed)
    image, mask = RandomScaledCrop((24, 24), FILL, max_class_share=share)(*pair)
    assert image.size == (24, 24)
    assert torch.equal(mask.as_subclass(torch.Tensor), expected)
