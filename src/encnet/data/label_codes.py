"""A table of the class of every raw value or colour, by which label maps are decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from PIL import Image

from encnet.data.palette import Color
from encnet.data.raw_labels import pack_color, unpack_color

RAW_LEVELS: Mapping[str, int] = {"value": 2**16, "color": 2**24}
"""Number of raw values and of packed colours."""


class LabelCodes:
    """Decodes raw label maps by looking up each pixel.

    Args:
        raw: raw value or colour -> class index, or the index of ignored pixels.
        encoding: whether raw labels are values or colours.
        undeclared: class index, or the index of ignored pixels, of all others; ``None`` if there must be none.
        dtype: the type of decoded label maps: uint8 or uint16.
    """

    def __init__(
        self,
        raw: Mapping[int | Color, int],
        encoding: Literal["value", "color"],
        undeclared: int | None,
        dtype: np.dtype[Any],
    ) -> None:
        # Class + 1, as zero is undeclared: the 2^24 colours then cost almost no memory, since pages without a declared
        # colour are never written. The index of ignored pixels can be 65535, and 65536 needs uint32.
        self._codes = np.zeros(RAW_LEVELS[encoding], dtype=np.uint32 if dtype == np.uint16 else np.uint16)
        for label, target in raw.items():
            self._codes[label if isinstance(label, int) else pack_color(label)] = target + 1
        self._colored, self._undeclared, self._dtype = encoding == "color", undeclared, dtype

    def decoded(self, raw: np.ndarray) -> np.ndarray | None:
        """The class indices, (H, W), of raw labels; None if one is undeclared and there must be none.

        Args:
            raw: (H, W) int32 values or packed colours, or uint8 values.
        """
        if raw.dtype == np.uint8:
            image = Image.fromarray(raw)
            classes = self.of_levels(np.arange(256), image)
            return None if classes is None else self.by_level(image, classes)
        codes = self._codes.take(raw)
        if not codes.all():
            if self._undeclared is None:
                return None
            codes[codes == 0] = self._undeclared + 1
        codes -= 1
        return codes

    def of_levels(self, raw: np.ndarray, image: Image.Image) -> np.ndarray | None:
        """The class of each level 0-255 of an image with one byte per pixel.

        None if a pixel has an undeclared level and there must be none.

        Args:
            raw: (256,) the raw label of each level.
            image: the image, of mode L or P.
        """
        codes = self._codes[raw]
        unknown = codes == 0
        if self._undeclared is not None:
            codes[unknown] = self._undeclared + 1
        elif np.logical_and(unknown, image.histogram()).any():
            return None
        return (codes - 1).astype(self._dtype)

    def by_level(self, image: Image.Image, classes: np.ndarray) -> np.ndarray:
        """The class indices, (H, W), of an image with one byte per pixel.

        Args:
            image: the image, of mode L or P.
            classes: (256,) from :meth:`of_levels`.
        """
        if self._dtype == np.uint16:
            return classes.take(np.asarray(image))
        return np.asarray(image.point(classes.tolist()))  # faster than `take`, but only for 8 bits

    def undeclared_in(self, raw: np.ndarray) -> dict[int | Color, int]:
        """Undeclared value or colour in raw labels -> number of pixels, in rising order."""
        values, pixels = np.unique(raw[self._codes.take(raw) == 0], return_counts=True)
        counted = zip(values.tolist(), pixels.tolist(), strict=True)
        return {unpack_color(value) if self._colored else value: count for value, count in counted}
