"""Reads masks: the values or colours in them, and the classes of masks that have no class table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
from PIL import Image

from encnet.data.class_indices import IGNORE, NARROW_CLASSES, counts_up, ignored_value
from encnet.data.image_facts import describe_image
from encnet.data.images import open_label_map
from encnet.data.labelling.class_table import CLASS_NAMES, LABELMAP, ClassTable
from encnet.data.palette import Color
from encnet.data.raw_labels import (
    VALUE_MODES,
    pack_color,
    palette_colors,
    read_colors,
    read_values,
    unpack_color,
)
from encnet.system.errors import InputError
from encnet.system.ledger import NAMED
from encnet.system.text import counted

MOST_VALUES: int = 4096
"""The most different values that masks without a class table may hold."""

_NAMED = 5  # colours that a table lacks and that are named one by one; smoothed edges have thousands
_GREY_MODES = VALUE_MODES - {"P"}


def positions_mask(masks: Iterable[Path], table: ClassTable) -> Path | None:
    """The first mask that shows that grey masks hold positions in a table of colours (0 is its first label).

    It is a grey one: the table lacks one of its greys, but has so many labels. Masks that cannot be read are skipped.

    Returns:
        the mask; None if grey masks hold colours of the table.
    """
    for path in masks if table.encoding == "color" else ():
        try:
            image = open_label_map(path) if describe_image(path).mode in _GREY_MODES else None
        except InputError:
            continue
        if image is None or contents(image, "color").keys() <= table.codes.keys():
            continue
        if max(contents(image, "value")) < len(table.labels):
            return path
    return None


def encoding_of(image: Image.Image, table: ClassTable, positions: bool) -> Literal["value", "color", "position"]:
    """How a mask encodes the labels of a table, where grey masks may hold positions in a table of colours."""
    return "position" if positions and image.mode in _GREY_MODES else table.encoding


def contents(image: Image.Image, encoding: str) -> dict[int, int]:
    """Value, or colour packed as 0xRRGGBB -> number of pixels, in rising order."""
    values, pixels = np.unique(raw(image, encoding), return_counts=True)
    return {int(value): int(count) for value, count in zip(values, pixels, strict=True)}


def raw(image: Image.Image, encoding: str) -> np.ndarray:
    """(H, W) int32: the values of a mask, or its colours packed as 0xRRGGBB.

    Raises:
        ValueError: values are wanted of a colour image.
    """
    if encoding != "color":
        if image.mode not in VALUE_MODES:
            raise ValueError(f"it is a colour image (mode {image.mode}), but its classes are declared by value")
        return read_values(image)
    return read_colors(image if image.mode in ("P", "RGB", "RGBA") else image.convert("RGB"))


def scan_masks(masks: Iterable[Path], root: Path) -> ClassTable:
    """The classes of masks without a class table: ``class_<value>``, or ``color_<rrggbb>`` in colour images.

    Value 255 is ignored, except in masks with only 0 and 255; beside more than 255 other values, 65535 is. Masks that
    cannot be read are skipped.

    Raises:
        InputError: masks with values and with colours are mixed, the palettes of two masks give one value two colours,
            or there are more than 255 colours, or values that do not count up from 0 or 1.
    """
    first: dict[str, Path] = {}
    palette: dict[int, tuple[Color, Path]] = {}
    found: set[int] = set()
    for path in masks:
        try:
            image = open_label_map(path)
        except InputError:
            continue
        encoding = "value" if image.mode in VALUE_MODES else "color"
        first.setdefault(encoding, path)
        if len(first) > 1:
            raise InputError(
                f"{first['color']} is a colour image, but {first['value']} is a grey or palette image; save all masks"
                " as one kind"
            )
        inside = contents(image, encoding)
        found |= inside.keys()
        most = NARROW_CLASSES if encoding == "color" else MOST_VALUES
        if len(found) > most:
            _refuse(f"the masks up to {path} hold", most, encoding)
        if image.mode == "P":
            _add_palette(palette, image, inside.keys() - {IGNORE}, path)
    if not first:
        raise InputError(f"{root} has no readable mask; save masks as PNG")
    codes: dict[int, str | None]
    if "color" in first:
        codes = {color: f"color_{color:06x}" for color in sorted(found)}
        colors = {f"color_{color:06x}": unpack_color(color) for color in sorted(found)}
        return ClassTable(colors, "color", codes, "their colours")
    ignored = ignored_value(found)
    values = sorted(found if found == {0, IGNORE} else found - {ignored})
    if len(values) > NARROW_CLASSES and not counts_up(values):
        _refuse(f"the masks in {root} hold", NARROW_CLASSES, "value")
    codes = {ignored: None, **{value: f"class_{value}" for value in values}}
    labels = {f"class_{value}": palette[value][0] if value in palette else None for value in values}
    return ClassTable(labels, "value", codes, "their values")


def _refuse(masks: str, number: int, encoding: str) -> NoReturn:
    table = f", or write a {CLASS_NAMES} beside their folder, with the class of value i in line i"
    raise InputError(
        f"{masks} more than {number} different {encoding}s, too many to be classes; save masks as PNG without smoothed"
        f" edges{table if encoding == 'value' else ''}"
    )


def _add_palette(palette: dict[int, tuple[Color, Path]], image: Image.Image, values: Iterable[int], path: Path) -> None:
    colors = palette_colors(image)
    for value in values:
        color = unpack_color(int(colors[value]))
        known, other = palette.setdefault(value, (color, path))
        if pack_color(known) != pack_color(color):
            raise InputError(
                f"value {value} is {known} in the palette of {other}, but {color} in that of {path}; save all masks"
                f" with one palette, or write a {LABELMAP} beside their folder, with a line 'label:red,green,blue::'"
                " for each colour"
            )


class Unknown:
    """The values or colours in masks that their table lacks."""

    def __init__(self) -> None:
        self._pixels: Counter[int] = Counter()
        self._masks: dict[int, list[str]] = {}

    def add(self, code: int, pixels: int, mask: str) -> None:
        """Counts the pixels of a value, or of a packed colour, in a mask."""
        self._pixels[code] += pixels
        self._masks.setdefault(code, []).append(mask)

    def kinds(self, table: ClassTable) -> dict[str, tuple[int, list[str]]]:
        """Kind -> number of pixels, and the first masks; the most frequent colours by name, the others together."""
        kinds = {}
        often = self._pixels.most_common()
        for code, pixels in often[:_NAMED]:
            masks = self._masks[code]
            kind = f"pixel of {_name(code, table)} in {counted(len(masks), 'mask')}, which {table.source} lacks"
            kinds[kind] = (pixels, masks[:NAMED])
        if len(often) > _NAMED:
            kind = f"pixel of {len(often) - _NAMED} other colours or values, which {table.source} lacks"
            masks = dict.fromkeys(mask for code, _ in often[_NAMED:] for mask in self._masks[code])
            kinds[kind] = (sum(pixels for _, pixels in often[_NAMED:]), list(masks)[:NAMED])
        return kinds

    def require_known(self, table: ClassTable, folder: Path) -> None:
        """Raises InputError if there is a value or colour; for masks in which nothing is known."""
        for code, _ in self._pixels.most_common(1):
            raise InputError(
                f"the masks in {folder} have nothing that {table.source} lists, but {_name(code, table)}, for example;"
                f" correct {table.source}"
            )


def _name(code: int, table: ClassTable) -> str:
    return f"colour {unpack_color(code)}" if table.encoding == "color" else f"value {code}"
