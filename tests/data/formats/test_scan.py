from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from encnet.data.formats import read_dataset
from encnet.data.labels import IGNORE
from encnet.data.palette import distinct_palette
from encnet.system.errors import InputError


def write_images(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (4, 3)).save(folder / name)


def write_map(path: Path, pixels: Any, palette: list[int] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.atleast_2d(np.array(pixels, dtype=np.uint8)))
    if palette:
        image.putpalette(palette)
    image.save(path)


def read_classes(root: Path, *maps: Any, palettes: list[list[int] | None] | None = None) -> Any:
    write_images(root / "images", *(f"{i}.png" for i in range(len(maps))))
    for i, pixels in enumerate(maps):
        write_map(root / "labels" / f"{i}.png", pixels, palettes[i] if palettes else None)
    return read_dataset(root).labels


def test_grey_values_are_classes(tmp_path: Path) -> None:
    labels = read_classes(tmp_path, [7, 255], [3, 7], [100, 3])
    assert labels.names == ("class_3", "class_7", "class_100")
    assert labels.encoding == "value"
    assert labels.raw == {3: 0, 7: 1, 100: 2, 255: IGNORE}
    assert labels.palette == distinct_palette(3)


def test_binary_masks_have_two_classes(tmp_path: Path) -> None:
    labels = read_classes(tmp_path, [0, 255], [0, 0])
    assert labels.names == ("class_0", "class_255")
    assert labels.raw == {0: 0, 255: 1}


def test_palette_maps_give_the_classes_their_colors(tmp_path: Path) -> None:
    labels = read_classes(
        tmp_path, [0, 2], [1, 2], [5, 5], palettes=[[10, 11, 12, 0, 0, 0, 30, 31, 32], [0, 0, 0, 20, 21, 22], None]
    )
    assert labels.names == ("class_0", "class_1", "class_2", "class_5")
    assert labels.palette == ((10, 11, 12), (20, 21, 22), (30, 31, 32), distinct_palette(4)[3])


def test_colors_are_classes(tmp_path: Path) -> None:
    labels = read_classes(tmp_path, [[(128, 0, 1), (0, 0, 0)]], [[(0, 255, 16), (0, 0, 0)]])
    assert labels.names == ("color_000000", "color_00ff10", "color_800001")
    assert labels.encoding == "color"
    assert labels.palette == ((0, 0, 0), (0, 255, 16), (128, 0, 1))
    assert labels.raw == {color: index for index, color in enumerate(labels.palette)}
    assert labels.load(tmp_path / "labels/0.png").tolist() == [[2, 0]]


def test_255_values_are_classes_and_256_are_too_many(tmp_path: Path) -> None:
    assert read_classes(tmp_path, np.arange(256)).num_classes == 255
    write_map(tmp_path / "labels/0.png", [0])
    Image.fromarray(np.arange(1, 256, dtype=np.uint16)[None] * 256).save(tmp_path / "labels/1.png")
    with pytest.raises(InputError, match=r"labels/1\.png hold more than 255 different values"):
        read_dataset(tmp_path)


def test_too_many_colors_are_explained(tmp_path: Path) -> None:
    smooth = np.random.default_rng(0).integers(0, 256, (20, 20, 3))
    with pytest.raises(InputError, match=r"labels/1\.png hold more than 255 different colours.*smoothed.*JPEG"):
        read_classes(tmp_path, [[(0, 0, 0)]], smooth)


def test_grey_and_color_maps_do_not_mix(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1\.png is a colour image, but .*0\.png is a grey or palette image"):
        read_classes(tmp_path, [0, 1], [[(0, 0, 0)]])


def test_a_damaged_map_is_left_to_the_check(tmp_path: Path) -> None:
    read_classes(tmp_path, [0, 1], [2, 2])
    (tmp_path / "labels/1.png").write_bytes(b"damaged")
    assert read_dataset(tmp_path).labels.names == ("class_0", "class_1")
    assert len(read_dataset(tmp_path).split("train")) == 2


def test_maps_with_nothing_but_255_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contain nothing but 255"):
        read_classes(tmp_path, [255, 255])


def test_jpeg_label_maps_are_an_error(tmp_path: Path) -> None:
    write_images(tmp_path / "images", "a.jpg")
    write_images(tmp_path / "masks", "a.jpg")
    with pytest.raises(InputError, match=r"no readable label map .*PNG .*JPEG"):
        read_dataset(tmp_path)
