"""Binary masks in every form, against loops over the pixels of the shape that was meant."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from label_files import high_bits, low_bits
from PIL import Image

from encnet.data.binary_masks import read_mask
from encnet.system.errors import InputError

SHAPE = np.zeros((5, 7), np.uint8)
SHAPE[1:4, 2:5] = 1
SHAPE[4, 6] = 1


def grey(value: int, kind: type = np.uint8) -> Image.Image:
    return Image.fromarray((SHAPE.astype(kind) * value).astype(kind))


def palette(value: int, colors: list[int]) -> Image.Image:
    image = Image.fromarray(SHAPE * np.uint8(value))
    image.putpalette(colors)
    return image


def channels(mode: str, *planes: np.ndarray) -> Image.Image:
    return Image.merge(mode, [Image.fromarray(plane.astype(np.uint8)) for plane in planes])


WHITE, ALL, NONE = SHAPE * 255, np.full_like(SHAPE, 255), np.zeros_like(SHAPE)

FORMS: dict[str, Callable[[], Image.Image]] = {
    "8 bits, 255": lambda: grey(255),
    "8 bits, 1": lambda: grey(1),
    "1 bit": lambda: grey(255).convert("1"),
    "16 bits, white": lambda: grey(65535, np.uint16),
    "16 bits, 1": lambda: grey(1, np.uint16),
    "16 bits, 255": lambda: grey(255, np.uint16),
    "palette, index 1": lambda: palette(1, [0, 0, 0, 200, 0, 0]),
    "palette, index 255": lambda: palette(255, [0, 0, 0] * 255 + [0, 0, 90]),
    "palette of one colour": lambda: palette(1, [7, 7, 7, 7, 7, 7]),
    "RGB": lambda: channels("RGB", WHITE, WHITE, WHITE),
    "RGBA, opaque": lambda: channels("RGBA", WHITE, WHITE, WHITE, ALL),
    "RGBA, values and transparency agree": lambda: channels("RGBA", SHAPE, SHAPE, SHAPE, WHITE),
    "RGBA, white everywhere": lambda: channels("RGBA", ALL, ALL, ALL, WHITE),
    "grey and alpha": lambda: channels("LA", ALL, WHITE),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_every_form_shows_the_shape(tmp_path: Path, form: str, suffix: str) -> None:
    FORMS[form]().save(tmp_path / f"mask.{suffix}")
    mask = read_mask(tmp_path / f"mask.{suffix}")
    assert mask.dtype == bool and mask.shape == (5, 7)
    for y in range(5):
        for x in range(7):
            assert mask[y, x] == ((1 <= y < 4 and 2 <= x < 5) or (y, x) == (4, 6))


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("white", [False, True])
def test_few_bits_hold_one_or_white(tmp_path: Path, bits: int, white: bool) -> None:
    (tmp_path / "mask.png").write_bytes(low_bits(SHAPE * (2**bits - 1 if white else 1), bits))
    assert np.array_equal(read_mask(tmp_path / "mask.png"), SHAPE == 1)


def test_a_transparent_index_of_a_palette_is_outside(tmp_path: Path) -> None:
    palette(1, [0, 0, 0, 200, 0, 0]).save(tmp_path / "mask.png", transparency=0)
    assert np.array_equal(read_mask(tmp_path / "mask.png"), SHAPE == 1)


@pytest.mark.parametrize("value", [0, 1, 255])
def test_a_mask_of_one_value_is_empty_or_full(tmp_path: Path, value: int) -> None:
    Image.new("L", (3, 2), value).save(tmp_path / "mask.png")
    assert np.array_equal(read_mask(tmp_path / "mask.png"), np.full((2, 3), value > 0))


def test_a_mask_is_turned_as_exif_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    grey(255).save(tmp_path / "mask.png", exif=exif)
    assert np.array_equal(read_mask(tmp_path / "mask.png"), np.rot90(SHAPE, -1) == 1)


def with_pixel(value: int, kind: type = np.uint8, inside: int = 255) -> Image.Image:
    pixels = SHAPE.astype(kind) * kind(inside)
    pixels[3, 5] = value
    return Image.fromarray(pixels)


def transparency(values: np.ndarray, alpha: np.ndarray) -> Image.Image:
    return channels("RGBA", values, values, values, alpha)


CORNER = WHITE.copy()
CORNER[3, 5] = 255
SOFT = WHITE.copy()
SOFT[3, 5] = 128


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (with_pixel(254), "the value 254 in column 5 of row 3"),
        (with_pixel(2, inside=1), "the value 2 in column 5 of row 3"),
        (with_pixel(1), r"the values 1, 255 besides 0, 255 in column 2 of row 1"),
        (with_pixel(77, np.uint16, 65535), "the value 77 in column 5 of row 3"),
        (palette(3, [0, 0, 0] * 4), "the value 3 in column 2 of row 1"),
        (palette(1, [255, 255, 255, 0, 0, 0]), "0 is (255, 255, 255) and 1 is (0, 0, 0)"),
        (channels("RGB", WHITE, NONE, NONE), "the colour (255, 0, 0) in column 2 of row 1"),
        (grey(255).convert("F"), "mode F"),
        (transparency(WHITE, CORNER), "column 5 of row 3, counted from 0 is opaque, but 0; save it without"),
        (transparency(CORNER, WHITE), "column 5 of row 3, counted from 0 is transparent, but 1 or white"),
        (transparency(NONE, WHITE), "column 2 of row 1, counted from 0 is opaque, but 0"),
        (transparency(WHITE, SOFT), "partly transparent, 128 of 255, in column 5 of row 3"),
    ],
)
def test_what_is_no_mask_is_refused_with_file_value_and_pixel(tmp_path: Path, image: Image.Image, message: str) -> None:
    path = tmp_path / "mask.tif" if image.mode == "F" else tmp_path / "mask.png"
    image.save(path)
    with pytest.raises(InputError, match=re.escape(message)) as error:
        read_mask(path)
    assert str(path) in str(error.value)


def test_a_jpeg_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    grey(255).save(tmp_path / "mask.jpg")
    with pytest.raises(InputError, match="lossy JPEG"):
        read_mask(tmp_path / "mask.jpg")
    with pytest.raises(InputError, match=r"no\.png"):
        read_mask(tmp_path / "no.png")


def test_a_mask_of_16_bits_per_channel_is_not_read_as_empty(tmp_path: Path) -> None:
    (tmp_path / "mask.png").write_bytes(high_bits(SHAPE[..., None].repeat(3, axis=2)))
    with pytest.raises(InputError, match=r"mask\.png has 3 bands of uint16"):
        read_mask(tmp_path / "mask.png")
