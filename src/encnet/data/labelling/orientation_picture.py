"""A picture that shows on which pixels areas were drawn: both possibilities, side by side."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from encnet.data.image_facts import describe_image
from encnet.data.images import as_photograph
from encnet.data.labelling.annotations import AnnotatedImage
from encnet.data.labelling.drawing import paint
from encnet.data.labelling.orientation import Header, turned_areas
from encnet.data.labels import LabelSet
from encnet.data.pixels import picture, scaled
from encnet.data.stored_values import proposed_range, stored_values
from encnet.data.unread import unreadable
from encnet.system.errors import InputError
from encnet.system.files import replacing

_SIDE = 480  # of a photograph in the picture, in pixels
_CAPTION = 24  # height of a caption, in pixels
_ROWS = 3
_CAPTIONS = ("shown: drawn on the upright photograph", "stored: drawn on the pixels as stored")


def write_orientation_picture(
    path: Path,
    undecided: Sequence[tuple[AnnotatedImage, Header]],
    labels: LabelSet,
    values: Mapping[str, int],
    large_below: bool,
) -> None:
    """Writes a PNG with the first photographs: left with the areas as shown, right with the areas as stored.

    Args:
        path: the PNG.
        undecided: the photographs, with areas as their files have them.
        labels: the classes and their colours.
        values: label -> class index or ``labels.ignore``.
        large_below: whether small areas lie over large ones.

    Raises:
        InputError: the file cannot be written, or a photograph cannot be read.
    """
    rows = [_row(image, header, labels, values, large_below) for image, header in undecided[:_ROWS]]
    sheet = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        sheet.paste(row, (0, top))
        top += row.height
    with replacing(path) as temporary:
        sheet.save(temporary)


def _row(
    image: AnnotatedImage, header: Header, labels: LabelSet, values: Mapping[str, int], large_below: bool
) -> Image.Image:
    photograph = _upright(image)
    height, width = header.upright
    panels: list[Image.Image] = []
    for areas in (image.areas, turned_areas(image, header)):
        painted = paint(areas, values, height, width, labels.ignore, large_below)
        panels.append(_overlay(photograph, painted, labels))
    row = Image.new("RGB", (2 * _SIDE, _SIDE + 2 * _CAPTION), "white")
    pen = ImageDraw.Draw(row)
    for i, (panel, caption) in enumerate(zip(panels, _CAPTIONS, strict=True)):
        panel.thumbnail((_SIDE - 8, _SIDE))
        row.paste(panel, (i * _SIDE + 4, 2 * _CAPTION))
        pen.text((i * _SIDE + 4, 4), image.name, fill="black")
        pen.text((i * _SIDE + 4, 4 + _CAPTION), caption, fill="black")
    return row


def _upright(image: AnnotatedImage) -> Image.Image:
    """An RGB picture of a photograph; of other bands and numbers the first bands, with their usual values stretched."""
    facts = None if image.file is None else describe_image(image.file)
    if image.file is not None and facts is not None and not (facts.is_photograph and facts.mode):
        values, valid, _ = stored_values(image.file, (1, 2, 3) if facts.bands >= 3 else (1, 1, 1), facts)
        return picture(scaled(values, (proposed_range(values),), (0, 0, 0), valid))
    try:
        with Image.open(io.BytesIO(image.read())) as stored:
            stored.load()
            return as_photograph(ImageOps.exif_transpose(stored), image.name)
    except InputError:
        raise
    except Exception as error:  # decoders of damaged files raise OSError, SyntaxError, ValueError, struct.error, ...
        raise unreadable(image.name, error) from error


def _overlay(photograph: Image.Image, painted: np.ndarray, labels: LabelSet) -> Image.Image:
    """A photograph with half-transparent colours over the labelled pixels."""
    colors = np.array([*labels.palette, *[(0, 0, 0)] * (labels.ignore + 1 - labels.num_classes)], np.float32)[painted]
    pixels = np.asarray(photograph, np.float32)
    mixed = np.where((painted != labels.ignore)[..., None], 0.5 * pixels + 0.5 * colors, pixels)
    return Image.fromarray(mixed.astype(np.uint8))
