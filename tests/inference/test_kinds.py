"""Kinds of prediction, and pages after the first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from band_files import write_bands
from PIL import Image

from encnet.data.source import PHOTOGRAPHS, ImageSource
from encnet.inference.kinds import further_pages, kind_of
from encnet.system.errors import InputError

PAGE = Image.new("RGB", (8, 8), (200, 0, 0))
OTHER = Image.new("RGB", (8, 8), (0, 0, 200))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("b.png", "image"), ("x.MP4", "video"), ("notes.txt", "image"), ("missing.tif", "image"), ("clip.mpeg", "video")],
)
def test_the_suffix_decides_the_kind(tmp_path: Path, name: str, kind: str) -> None:
    assert kind_of(tmp_path / name) == kind


def test_a_damaged_tiff_is_a_raster(tmp_path: Path) -> None:
    (tmp_path / "cut.tif").write_bytes(b"II*\0")
    (tmp_path / "text.tif").write_text("no TIFF")
    (tmp_path / "cut.png").write_bytes(b"II*\0")
    assert kind_of(tmp_path / "cut.tif") == "raster"
    assert kind_of(tmp_path / "text.tif") == "image"
    assert kind_of(tmp_path / "cut.png") == "image"


@pytest.mark.parametrize(
    ("name", "options", "pages"),
    [
        ("one.tif", {}, 0),
        ("three.tif", {"save_all": True, "append_images": [OTHER, PAGE]}, 2),
        ("three.TIFF", {"save_all": True, "append_images": [OTHER, PAGE]}, 2),
        ("still.gif", {}, 0),
        ("moving.gif", {"save_all": True, "append_images": [OTHER]}, 1),
        ("moving.webp", {"save_all": True, "append_images": [OTHER]}, 1),
        ("moving.png", {"save_all": True, "append_images": [OTHER]}, 1),
        ("still.png", {}, 0),
        ("photograph.jpg", {}, 0),
    ],
)
def test_pages_after_the_first_are_counted(tmp_path: Path, name: str, options: dict[str, Any], pages: int) -> None:
    PAGE.save(tmp_path / name, **options)
    assert further_pages(tmp_path / name) == pages


def mpo(path: Path) -> None:
    PAGE.save(path, format="MPO", save_all=True, append_images=[OTHER])


def thumbnail(path: Path) -> None:
    small = OTHER.resize((4, 4))
    small.encoderinfo = {"tiffinfo": {254: 1}}  # a smaller copy of another page
    PAGE.save(path, save_all=True, append_images=[small])


def damaged(path: Path) -> None:
    path.write_bytes(b"GIF89a")


@pytest.mark.parametrize(
    ("name", "write"), [("camera.jpg", mpo), ("copy.tif", thumbnail), ("bad.gif", damaged), ("no.tif", lambda _: None)]
)
def test_previews_copies_and_damaged_files_have_no_further_pages(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    if name in ("camera.jpg", "copy.tif"):
        with Image.open(tmp_path / name) as image:
            assert getattr(image, "n_frames", 1) == 2
    assert further_pages(tmp_path / name) == 0


@pytest.mark.parametrize(
    ("mode", "options", "kind"),
    [
        ("RGB", {}, "raster"),
        ("RGBA", {}, "raster"),
        ("L", {}, "raster"),
        ("P", {}, "image"),  # rasterio gives the indices of its colour table
        ("I;16", {}, "image"),  # not bytes
        ("RGB", {"exif": True}, "image"),  # rasterio does not turn it upright
    ],
)
def test_what_pillow_refuses_is_a_raster_if_rasterio_sees_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, options: dict[str, bool], kind: str
) -> None:
    pytest.importorskip("rasterio")
    path = tmp_path / ("turned.jpg" if options else "large.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.fromarray(np.zeros((20, 20), np.uint16)) if mode == "I;16" else Image.new(mode, (20, 20))
    extra: dict[str, Any] = {"exif": exif} if options else {}
    image.save(path, **extra)
    assert kind_of(path) == "image"
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert kind_of(path) == kind


def test_without_rasterio_it_stays_a_photograph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rasterio", None)
    Image.new("RGB", (20, 20)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert kind_of(tmp_path / "large.png") == "image"


FOUR = ImageSource((4, 3, 2, 1), ((0, 3000),))


@pytest.mark.parametrize(
    ("bands", "dtype", "source", "kind"),
    [
        (4, "uint16", FOUR, "image"),
        (5, "uint16", FOUR, "image"),
        (4, "float32", FOUR, "image"),
        (3, "uint16", FOUR, "raster"),  # has no fourth band
        (4, "complex64", FOUR, "raster"),
        (5, "uint8", FOUR, "raster"),  # has no values of 3000
        (5, "uint8", ImageSource((5, 1)), "image"),
        (5, "uint16", ImageSource((5, 1)), "raster"),  # no range
        (3, "uint16", ImageSource(value_range=((0, 3000),)), "image"),
        (5, "uint16", ImageSource(value_range=((0, 3000),)), "raster"),  # which of five bands?
        (3, "uint16", PHOTOGRAPHS, "raster"),
        (5, "uint8", PHOTOGRAPHS, "raster"),
    ],
)
def test_a_tiff_is_a_photograph_if_the_source_of_the_model_reads_it(
    tmp_path: Path, bands: int, dtype: str, source: ImageSource, kind: str
) -> None:
    rng = np.random.default_rng(0)
    path = write_bands(tmp_path / "a.tif", rng.integers(0, 200, (5, 7, bands)).astype(dtype))
    assert kind_of(path) == "raster"
    assert kind_of(path, lambda: source) == kind
    if kind == "image":
        source.read(path)
    elif source != PHOTOGRAPHS:
        with pytest.raises(InputError):
            source.read(path)


def write_world_file(path: Path) -> None:
    path.with_suffix(".tfw").write_text("10\n0\n0\n-10\n500000\n5800000\n")


def write_sidecar(path: Path) -> None:
    srs = "<SRS>EPSG:32633</SRS><GeoTransform>5e5, 10, 0, 58e5, 0, -10</GeoTransform>"
    path.with_suffix(".tif.aux.xml").write_text(f"<PAMDataset>{srs}</PAMDataset>")


@pytest.mark.parametrize("georeference", [write_world_file, write_sidecar])
def test_a_georeference_beside_a_tiff_counts(tmp_path: Path, georeference: Callable[[Path], None]) -> None:
    path = write_bands(tmp_path / "a.tif", np.zeros((5, 7, 4), np.uint16))
    assert kind_of(path, lambda: FOUR) == "image"
    georeference(path)
    assert kind_of(path, lambda: FOUR) == "raster"


@pytest.mark.parametrize("georeference", [write_world_file, write_sidecar])
def test_a_georeference_beside_a_tiff_of_three_bands_counts(
    tmp_path: Path, georeference: Callable[[Path], None]
) -> None:
    Image.new("RGB", (7, 5)).save(tmp_path / "a.tif")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><Metadata/></PAMDataset>")
    assert kind_of(tmp_path / "a.tif") == "image"
    georeference(tmp_path / "a.tif")
    assert kind_of(tmp_path / "a.tif") == "raster"


def test_a_very_large_tiff_and_one_without_rasterio_are_rasters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_bands(tmp_path / "a.tif", np.zeros((5, 7, 4), np.uint16))
    with monkeypatch.context() as limited:
        limited.setattr("encnet.inference.kinds.RASTER_PIXELS", 34)
        assert kind_of(path, lambda: FOUR) == "raster"
    monkeypatch.setitem(sys.modules, "rasterio", None)
    assert kind_of(path, lambda: FOUR) == "raster"


def test_further_pages_of_sixteen_bits_are_counted(tmp_path: Path) -> None:
    for append in ("NO", "YES", "YES"):
        write_bands(tmp_path / "a.tif", np.zeros((5, 7, 4), np.uint16), APPEND_SUBDATASET=append)
    assert further_pages(tmp_path / "a.tif") == 2
