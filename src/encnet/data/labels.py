"""The meaning of the values or colours in label maps; no other module interprets raw labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from encnet.data.class_indices import IGNORE as IGNORE  # formats of up to 255 classes import it from here
from encnet.data.class_indices import MAX_CLASSES, ignore_of, label_dtype
from encnet.data.derived_labels import DerivedLabels
from encnet.data.grey_depth import bits_of, full_scale, is_scaled
from encnet.data.images import open_label_map
from encnet.data.label_words import label_table, undeclared_message
from encnet.data.matlab import MATLAB_SUFFIX, read_matlab_labels
from encnet.data.palette import Color, distinct_palette, is_color
from encnet.data.raw_labels import (
    BYTE_MODES,
    pack_color,
    palette_colors,
    read_colors,
    read_values,
    require_colors,
    require_values,
    strips,
    unpack_color,
)
from encnet.data.sample_files import LabelFile
from encnet.system.errors import InputError
from encnet.system.text import not_a_name, quoted

_RAW_LEVELS = {"value": 2**16, "color": 2**24}


@dataclass(frozen=True)
class LabelSet:
    """The classes of a data set, and how its label maps encode them.

    Attributes:
        names: name of each class; the position is the class index.
        palette: colour of each class, RGB in 0-255.
        encoding: how label maps encode classes: by grey value or palette index (``"value"``), or by RGB colour
            (``"color"``).
        raw: raw value (0-65535) or colour -> class index or ``ignore``. Nothing else is decoded.
        undeclared: class index, or ``ignore``, of raw values and colours that ``raw`` does not list; ``None`` makes
            them an error.
    """

    names: tuple[str, ...]
    palette: tuple[Color, ...]
    encoding: Literal["value", "color"]
    raw: Mapping[int | Color, int]
    undeclared: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.num_classes <= MAX_CLASSES:
            raise InputError(f"a label set has 1 to {MAX_CLASSES} classes, not {self.num_classes}")
        for name in self.names:
            if reason := not_a_name(name):
                raise InputError(f"a class has the name {quoted(name)}, {reason}; rename the class")
        twice = sorted(name for name, number in Counter(self.names).items() if number > 1)
        if twice:
            raise InputError(f"two classes have the name '{twice[0]}'; class names must differ")
        if len(self.palette) != self.num_classes:
            raise InputError(f"{self.num_classes} classes need as many palette colours, not {len(self.palette)}")
        for color in self.palette:
            if not is_color(color):
                raise InputError(f"the palette colour {color} is not three integers in 0-255")
        for raw, target in self.raw.items():
            if not (is_color(raw) if self.encoding == "color" else _is_value(raw)):
                kind = "colour of three integers in 0-255" if self.encoding == "color" else "value in 0-65535"
                raise InputError(f"the raw label {raw} is not a {kind}")
            if target != self.ignore and not 0 <= target < self.num_classes:
                raise InputError(f"the raw label {raw} is of class {target}, but there are {self.num_classes}")
        if self.undeclared not in (None, self.ignore) and not 0 <= self.undeclared < self.num_classes:
            raise InputError(f"undeclared labels are of class {self.undeclared}, but there are {self.num_classes}")

    @classmethod
    def plain(cls, names: Sequence[str], palette: Sequence[Color] | None = None) -> LabelSet:
        """Raw value i is class i, and ``ignore`` is ignored; the default palette is ``distinct_palette``."""
        colors = distinct_palette(len(names)) if palette is None else tuple(palette)
        ignore = ignore_of(len(names))
        return cls(tuple(names), colors, "value", {**{i: i for i in range(len(names))}, ignore: ignore})

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.names)

    @cached_property
    def ignore(self) -> int:
        """The class index of ignored pixels: 255, or 65535 with more than 255 classes."""
        return ignore_of(self.num_classes)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """The type of label maps: uint8, or uint16 with more than 255 classes."""
        return label_dtype(self.num_classes)

    def read(self, path: str | LabelFile) -> np.ndarray:
        """The raw label map: (H, W) int32 values, or colours packed as 0xRRGGBB; that of masks may be uint8.

        A palette image gives its indices if classes are declared by value, and its colours if they are declared by
        colour. Greys of 1, 2, 4 and 16 bits give the stored level, or the 8-bit level of the same brightness: whichever
        is declared. Transparency has no effect. A MATLAB file gives the values of its label matrix.

        Raises:
            InputError: the file cannot be read, it is a colour image and classes are declared by value, a value is not
                in 0-65535, or both readings of its grey levels are declared.
        """
        if isinstance(path, DerivedLabels):
            return path.values()
        if _is_matlab(path):
            if self.encoding == "color":
                raise InputError(f"the label map {path} holds values, but the classes are declared by colour")
            return read_matlab_labels(path)
        image = self._open(path)
        return self._raw(image, self._scaled(image, path))

    def decode(self, raw: np.ndarray, path: str | LabelFile) -> np.ndarray:
        """The label map, (H, W) class indices and ``ignore`` of type ``dtype``, of a raw label map from :meth:`read`.

        Raises:
            InputError: pixels have an undeclared value or colour; the message names ``path``.
        """
        labels = np.empty(raw.shape, dtype=self.dtype)
        for rows in strips(*raw.shape):
            decoded = self._decoded(raw[rows])
            if decoded is None:
                raise InputError(undeclared_message(self.undeclared_values(raw), path))
            labels[rows] = decoded
        return labels

    def load(self, path: str | LabelFile) -> np.ndarray:
        """Reads and decodes a file's label map: (H, W) class indices and ``ignore``, of type ``dtype``.

        Images are decoded in strips, so that the raw label map never exists as a whole. Of an image with one byte per
        pixel, only the 256 levels are decoded.

        Raises:
            InputError: as :meth:`read` and :meth:`decode`.
        """
        if isinstance(path, DerivedLabels) or _is_matlab(path):
            return self.decode(self.read(path), path)
        image = self._open(path)
        scaled = self._scaled(image, path)
        bytewise = image.mode in BYTE_MODES and bits_of(image) in (8, None)
        classes = self._classes_of_levels(image) if bytewise else None
        labels = np.empty((image.height, image.width), dtype=self.dtype)
        for rows in strips(*labels.shape):
            strip = image.crop((0, rows.start, image.width, rows.stop))
            if classes is None:
                decoded = self._decoded(self._raw(strip, scaled))
            elif self.dtype == np.uint16:
                decoded = classes.take(np.asarray(strip))
            else:  # faster than `take`, but only for 8 bits
                decoded = np.asarray(strip.point(classes.tolist()))
            if decoded is None:
                raise InputError(undeclared_message(self.undeclared_values(self._raw(image, scaled)), path))
            labels[rows] = decoded
        return labels

    def undeclared_values(self, raw: np.ndarray) -> dict[int | Color, int]:
        """Undeclared value or colour in ``raw`` -> number of pixels, in rising order."""
        values, pixels = np.unique(raw[np.take(self._codes, raw) == 0], return_counts=True)
        counted = zip(values.tolist(), pixels.tolist(), strict=True)
        return {unpack_color(value) if self.encoding == "color" else value: count for value, count in counted}

    def table(self) -> str:
        """A text table of all raw values or colours and their classes, one per line."""
        return label_table(self.raw, self.undeclared, self.encoding, self.names, self.palette)

    def _open(self, path: str | Path) -> Image.Image:
        """The image of a label map; raises InputError if its mode does not fit ``encoding``."""
        image = open_label_map(path)
        if self.encoding == "value":
            require_values(image, path)
        else:
            require_colors(image, self.raw, path)
        return image

    def _raw(self, image: Image.Image, scaled: bool) -> np.ndarray:
        if self.encoding == "color":
            return read_colors(image)
        values = read_values(image)
        full = full_scale(values, bits_of(image)) if scaled else None
        return values if full is None else full

    def _scaled(self, image: Image.Image, path: str | Path) -> bool:
        if self.dtype == np.uint16 and bits_of(image) == 16:  # as many bits as the classes need: stored as meant
            return False
        return self.encoding == "value" and is_scaled(image, self.raw, self.ignore, path)

    def _decoded(self, raw: np.ndarray) -> np.ndarray | None:
        """The class, or ``ignore``, of each raw value or colour; None if one is undeclared and that is an error."""
        if raw.dtype == np.uint8 and self.dtype == np.uint8:  # a table of 256 bytes is looked up faster
            image = Image.fromarray(raw)
            levels = self._classes_of_levels(image)
            return None if levels is None else np.asarray(image.point(levels.tolist()))
        codes = self._codes.take(raw)
        if not codes.all():
            if self.undeclared is None:
                return None
            codes[codes == 0] = self.undeclared + 1
        codes -= 1
        return codes

    def _classes_of_levels(self, image: Image.Image) -> np.ndarray | None:
        """The class, or ``ignore``, of each level 0-255 of an image in one of ``BYTE_MODES``.

        None if a pixel has an undeclared level and that is an error.
        """
        codes = self._codes[palette_colors(image) if self.encoding == "color" else np.arange(256)]
        unknown = codes == 0
        if self.undeclared is not None:
            codes[unknown] = self.undeclared + 1
        elif np.logical_and(unknown, image.histogram()).any():
            return None
        return (codes - 1).astype(self.dtype)

    @cached_property
    def _codes(self) -> np.ndarray:
        """(raw levels,): class + 1 of each raw value or packed colour, ``ignore`` + 1 = ignored, 0 = undeclared.

        The type is uint16, or uint32 with more than 255 classes, as ``ignore`` + 1 is 65536 then.
        Undeclared is zero, so that the 2^24 colours cost almost no memory: pages without a declared colour are never
        written.
        """
        codes = np.zeros(_RAW_LEVELS[self.encoding], dtype=np.uint32 if self.dtype == np.uint16 else np.uint16)
        for raw, target in self.raw.items():
            codes[raw if isinstance(raw, int) else pack_color(raw)] = target + 1
        return codes

    def __getstate__(self) -> dict[str, Any]:
        """The state without the lookup table, which each process builds for itself."""
        return {name: value for name, value in self.__dict__.items() if name != "_codes"}


def _is_matlab(path: str | Path) -> bool:
    return Path(path).suffix.lower() == MATLAB_SUFFIX


def _is_value(raw: object) -> bool:
    return isinstance(raw, int) and 0 <= raw < _RAW_LEVELS["value"]
