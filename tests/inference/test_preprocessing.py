import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from encnet.errors import InputError
from encnet.inference.preprocessing import Preprocessing, rgb_image
from encnet.model.info import ModelInfo

PREPROCESSING = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.4))


def pixels(height: int = 3, width: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_values_are_normalised_by_channel() -> None:
    array = pixels()
    tensor = PREPROCESSING(array)
    assert tensor.shape == (3, 3, 4)
    for (y, x, channel), value in np.ndenumerate(array):
        expected = (int(value) / 255 - PREPROCESSING.mean[channel]) / PREPROCESSING.std[channel]
        assert float(tensor[channel, y, x]) == pytest.approx(expected, abs=1e-6)


def test_arrays_pictures_and_tensors_are_one() -> None:
    array = pixels()
    expected = PREPROCESSING(array)
    torch.testing.assert_close(PREPROCESSING(Image.fromarray(array)), expected)
    torch.testing.assert_close(PREPROCESSING(torch.tensor(array).permute(2, 0, 1)[None])[0], expected)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_long_side_is_reached_in_proportion(height: int, width: int, long_side: int) -> None:
    tensor = Preprocessing((0, 0, 0), (1, 1, 1), long_side)(pixels(height, width))
    assert max(tensor.shape[1:]) == long_side
    scale = long_side / max(height, width)
    assert abs(tensor.shape[1] - height * scale) <= 1
    assert abs(tensor.shape[2] - width * scale) <= 1


def test_resizing_is_that_of_pillow() -> None:
    ramp = np.linspace(0, 255, 64).astype(np.uint8)
    array = np.stack([np.tile(ramp, (48, 1))] * 3, axis=2)
    tensor = Preprocessing((0, 0, 0), (1, 1, 1), 32)(array)
    expected = np.asarray(Image.fromarray(array).resize((32, 24), Image.Resampling.BILINEAR))
    assert np.abs(tensor.permute(1, 2, 0).numpy() * 255 - expected).max() <= 1.01


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "HSV"])
def test_eight_bit_modes_become_rgb(mode: str) -> None:
    assert rgb_image(Image.new(mode, (4, 3))).mode == "RGB"


def test_palette_with_transparency_becomes_rgb() -> None:
    image = Image.new("P", (4, 3))
    image.putpalette([10, 20, 30])
    image.info["transparency"] = bytes([0])
    assert rgb_image(image).getpixel((0, 0)) == (10, 20, 30)


def truncated() -> Image.Image:
    buffer = io.BytesIO()
    Image.fromarray(pixels(64, 64)).save(buffer, "PNG")
    return Image.open(io.BytesIO(buffer.getvalue()[:2000]))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (pixels().astype(np.float32), "type float32"),
        (pixels()[..., 0], r"shape \(3, 4\)"),
        (pixels()[:0], r"shape \(0, 4, 3\)"),
        (np.zeros((3, 4, 4), np.uint8), r"shape \(3, 4, 4\)"),
        (Image.new("F", (2, 2)), "mode F"),
        (Image.new("I;16", (2, 2)), "mode I;16"),
        (truncated(), "cannot be decoded"),
        (None, "not NoneType"),
    ],
)
def test_other_images_are_errors(image: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rgb_image(image)  # pyright: ignore[reportArgumentType]


def test_preprocessing_of_a_model() -> None:
    info = ModelInfo("encnet_tiny", {}, mean=[0.1, 0.2, 0.3], std=[1, 2, 3], long_side=64)
    assert Preprocessing.of(info) == Preprocessing((0.1, 0.2, 0.3), (1, 2, 3), 64)
    with pytest.raises(InputError, match="4 channels"):
        Preprocessing.of(ModelInfo("encnet_tiny", {}, mean=[0.0] * 4, std=[1.0] * 4))
