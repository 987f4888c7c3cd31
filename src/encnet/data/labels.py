"""What the numbers or colours of a label map mean: the only place that knows raw labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from encnet.data.images import open_image
from encnet.data.matlab import MATLAB_SUFFIX, read_matlab_labels
from encnet.data.palette import MAX_CLASSES, Color, distinct_palette
from encnet.errors import InputError

__all__ = [
    "COLOR_MODES",
    "IGNORE",
    "MAX_CLASSES",
    "VALUE_MODES",
    "Color",
    "LabelSet",
    "distinct_palette",
    "pack_color",
    "read_colors",
    "read_values",
    "unpack_color",
]

IGNORE = 255
"""The class index of pixels that count nowhere: not in a loss, not in a metric."""

VALUE_MODES = frozenset({"1", "L", "LA", "P", "I;16"})
"""Pillow's modes of images whose pixels are values; RGB and RGBA are the others that a PNG can have."""

COLOR_MODES = frozenset({"P", "RGB", "RGBA"})
"""Pillow's modes of images whose pixels have colours."""

_RAW_LEVELS = {"value": 2**16, "color": 2**24}


@dataclass(frozen=True)
class LabelSet:
    """The classes of a data set, and what says a class in its label maps.

    Attributes:
        names: name of each class; the position is the class index.
        palette: colour of each class, RGB in 0-255.
        encoding: label maps say a class by grey value or palette index (``"value"``) or by RGB colour (``"color"``).
        raw: raw value (0-65535) or colour -> class index or ``IGNORE``. The whole truth: nothing else is decoded.
        undeclared: class index of raw values that ``raw`` does not hold; ``None`` makes them an error.
    """

    names: tuple[str, ...]
    palette: tuple[Color, ...]
    encoding: Literal["value", "color"]
    raw: Mapping[int | Color, int]
    undeclared: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.num_classes <= MAX_CLASSES:
            raise InputError(f"a label set has 1 to {MAX_CLASSES} classes, not {self.num_classes}")
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise InputError(f"two classes have the name '{twice[0]}'; class names must differ")
        if len(self.palette) != self.num_classes:
            raise InputError(f"{self.num_classes} classes need as many palette colours, not {len(self.palette)}")
        for color in self.palette:
            if not _is_color(color):
                raise InputError(f"the palette colour {color} is not three integers in 0-255")
        for raw, target in self.raw.items():
            if not (_is_color(raw) if self.encoding == "color" else _is_value(raw)):
                kind = "colour of three integers in 0-255" if self.encoding == "color" else "value in 0-65535"
                raise InputError(f"the raw label {raw} is not a {kind}")
            if target != IGNORE and not 0 <= target < self.num_classes:
                raise InputError(f"the raw label {raw} stands for class {target}, but there are {self.num_classes}")
        if self.undeclared is not None and not 0 <= self.undeclared < self.num_classes:
            raise InputError(f"undeclared labels stand for class {self.undeclared}, but there are {self.num_classes}")

    @classmethod
    def plain(cls, names: Sequence[str], palette: Sequence[Color] | None = None) -> LabelSet:
        """Raw value i is class i and 255 is ignored; without a palette the colours are ``distinct_palette``."""
        colors = distinct_palette(len(names)) if palette is None else tuple(palette)
        return cls(tuple(names), colors, "value", {**{i: i for i in range(len(names))}, IGNORE: IGNORE})

    @property
    def num_classes(self) -> int:
        return len(self.names)

    def read(self, path: str | Path) -> np.ndarray:
        """The raw label map: (H, W) int32 values, or colours packed as 0xRRGGBB.

        A palette image gives its indices where classes are declared by value, and its colours where they are declared
        by colour. Transparency is not looked at. A MATLAB file gives the values of its label matrix.

        Raises:
            InputError: the file cannot be read, or it is a colour image and classes are declared by value, or the
                reverse.
        """
        if Path(path).suffix.lower() == MATLAB_SUFFIX:
            if self.encoding == "color":
                raise InputError(f"the label map {path} holds values, but the classes are declared by colour")
            return read_matlab_labels(path)
        image = open_image(path)
        if self.encoding == "value":
            if image.mode not in VALUE_MODES:
                raise InputError(
                    f"the label map {path} is a {image.mode} image, but the classes are declared by value;"
                    " save it as a grey or palette PNG, or declare the classes by colour (`labels: color`)"
                )
            return read_values(image)
        if image.mode not in COLOR_MODES:
            raise InputError(
                f"the label map {path} is a grey image (mode {image.mode}), but the classes are declared by colour;"
                " save it as an RGB or palette PNG, or declare the classes by value (`labels: value`)"
            )
        return read_colors(image)

    def decode(self, raw: np.ndarray, path: str | Path) -> np.ndarray:
        """The label map: (H, W) uint8 class indices and ``IGNORE``, from what :meth:`read` gave.

        Raises:
            InputError: pixels have a value or colour that no class declares; ``path`` is for this message.
        """
        codes = np.take(self._codes, raw)
        if not codes.all():
            if self.undeclared is None:
                raise InputError(self._undeclared_message(raw, path))
            codes[codes == 0] = self.undeclared + 1
        return (codes - 1).astype(np.uint8)

    def load(self, path: str | Path) -> np.ndarray:
        """:meth:`read`, then :meth:`decode`: the label map (H, W) uint8 of a file."""
        return self.decode(self.read(path), path)

    def undeclared_values(self, raw: np.ndarray) -> dict[int | Color, int]:
        """Raw value or colour -> number of pixels, for those of ``raw`` that are not declared; rising order."""
        values, pixels = np.unique(raw[np.take(self._codes, raw) == 0], return_counts=True)
        return {self._unpack(int(value)): int(count) for value, count in zip(values, pixels, strict=True)}

    def table(self) -> str:
        """Every raw value or colour and what it stands for, one a line, as text."""
        rows = [(_text(raw), self._target_text(target)) for raw, target in self.raw.items()]
        rows.append(("any other", "error" if self.undeclared is None else self._target_text(self.undeclared)))
        head = "value" if self.encoding == "value" else "colour"
        width = max(len(left) for left, _ in [(head, ""), *rows])
        return "\n".join([f"{head:<{width}}    class", *(f"{left:<{width}} -> {right}" for left, right in rows)])

    @cached_property
    def _codes(self) -> np.ndarray:
        """(raw levels,) uint16: class + 1 of each raw value or packed colour, 256 = ignored, 0 = undeclared.

        Undeclared is zero so that the 2^24 colours cost no memory: the pages that hold no declared colour are
        never written.
        """
        codes = np.zeros(_RAW_LEVELS[self.encoding], dtype=np.uint16)
        for raw, target in self.raw.items():
            codes[raw if isinstance(raw, int) else pack_color(raw)] = target + 1
        return codes

    def __getstate__(self) -> dict[str, Any]:
        """Without the lookup table: each process builds its own."""
        return {name: value for name, value in self.__dict__.items() if name != "_codes"}

    def _unpack(self, raw: int) -> int | Color:
        return unpack_color(raw) if self.encoding == "color" else raw

    def _target_text(self, target: int) -> str:
        if target == IGNORE:
            return "ignored"
        return f"{target} {self.names[target]} {_text(self.palette[target])}"

    def _undeclared_message(self, raw: np.ndarray, path: str | Path) -> str:
        kind = "value" if self.encoding == "value" else "colour"
        found = [f"{_text(value)} ({count} pixels)" for value, count in self.undeclared_values(raw).items()]
        listed = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        return (
            f"the label map {path} has undeclared {kind}{'s' * (len(found) > 1)} {listed};"
            " declare each as a class in dataset.yaml or list it under `ignore`"
        )


