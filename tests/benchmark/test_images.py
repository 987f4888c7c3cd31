"""Photographs have the size asked for."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from encnet.benchmark.images import most_common_size, photographs


def test_photographs_are_resized_and_repeated(tmp_path: Path) -> None:
    for name, color, size in (("a", (255, 0, 0), (40, 30)), ("b", (0, 0, 255), (20, 60))):
        Image.new("RGB", size, color).save(tmp_path / f"{name}.png")
    images = photographs([tmp_path / "a.png", tmp_path / "b.png"], (3, 32, 48))
    assert images.shape == (3, 32, 48, 3)
    assert images[:, 0, 0].tolist() == [[255, 0, 0], [0, 0, 255], [255, 0, 0]]


def test_the_most_common_size_is_height_and_width(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, size in zip(paths, ((20, 60), (40, 30), (40, 30)), strict=True):
        Image.new("RGB", size).save(path)
    assert most_common_size(paths) == (30, 40)
