"""Kinds of prediction, and pages after the first."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from encnet.inference.kinds import further_pages, kind_of

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