def read_values(image: Image.Image) -> np.ndarray:
    """(H, W) int32: grey values or palette indices of an image in one of ``VALUE_MODES``.

    A 1-bit map gives 0 and 1. Greys of 2 and 4 bits are scaled to 0-255, as the PNG standard has it.
    """
    values = np.asarray(image)
    return (values[..., 0] if values.ndim == 3 else values).astype(np.int32)


def read_colors(image: Image.Image) -> np.ndarray:
    """(H, W) int32: colours, packed as 0xRRGGBB, of a palette, RGB or RGBA image."""
    pixels = np.asarray(image)
    palette = image.getpalette("RGB")
    if palette is not None:
        colors = np.zeros((256, 3), dtype=np.int32)
        colors[: len(palette) // 3] = np.reshape(palette, (-1, 3))
        packed = colors @ np.array([1 << 16, 1 << 8, 1], dtype=np.int32)
        return packed[pixels]
    red, green, blue = (pixels[..., channel].astype(np.int32) for channel in range(3))
    return (red << 16) | (green << 8) | blue


def pack_color(color: Color) -> int:
    """(r, g, b) -> 0xRRGGBB."""
    red, green, blue = color
    return red << 16 | green << 8 | blue


def unpack_color(packed: int) -> Color:
    """0xRRGGBB -> (r, g, b)."""
    return packed >> 16 & 255, packed >> 8 & 255, packed & 255


def _is_value(raw: object) -> bool:
    return isinstance(raw, int) and 0 <= raw < _RAW_LEVELS["value"]


def _is_color(raw: object) -> bool:
    return isinstance(raw, tuple) and len(raw) == 3 and all(isinstance(c, int) and 0 <= c <= 255 for c in raw)


def _text(raw: int | Color) -> str:
    return str(raw) if isinstance(raw, int) else "({}, {}, {})".format(*raw)
