"""The picture of training batches."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from encnet.data.labels import IGNORE
from encnet.reports.batches import SHOWN, Batch, batches_picture, displayed

NAMES = ["ground", "square", "unseen"]
PALETTE = [(0, 200, 0), (200, 0, 0), (1, 2, 250)]
MEAN, STD = (0.5, 0.4, 0.3, 0.2), (0.2, 0.25, 0.5, 0.1)


def batch(number: int, channels: int, side: int = 64, grey: float = 0.5) -> Batch:
    """Images of one value, normalised; a square of class 1 on class 0, ignored at the top."""
    mean, std = (np.array(values[:channels])[:, None, None] for values in (MEAN, STD))
    labels = np.zeros((number, side, side), np.uint8)
    labels[:, side // 4 : side // 2, side // 4 : side // 2] = 1
    labels[:, : side // 8] = IGNORE
    return np.broadcast_to((grey - mean) / std, (number, channels, side, side)).astype(np.float32), labels


def colors(picture: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(color) for color in np.asarray(picture).reshape(-1, 3).tolist()}


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_normalisation_is_undone_for_any_number_of_channels(channels: int) -> None:
    bytes_ = np.random.default_rng(0).integers(0, 256, (channels, 5, 7))
    mean, std = (np.array(values[:channels])[:, None, None] for values in (MEAN, STD))
    image = displayed((bytes_ / 255 - mean) / std, MEAN[:channels], STD[:channels])
    expected = bytes_[:3] if channels >= 3 else np.repeat(bytes_[:1], 3, axis=0)
    assert np.array_equal(np.asarray(image), expected.transpose(1, 2, 0))


@pytest.mark.parametrize(("value", "shown"), [(9.0, 255), (-9.0, 0), (np.nan, 128), (np.inf, 255)])
def test_values_outside_of_the_range_are_clipped(value: float, shown: int) -> None:
    image = displayed(np.full((3, 2, 2), value), (0.5,) * 3, (0.2,) * 3)
    assert colors(image) == {(shown, shown, shown)}


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images_labels_and_ignored_pixels_are_shown(channels: int) -> None:
    picture = batches_picture([batch(2, channels)], MEAN[:channels], STD[:channels], NAMES, PALETTE)
    found = colors(picture)
    assert (128, 128, 128) in found  # the image
    assert {(64, 164, 64), (164, 64, 64)} <= found  # the image under the colours of both classes
    assert {(40, 40, 40), (96, 96, 96)} <= found  # the stripes of ignored pixels
    assert {PALETTE[0], PALETTE[1]} <= found  # the legend
    assert PALETTE[2] not in found  # no such pixel, and so not in the legend


@pytest.mark.parametrize(
    ("numbers", "side"), [((1,), 16), ((3, 3, 3), 64), ((SHOWN + 5,) * 3, 480), ((2, 1), 1000), ((1,), 321)]
)
def test_the_picture_has_a_readable_size(numbers: tuple[int, ...], side: int) -> None:
    picture = batches_picture([batch(number, 3, side) for number in numbers], MEAN[:3], STD[:3], NAMES, PALETTE)
    shown = min(max(numbers), SHOWN)
    assert picture.width >= shown * min(128, side)
    assert picture.width <= 2200
    assert 2 * len(numbers) * 100 <= picture.height <= 2 * len(numbers) * 360


def test_every_batch_has_a_row_and_only_the_first_images_of_it() -> None:
    dark, light = batch(SHOWN + 1, 3, grey=0.0), batch(1, 3, grey=1.0)
    dark[0][SHOWN] = light[0][0]  # the image that is not shown
    picture = np.asarray(batches_picture([dark, light], MEAN[:3], STD[:3], NAMES, PALETTE))
    first, second = np.split(picture, [picture.shape[0] // 2])
    tile = picture.shape[0] // 4
    assert (first[30:tile, 20 : SHOWN * 128] == 0).mean() > 0.8
    assert (second[30:tile, 10:100] == 255).mean() > 0.9
