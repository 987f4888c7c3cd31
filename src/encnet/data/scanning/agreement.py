"""The label maps of a data set must be of one kind: grey values, palette indices or colours, of one bit depth.

Each rule decides from all files at once. Files that do not agree are named, and nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from encnet.data.class_indices import NARROW_CLASSES
from encnet.data.grey_depth import bits_of, few, full_scale
from encnet.data.images import open_label_map
from encnet.data.label_statistics import LabelStatistics
from encnet.data.raw_labels import read_colors, read_values, unpack_color
from encnet.system.errors import InputError

Maps = Mapping[Path, LabelStatistics]
"""Readable label maps and their content."""


@dataclass
class Agreed:
    """The levels of all label maps, read by one rule.

    Attributes:
        encoding: whether levels are values or packed colours.
        levels: file -> levels, in rising order.
        pixels: file -> number of pixels of each level.
        palette: value -> packed colour that all palettes give it.
        notes: what was decided, one sentence each.
    """

    encoding: Literal["value", "color"]
    levels: dict[Path, np.ndarray] = field(default_factory=dict)
    pixels: dict[Path, np.ndarray] = field(default_factory=dict)
    palette: dict[int, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    scaled: bool = False
    """Whether greys of 1, 2, 4 and 16 bits are read as 8-bit levels of the same brightness."""

    def read(self, path: Path) -> np.ndarray:
        """(H, W) levels of a label map."""
        image = open_label_map(path)
        if self.encoding == "color":
            return read_colors(image)
        values = read_values(image)
        full = full_scale(values, bits_of(image)) if self.scaled else None
        return values if full is None else full


def agree(maps: Maps, encoding: Literal["value", "color"] | None, root: Path) -> Agreed:
    """Decides how all label maps are read.

    Args:
        maps: the readable label maps, at least one.
        encoding: how its owner says that label maps encode classes; None decides by the files.
        root: folder of the data set, for messages.

    Raises:
        InputError: the files do not agree; the message names two of them and the line of dataset.yaml that decides.
    """
    if encoding is None:
        encoding = "color" if any(content.kind == "color" for content in maps.values()) else "value"
        if encoding == "color":
            _require_same_colors(maps, root)
        else:
            _require_same_palettes(maps, root)
    agreed = Agreed(encoding)
    agreed.scaled = encoding == "value" and _are_scaled(maps, agreed)
    for path, content in maps.items():
        levels = np.array(content.levels, np.int64)
        if encoding == "color":
            levels = colors_of(content)
        elif agreed.scaled:
            full = full_scale(levels, content.bits)
            levels = levels if full is None else full
        agreed.levels[path], agreed.pixels[path] = levels, np.array(content.pixels, np.int64)
        if encoding == "value" and content.kind == "palette":
            for level, color in zip(content.levels, content.colors, strict=True):
                agreed.palette.setdefault(level, color)
    return agreed


def colors_of(content: LabelStatistics) -> np.ndarray:
    """The packed colour of each level of a label map; a grey level has its brightness in 8 bits."""
    if content.kind == "color":
        return np.array(content.levels, np.int64)
    if content.kind == "palette":
        return np.array(content.colors, np.int64)
    levels = np.array(content.levels, np.int64)
    full = full_scale(levels, content.bits)
    return (levels if full is None else full) * 0x010101


def _require_same_colors(maps: Maps, root: Path) -> None:
    """Raises InputError if a grey or palette map holds a colour that no colour map has: it may hold class indices."""
    first = next(path for path, content in maps.items() if content.kind == "color")
    known = np.unique(np.concatenate([colors_of(each) for each in maps.values() if each.kind == "color"]))
    for path, content in maps.items():
        if content.kind != "color" and not np.isin(colors_of(content), known).all():
            raise InputError(
                f"the label map {first} is a colour image, but {path} is a {content.kind} image with other colours;"
                f" save all label maps of a data set as one kind, or write `labels: color` into {root / 'dataset.yaml'}"
                " if the colours of both are right"
            )


def _require_same_palettes(maps: Maps, root: Path) -> None:
    """Raises InputError if an index has another colour in another file, or greys stand beside palette indices."""
    first: dict[int, tuple[int, Path]] = {}
    for path, content in maps.items():
        for level, color in zip(content.levels, content.colors, strict=False):
            other, file = first.setdefault(level, (color, path))
            if other != color:
                raise InputError(
                    f"the palettes differ: index {level} is {unpack_color(other)} in {file}, but {unpack_color(color)}"
                    f" in {path}; write `labels: color` into {root / 'dataset.yaml'} if the colours say the class, or"
                    " `labels: value` if the indices do"
                )
    greys = {path: content for path, content in maps.items() if content.kind == "grey" and any(content.levels)}
    if not first or not greys or all(color == level * 0x010101 for level, (color, _) in first.items()):
        return
    for path, content in greys.items():
        if not set(content.levels) <= first.keys():
            _, file = next(iter(first.values()))
            raise InputError(
                f"the label map {file} is a palette image, but {path} is a grey image with the value"
                f" {min(set(content.levels) - first.keys())}, which no palette image has as its index; write"
                f" `labels: color` into {root / 'dataset.yaml'} if brightness and colours say the class, or"
                " `labels: value` if grey values and indices do"
            )


def _are_scaled(maps: Maps, agreed: Agreed) -> bool:
    """Whether greys of 1, 2, 4 and 16 bits mean 8-bit levels of the same brightness, as the other files tell.

    Raises:
        InputError: files of different depths agree in neither reading, or in both.
    """
    depths: dict[int, dict[Path, LabelStatistics]] = {}
    for path, content in maps.items():
        if any(content.levels):  # an empty map agrees with every other one
            depths.setdefault(_depth(content), {})[path] = content
    if len(depths) < 2:
        return False
    reference = 8 if 8 in depths else max(depths)
    readings = {}
    for scaled in (False, True):
        levels = {depth: _levels(files.values(), scaled and depth != 8) for depth, files in depths.items()}
        readings[scaled] = all(levels[depth] <= levels[reference] for depth in depths)
    others = [path for depth, files in depths.items() if depth != reference for path in files]
    bits = maps[others[0]].bits
    named = f"{others[0]} with {bits} bit{'s' * (bits != 1)} and {next(iter(depths[reference]))}"
    named += f" with {reference} bits"
    if readings[False] and readings[True] and len(_levels(maps.values(), False)) > NARROW_CLASSES:
        return False  # 8 bits do not hold so many classes
    if readings[False] == readings[True]:
        stored = sorted(_levels((maps[path] for path in others), False))
        raise InputError(
            f"the label maps {named} do not agree: it is not clear whether the levels {few(stored)} of the first are"
            " classes or brightness; save all label maps with 8 bits per pixel, or declare the classes in dataset.yaml"
        )
    agreed.notes.append(
        f"label maps of several bit depths, {named}, "
        + ("are read by brightness: white is 255" if readings[True] else "hold the same values")
    )
    return readings[True]


def _depth(content: LabelStatistics) -> int:
    """The bits of a grey map whose levels can mean other levels in 8 bits; 8 for every other map."""
    ambiguous = full_scale(np.array(content.levels, np.int64), content.bits) is not None
    return content.bits if ambiguous and content.bits else 8


def _levels(contents: Iterable[LabelStatistics], scaled: bool) -> set[int]:
    """All levels but 0 of some label maps."""
    found: set[int] = set()
    for content in contents:
        levels = np.array(content.levels, np.int64)
        full = full_scale(levels, content.bits) if scaled else None
        found |= set((levels if full is None else full).tolist())
    return found - {0}
