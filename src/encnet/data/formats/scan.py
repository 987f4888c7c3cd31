"""The classes of a data set that does not describe them: the values or colours in its label maps."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from encnet.data.images import open_image
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import MAX_CLASSES, Color, distinct_palette
from encnet.data.raw_labels import VALUE_MODES, read_colors, read_values, unpack_color
from encnet.system.errors import InputError


def scan_labels(maps: Iterable[Path], root: Path) -> LabelSet:
    """The classes in label maps: their grey values or palette indices, or their colours, in rising order.

    Value 255 is ignored, except in masks with only 0 and 255, where it is a class. Classes are called
    ``class_<value>`` or ``color_<rrggbb>``. Damaged maps are skipped: reading them later raises an error.

    Raises:
        InputError: there is no label map, grey and colour maps are mixed, or there are more than 255 classes.
    """
    first: dict[str, Path] = {}
    seen = {"value": np.zeros(2**16, dtype=bool), "color": np.zeros(2**24, dtype=bool)}
    palette: dict[int, Color] = {}
    for path in maps:
        try:
            image = open_image(path)
        except InputError:
            continue
        encoding = "value" if image.mode in VALUE_MODES else "color"
        first.setdefault(encoding, path)
        if len(first) > 1:
            raise InputError(
                f"the label map {first['color']} is a colour image, but {first['value']} is a grey or palette image;"
                " save all label maps of a data set as one kind"
            )
        raw = read_values(image) if encoding == "value" else read_colors(image)
        seen[encoding][raw] = True
        ignored = encoding == "value" and seen["value"][IGNORE]
        if np.count_nonzero(seen[encoding]) - ignored > MAX_CLASSES:
            kind = "values" if encoding == "value" else "colours"
            raise InputError(
                f"the label maps up to {path} hold more than {MAX_CLASSES} different {kind}, too many to be"
                " classes; smoothed edges and JPEG compression add some: save label maps as PNG without either,"
                " or declare the classes in dataset.yaml"
            )
        _add_palette(palette, image, raw)
    if not first:
        raise InputError(
            f"{root} has no readable label map to take classes from; label maps are PNG files with the stem of their"
            " image (JPEG would change their values)"
        )
    if "color" in first:
        return _color_labels([int(packed) for packed in np.flatnonzero(seen["color"])])
    return _value_labels([int(value) for value in np.flatnonzero(seen["value"])], palette, root)


def _add_palette(palette: dict[int, Color], image: Image.Image, values: np.ndarray) -> None:
    """If the map is a palette image, adds the colours of the palette indices in ``values`` to ``palette``."""
    if image.mode == "P":
        colors = read_colors(image)
        indices, positions = np.unique(values, return_index=True)
        for value, position in zip(indices, positions, strict=True):
            palette.setdefault(int(value), unpack_color(int(colors.flat[position])))


def _value_labels(values: list[int], palette: dict[int, Color], root: Path) -> LabelSet:
    classes = values if set(values) == {0, IGNORE} else [value for value in values if value != IGNORE]
    if not classes:
        raise InputError(f"the label maps of {root} contain nothing but 255, which is ignored; label their pixels")
    spare = distinct_palette(len(classes))
    raw: dict[int | Color, int] = {value: index for index, value in enumerate(classes)}
    raw.setdefault(IGNORE, IGNORE)
    return LabelSet(
        names=tuple(f"class_{value}" for value in classes),
        palette=tuple(palette.get(value, spare[index]) for index, value in enumerate(classes)),
        encoding="value",
        raw=raw,
    )


def _color_labels(packed: list[int]) -> LabelSet:
    colors = tuple(unpack_color(color) for color in packed)
    return LabelSet(
        names=tuple(f"color_{color:06x}" for color in packed),
        palette=colors,
        encoding="color",
        raw={color: index for index, color in enumerate(colors)},
    )
