"""Uploaded files are read as `encnet predict` reads files, and are never trusted."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from band_files import scaled_by_loops, write_bands
from hypothesis import given
from hypothesis import strategies as st
from image_files import encoded
from PIL import Image

from benchmarks.hostile_files import tiff
from encnet.app.limits import Limits, RefusedError
from encnet.app.upload import decoded
from encnet.data.source import ImageSource, read_image
from encnet.system.errors import InputError

LIMITS = Limits(max_megapixels=1, max_megabytes=1)


@pytest.fixture
def photograph() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_an_upload_is_read_like_a_file(photograph: Image.Image, format: str, mode: str, tmp_path: Path) -> None:
    content = encoded(photograph.convert(mode if format != "JPEG" or mode != "P" else "CMYK"), format)
    (tmp_path / "file").write_bytes(content)
    assert np.array_equal(np.asarray(decoded(content, LIMITS)), np.asarray(read_image(tmp_path / "file")))


def test_photographs_are_turned_upright(photograph: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise
    turned = decoded(encoded(photograph, "PNG", exif=exif), LIMITS)
    assert np.array_equal(np.asarray(turned), np.rot90(np.asarray(photograph), k=-1))


def test_16_bit_grey_needs_a_model_with_a_range_of_values() -> None:
    grey = np.arange(600, dtype=np.uint16).reshape(20, 30) * 109
    content = encoded(Image.fromarray(grey), "PNG")
    image = decoded(content, LIMITS, ImageSource((1,), ((0, 65535),)))
    assert np.array_equal(np.asarray(image), scaled_by_loops(grey[..., None], [(0, 65535)]))
    with pytest.raises(InputError, match="the image holds uint16 numbers"):
        decoded(content, LIMITS)


@pytest.mark.parametrize(("name", "bands"), [("a.tif", 4), ("a.png", 3)])
def test_bands_that_only_rasterio_reads(tmp_path: Path, name: str, bands: int) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (20, 30, bands)).astype(np.uint16)
    content = write_bands(tmp_path / name, values).read_bytes()
    image = decoded(content, LIMITS, ImageSource(tuple(range(1, bands + 1)), ((0, 4095),)))
    assert np.array_equal(np.asarray(image), scaled_by_loops(values, [(0, 4095)]))
    with pytest.raises(InputError, match=f"^the image has {bands} bands of uint16"):
        decoded(content, LIMITS)
    with pytest.raises(RefusedError):
        decoded(content, Limits(max_megapixels=0.0001, max_megabytes=1))


def test_files_that_name_other_files_are_not_followed(tmp_path: Path) -> None:
    """GDAL would open the file that a VRT names."""
    path = write_bands(tmp_path / "a.tif", np.ones((4, 5, 4), np.uint16))
    band = f'<VRTRasterBand dataType="UInt16" band="1"><SimpleSource><SourceFilename>{path}</SourceFilename>'
    text = f'<VRTDataset rasterXSize="5" rasterYSize="4">{band}</SimpleSource></VRTRasterBand></VRTDataset>'
    with pytest.raises(InputError, match="not an image that can be read"):
        decoded(text.encode(), LIMITS, ImageSource((1,), ((0, 4095),)))


def png_of(width: int, height: int) -> bytes:
    """A PNG whose header claims a size, with almost no pixel data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    framed = [
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def test_the_size_in_pixels_is_checked_before_decoding() -> None:
    with pytest.raises(RefusedError, match=r"1001 x 1000 pixels, more than 1 million"):
        decoded(png_of(1001, 1000), LIMITS)
    for side in (12_000, 30_000):  # Pillow warns of the first and refuses the second
        with pytest.raises(RefusedError, match=r"more than 1 million"):
            decoded(png_of(side, side), LIMITS)
    with pytest.raises(InputError, match="damaged"):
        decoded(png_of(100, 100), LIMITS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b"not a picture", "save it as JPEG, PNG, WebP, BMP or TIFF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "save it as JPEG"),  # Pillow starts a program
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "save it as JPEG"),
        (encoded(Image.new("RGB", (64, 64)), "GIF"), "save it as JPEG"),
        (encoded(Image.new("F", (9, 9)), "TIFF"), "float32 numbers"),
        (b"x" * 1_000_001, "larger than 1 MB"),
    ],
    ids=["empty", "text", "postscript", "svg", "gif", "float", "large"],
)
def test_files_that_are_no_images_are_refused_in_one_sentence(content: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        decoded(content, LIMITS)
    assert "\n" not in str(error.value)
    assert "0x" not in str(error.value)  # no address of an object in memory


@given(data=st.data(), format=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF"]))
def test_damaged_files_give_an_input_error_or_an_image(data: st.DataObject, format: str) -> None:
    content = bytearray(encoded(Image.linear_gradient("L").resize((40, 30)), format))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)))
    try:
        image = decoded(bytes(content[:end]), LIMITS)
    except InputError:
        return
    assert isinstance(image, Image.Image) and image.mode == "RGB"


@pytest.mark.parametrize("bits", [8, 16])
def test_tiles_that_are_larger_than_an_image_may_be_are_refused(bits: int) -> None:
    """The decoder would reserve memory for a whole tile."""
    tags = {256: 9, 257: 9, 258: bits, 259: 5, 262: 1, 277: 1, 322: 4096, 323: 4096, 324: 8, 325: 20}
    with pytest.raises(RefusedError, match="4096 x 4096 pixels, more than the server decodes"):
        decoded(tiff(tags), LIMITS)
    usual = encoded(Image.new("L", (300, 300)), "TIFF", tile=True, tiffinfo={322: 256, 323: 256})
    assert decoded(usual, LIMITS).size == (300, 300)


def test_bands_that_take_more_memory_than_an_image_may_are_refused() -> None:
    tags = {256: 900, 257: 900, 258: 64, 277: 9, 339: 3, 278: 900, 273: 8, 279: 20}
    with pytest.raises(RefusedError, match="9 bands of float64 in 900 x 900 pixels"):
        decoded(tiff(tags), LIMITS)


def test_jpegs_of_very_many_scans_are_refused(photograph: Image.Image) -> None:
    content = encoded(photograph, "JPEG", progressive=True)
    assert decoded(content, LIMITS).size == photograph.size
    scan = content[content.rindex(b"\xff\xda") : -2]
    with pytest.raises(InputError, match="too many scans"):
        decoded(content[:-2] + scan * 300 + content[-2:], LIMITS)


def test_no_message_names_a_file_of_the_server(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 4096, (90, 90, 4)).astype(np.uint16)
    content = write_bands(tmp_path / "a.tif", values).read_bytes()
    for end in range(4, len(content), len(content) // 40):
        with pytest.raises(InputError) as error:
            decoded(content[:end], LIMITS, ImageSource((1, 2, 3), ((0, 4095),)))
        assert "/" not in str(error.value).replace("4 bands of uint16", "")
