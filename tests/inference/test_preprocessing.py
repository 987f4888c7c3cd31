import io
from typing import Any

import numpy as np
import pytest
import torch
from block_network import block_network
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import tv_tensors

from encnet.data.source import ImageSource
from encnet.data.transforms import evaluation_transform
from encnet.inference.memory_images import pixels_in_memory
from encnet.inference.preprocessing import Preprocessing, pixels_of
from encnet.model.info import ModelInfo
from encnet.system.errors import InputError

INFO = ModelInfo("blocks", {}, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4])


def pixels(height: int = 3, width: int = 4) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def normalised(images: torch.Tensor) -> torch.Tensor:
    """Images normalised by a network with the mean and standard deviation of ``INFO``."""
    network = block_network()
    network.info.mean, network.info.std = INFO.mean, INFO.std
    return network.normalised(images)


def test_values_are_normalised_per_channel() -> None:
    array = pixels()
    tensor = normalised(torch.tensor(array).permute(2, 0, 1))
    assert tensor.shape == (3, 3, 4)
    assert tensor.dtype == torch.float32
    for (y, x, channel), value in np.ndenumerate(array):
        expected = (int(value) / 255 - INFO.mean[channel]) / INFO.std[channel]
        assert float(tensor[channel, y, x]) == pytest.approx(expected, abs=1e-6)


def test_training_normalises_in_the_same_way() -> None:
    tensor = torch.tensor(pixels(20, 30)).permute(2, 0, 1)
    transform = evaluation_transform(tuple(INFO.mean), tuple(INFO.std))
    expected, _ = transform(tv_tensors.Image(tensor), tv_tensors.Mask(torch.zeros(20, 30, dtype=torch.uint8)))
    torch.testing.assert_close(normalised(tensor), expected, atol=1e-6, rtol=1e-6)


def test_normalisation_keeps_the_memory_layout() -> None:
    images = torch.tensor(pixels(20, 30))[None].permute(0, 3, 1, 2)
    assert normalised(images).is_contiguous(memory_format=torch.channels_last)


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 40))
def test_the_long_side_is_resized_in_proportion(height: int, width: int, long_side: int) -> None:
    image = Preprocessing(long_side).resized(Image.fromarray(pixels(height, width)))
    assert isinstance(image, Image.Image)
    assert max(image.size) == long_side
    scale = long_side / max(height, width)
    assert abs(image.height - height * scale) <= 1
    assert abs(image.width - width * scale) <= 1


@settings(deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(1, 60), st.integers(0, 99))
def test_training_resizes_in_the_same_way(height: int, width: int, long_side: int, seed: int) -> None:
    """Validation resizes with torchvision, with the same filter; values differ by rounding."""
    array = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    found = np.asarray(Preprocessing(long_side).resized(Image.fromarray(array)))
    transform = evaluation_transform((0.0,) * 3, (1.0,) * 3, long_side)
    label = tv_tensors.Mask(torch.zeros(height, width, dtype=torch.uint8))
    expected, _ = transform(tv_tensors.Image(torch.tensor(array).permute(2, 0, 1)), label)
    assert found.shape == (*expected.shape[1:], 3)
    assert np.abs(expected.permute(1, 2, 0).numpy() * 255 - found).max() <= 1.01


def test_an_image_of_the_right_size_is_not_copied() -> None:
    image = Image.fromarray(pixels(20, 30))
    assert Preprocessing().resized(image) is image
    assert Preprocessing(30).resized(image) is image


def test_images_of_one_size_become_one_array() -> None:
    images = [Image.fromarray(pixels()), Image.new("RGB", (4, 3), (1, 2, 3))]
    array = pixels_of(images)
    assert array.flags.writeable
    np.testing.assert_array_equal(array[0], pixels())
    np.testing.assert_array_equal(array[1, 2, 3], (1, 2, 3))


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGBA", "LA", "CMYK", "HSV"])
def test_eight_bit_modes_become_rgb(mode: str) -> None:
    image = pixels_in_memory(Image.new(mode, (4, 3)))
    assert isinstance(image, Image.Image) and image.mode == "RGB"


def test_palette_with_transparency_becomes_rgb() -> None:
    image = Image.new("P", (4, 3))
    image.putpalette([10, 20, 30])
    image.info["transparency"] = bytes([0])
    assert np.asarray(pixels_in_memory(image))[0, 0].tolist() == [10, 20, 30]


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
        (Image.new("F", (2, 2)), "float32 numbers"),
        (Image.fromarray(np.full((3, 4), 0x1234, np.uint16)), "uint16 numbers"),
        (truncated(), "cannot be decoded"),
        (None, "not NoneType"),
    ],
)
def test_unusable_images_are_errors(image: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pixels_in_memory(image)  # pyright: ignore[reportArgumentType]


def test_the_model_determines_the_preprocessing() -> None:
    info = ModelInfo("encnet_tiny", {}, mean=[0.1, 0.2, 0.3], std=[1, 2, 3], long_side=64)
    fill = (26, 51, 76)
    assert Preprocessing.of(info) == Preprocessing(64, multiple=8, fill=fill)
    info.multiple_of = 14
    assert Preprocessing.of(info) == Preprocessing(64, multiple=14, fill=fill)
    assert Preprocessing.of(info, align_corners=True) == Preprocessing(64, multiple=1, fill=fill)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({}, ImageSource((1, 2, 3, 4))),
        ({"bands": [5, 4, 3, 2]}, ImageSource((5, 4, 3, 2))),
        ({"value_range": [0, 9]}, ImageSource((1, 2, 3, 4), ((0, 9),))),
    ],
)
def test_a_model_of_four_bands_reads_four_bands(source: dict[str, Any], expected: ImageSource) -> None:
    info = ModelInfo("encnet_tiny", {}, mean=[0.0] * 4, std=[1.0] * 4, source=source)
    preprocessing = Preprocessing.of(info)
    assert preprocessing.source == expected
    assert preprocessing.reading(ImageSource((4, 3, 2, 1), ((1, 2),))).source == ImageSource((4, 3, 2, 1), ((1, 2),))
    with pytest.raises(InputError, match=r"sees 4 bands, but the files give the bands 1,2,3; give 4 bands"):
        preprocessing.reading(ImageSource((1, 2, 3)))
    with pytest.raises(InputError, match=r"shape \(3, 4, 3\).*give 4 bands as uint8 with shape \(height, width, 4\)"):
        preprocessing.open(pixels())
    with pytest.raises(InputError, match="have 3 bands, but the network sees 4"):
        preprocessing.resized_array(pixels()[None])
    opened = preprocessing.open(np.concatenate([pixels(), pixels()[..., :1]], axis=2))
    np.testing.assert_array_equal(np.asarray(opened.image), pixels())
    np.testing.assert_array_equal(pixels_of([opened.seen])[0, ..., 3], pixels()[..., 0])


def test_a_source_of_other_bands_than_the_mean_is_refused() -> None:
    with pytest.raises(InputError, match="sees 3 bands, but the files give the bands 1,2"):
        Preprocessing.of(ModelInfo("encnet_tiny", {}, mean=[0.0] * 3, std=[1.0] * 3, source={"bands": [1, 2]}))
