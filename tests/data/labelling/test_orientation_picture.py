"""The picture that asks for a decision shows the areas on both ends of a photograph that is upside down."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from labelled_exports import photograph
from PIL import Image

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


@pytest.mark.parametrize("number", [1, 3, 5])
def test_both_possibilities_are_side_by_side_and_at_most_three_photographs(tmp_path: Path, number: int) -> None:
    undecided: list[tuple[AnnotatedImage, Header]] = []
    for i in range(number):
        image = annotated(photograph(tmp_path / f"{i}.png", 3, (200, 300)))
        Image.new("RGB", (300, 200)).save(tmp_path / f"{i}.png", exif=_upside_down())
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


def _upside_down() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 3
    return exif
