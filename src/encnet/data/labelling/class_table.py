"""The tables that name the classes of masks: CVAT's labelmap.txt and labelme's class_names.txt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from encnet.data.class_indices import ignore_of
from encnet.data.formats.voc import bit_palette
from encnet.data.palette import Color
from encnet.data.raw_labels import pack_color
from encnet.system.errors import InputError

LABELMAP: str = "labelmap.txt"
"""CVAT's table: a line ``label:red,green,blue:parts:actions`` for each class; without colours, VOC's palette holds."""
CLASS_NAMES: str = "class_names.txt"
"""The table that labelme's converter writes: the class of value i is in line i; ``__ignore__`` does not count."""

_LINE = re.compile(r"(?P<label>.+?):(?P<color>[^:]*)(:[^:]*){0,2}")


@dataclass(frozen=True)
class ClassTable:
    """The labels of a folder of masks, and how its masks encode them."""

    labels: Mapping[str, Color | None]
    """Label -> its colour, in the order of the table."""
    encoding: Literal["value", "color"]
    """Whether masks hold values (or palette indices), or colours."""
    codes: Mapping[int, str | None]
    """Value, or colour packed as 0xRRGGBB -> label; None is ignored."""
    source: str
    """What the table was taken from, as in a sentence."""


def read_table(folder: Path) -> ClassTable | None:
    """The class table in a folder; None if there is none.

    Raises:
        InputError: the table cannot be read, a line is not as the tool writes it, or two labels share a name or colour.
    """
    if (folder / LABELMAP).is_file():
        return _labelmap(folder / LABELMAP)
    if (folder / CLASS_NAMES).is_file():
        return _class_names(folder / CLASS_NAMES)
    return None


def _labelmap(path: Path) -> ClassTable:
    labels: dict[str, Color | None] = {}
    codes: dict[int, str | None] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"{path}, line {number}: '{line}' is not 'label:red,green,blue::'; correct the line")
        label, color = match["label"].strip(), _color(match["color"], path, number)
        if label in labels:
            raise InputError(f"{path}, line {number}: the label '{label}' is there twice; remove one")
        if color is not None and pack_color(color) in codes:
            other = codes[pack_color(color)]
            raise InputError(
                f"{path}, line {number}: '{label}' and '{other}' have the colour {match['color']}, so that masks do not"
                " tell them apart; give them different colours in the tool and export again"
            )
        labels[label] = color
        if color is not None:
            codes[pack_color(color)] = label
    if not labels:
        raise InputError(f"{path} has no label; export the masks again")
    if not codes:  # Datumaro then paints the labels in the colours of PASCAL VOC
        labels = dict(zip(labels, bit_palette(len(labels)), strict=True))
        codes = {pack_color(color): label for label, color in labels.items() if color is not None}
    return ClassTable(labels, "color", codes, LABELMAP)


def _color(text: str, path: Path, number: int) -> Color | None:
    if not text.strip():
        return None
    try:
        red, green, blue = (int(channel) for channel in text.split(","))
    except ValueError:
        red = green = blue = -1
    if not all(0 <= channel <= 255 for channel in (red, green, blue)):
        raise InputError(f"{path}, line {number}: '{text}' is not a colour of three numbers in 0-255; correct it")
    return red, green, blue


def _class_names(path: Path) -> ClassTable:
    names = read_names(path)
    if names[:1] == ["__ignore__"]:  # labelme's class -1, which is 255 in a mask of 8 bits and 65535 in one of 16
        names = names[1:]
    if not names:
        raise InputError(f"{path} has no class; write one name per line")
    twice = next((name for name, number in Counter(names).items() if number > 1), None)
    if twice is not None:
        raise InputError(f"{path} has the class '{twice}' twice; remove one")
    codes: dict[int, str | None] = {**dict(enumerate(names)), ignore_of(len(names)): None}
    return ClassTable(dict.fromkeys(names), "value", codes, CLASS_NAMES)


def read_names(path: Path) -> list[str]:
    """The class names in a text file, one per line, the first one that of the lowest value.

    Raises:
        InputError: the file cannot be read, or has an empty line between names.
    """
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    if "" in lines:
        raise InputError(
            f"{path}, line {lines.index('') + 1} is empty, so that the values of the classes below it are not certain;"
            " delete the line, or write the name of its class"
        )
    return lines


def read_lines(path: Path) -> list[str]:
    """The lines of a text file without the spaces around them; raises InputError if it cannot be read."""
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}; save it as a text file in UTF-8") from error
