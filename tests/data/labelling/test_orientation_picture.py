"""The picture that asks for a decision shows the areas on both ends of a photograph that is upside down."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from plain_tiff import write_turned

from encnet.data.labelling.annotations import AnnotatedImage, Area, read_bytes
from encnet.data.labelling.drawing import patch_mask
from encnet.data.labelling.orientation import Header, read_header
from encnet.data.labelling.orientation_picture import write_orientation_picture
from encnet.data.labels import LabelSet

RED = (255, 0, 0)


def annotated(file: Path) -> AnnotatedImage:
    """A photograph of 200 x 300 pixels with an area that fills its first fifty rows."""
    top = Area("roof", partial(patch_mask, np.ones((50, 300), bool), 0, 0))
    return AnnotatedImage(file.name, partial(read_bytes, file), (200, 300), (top,))


def black_png(path: Path) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("RGB", (300, 200)).save(path, exif=exif)
    return path


def black_bands(path: Path) -> Path:
    return write_turned(path.with_suffix(".tif"), np.zeros((200, 300, 4), np.uint16), 3)


@pytest.mark.parametrize(("number", "write"), [(1, black_png), (3, black_png), (5, black_png), (1, black_bands)])
def test_both_possibilities_are_side_by_side_and_at_most_three_photographs(
    tmp_path: Path, number: int, write: Callable[[Path], Path]
) -> None:
    undecided: list[tuple[AnnotatedImage, Header]] = []
    for i in range(number):
        image = annotated(write(tmp_path / f"{i}.png"))
        header = read_header(image)
        assert header is not None
        assert header == Header((200, 300), 3)
        undecided.append((image, header))
    labels = LabelSet.plain(["roof"], [RED])
    write_orientation_picture(tmp_path / "picture.png", undecided, labels, {"roof": 0}, False)
    with Image.open(tmp_path / "picture.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    rows = min(number, 3)
    height = pixels.shape[0] // rows
    for row in range(rows):
        panels = pixels[row * height : (row + 1) * height]
        reddish = (panels[..., 0] == 127) & (panels[..., 1] == 0)
        shown, stored = np.array_split(reddish, 2, axis=1)
        assert shown.any()
        assert stored.any()
        assert np.flatnonzero(shown.any(axis=1)).max() < np.flatnonzero(stored.any(axis=1)).min()
