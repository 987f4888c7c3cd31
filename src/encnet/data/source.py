"""How files become photographs, for training, evaluation and prediction alike: bands, and range of values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from encnet.data.geo.window import Window
from encnet.data.image_facts import ImageFacts, describe_image
from encnet.data.images import as_photograph, open_described
from encnet.data.pixels import Pixels, ValueRange, scaled
from encnet.data.raster import listed
from encnet.data.sample_files import ImageFile, describe
from encnet.data.stored_values import PERCENTILES, StoredValues, array_of, proposed_range, stored_values
from encnet.system.checks import require
from encnet.system.errors import InputError

Orientation = Literal["shown", "stored"]
"""Whether label maps were drawn on photographs as viewers show them, or as they are stored, without their EXIF turn."""


class Photograph(NamedTuple):
    """A photograph that was read, upright."""

    pixels: Pixels  #: a Pillow RGB image, or uint8 (H, W, C) with another number of bands than three
    valid: np.ndarray | None  #: bool (H, W), the pixels with data; None if all of them have data
    facts: ImageFacts  #: what the header of the file says


@dataclass(frozen=True)
class ImageSource:
    """How a file is read as a photograph; stored with a data set and with a checkpoint.

    Without settings, only 8-bit grey and RGB photographs are read, as RGB; transparency is dropped. Other files need
    settings, because their values mean something else in every data set.

    Attributes:
        bands: numbers, from 1, of the bands that the network sees, in its order; an alpha band counts as a band. None
            takes the bands of RGB photographs, and a single band three times.
        value_range: the values that become 0 and 255, one pair or one per band; between them, values are scaled
            linearly. None takes 8-bit values unchanged.
        percentiles: the percentiles of the training images that become ``value_range``
            (:func:`encnet.data.band_statistics.with_measured_range`); None if there are none to measure.
        orientation: how the label maps of photographs with an EXIF orientation were drawn; None infers it from sizes.

    Raises:
        InputError: a setting is out of its range.
    """

    bands: tuple[int, ...] | None = None
    value_range: ValueRange | None = None
    percentiles: tuple[float, float] | None = None
    orientation: Orientation | None = None

    def __post_init__(self) -> None:
        if self.bands is not None:
            object.__setattr__(self, "bands", tuple(self.bands))
            valid = bool(self.bands) and all(_is_number(band, int) and band >= 1 for band in self.bands)
            require(valid, "bands", list(self.bands), "a list of band numbers, the first band is 1")
        if self.value_range is not None:
            object.__setattr__(self, "value_range", _pairs(self.value_range))
            counts = (1, self.channels)
            one_each = f"[low, high], or one pair for each of the {self.channels} bands"
            require(len(self.value_range) in counts, "value_range", [list(pair) for pair in self.value_range], one_each)
        if self.percentiles is not None:
            low, high = self.percentiles
            require(0 <= low < high <= 100, "percentiles", [low, high], "two numbers in 0-100, the lower one first")

    @property
    def channels(self) -> int:
        """Number of bands that the network sees."""
        return 3 if self.bands is None else len(self.bands)

    def __str__(self) -> str:
        """The settings in words, for people."""
        bands = "one or three bands" if self.bands is None else f"bands {listed(self.bands)}"
        if self.value_range is None:
            return f"{bands} of 8 bits"
        return f"{bands}, of which the values {_listed_pairs(self.value_range)} become 0 to 255"

    @property
    def is_default(self) -> bool:
        """Whether files are read as 8-bit grey or RGB photographs."""
        return self.bands is None and self.value_range is None and self.percentiles is None

    def to_dict(self) -> dict[str, Any]:
        """Bands and range of values as JSON types, for a checkpoint; empty for 8-bit photographs."""
        bands = {} if self.bands is None else {"bands": list(self.bands)}
        pairs = {} if self.value_range is None else {"value_range": [list(pair) for pair in self.value_range]}
        return {**bands, **pairs}

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ImageSource:
        """The source of :meth:`to_dict`.

        Raises:
            InputError: a setting is unknown or out of its range.
        """
        for name in settings:
            require(name in ("bands", "value_range"), "source", dict(settings), "a mapping of bands and value_range")
        return cls(settings.get("bands"), settings.get("value_range"))

    def completed(self, default: ImageSource) -> ImageSource:
        """These settings, with those of another source where there are none; percentiles yield to its range."""
        value_range = self.value_range or default.value_range
        percentiles = None if value_range else self.percentiles
        return replace(self, bands=self.bands or default.bands, value_range=value_range, percentiles=percentiles)

    def read(self, path: str | ImageFile, fill: Sequence[int] | None = None) -> Photograph:
        """Reads a file, or a window of a raster, as bytes.

        Args:
            path: the file or the window.
            fill: byte of each band for pixels without data; None is 0.

        Raises:
            InputError: the file is missing or damaged, does not have the bands, or needs settings that are not given;
                the message then proposes some, measured from the file.
        """
        if self.is_default and not isinstance(path, Window):
            photograph = self._plain_photograph(path)
            if photograph is not None:
                return photograph
        if self.percentiles is not None:
            raise InputError("the percentiles of value_range are not measured yet; give numbers", "value_range")
        values, valid, facts = self.values(path)
        if self.value_range is None and values.dtype != np.uint8:
            raise self._proposal(path, facts)
        if values.dtype == np.uint8 and any(high > 255 for _, high in self.value_range or ()):
            given = _listed_pairs(self.value_range or ())
            raise InputError(f"{path} has {facts}, but value_range is {given}; read 8-bit files without", "value_range")
        fill = fill or (0,) * self.channels
        return Photograph(scaled(values, self.value_range, fill, valid), valid, facts)

    def values(self, path: str | ImageFile) -> StoredValues:
        """Reads the bands of a file, or of a window of a raster, not scaled.

        Raises:
            InputError: as for :meth:`read`.
        """
        facts = describe(path)
        if self.bands is None and facts.bands not in (1, 3):
            raise self._proposal(path, facts)
        bands = self.bands or ((1, 1, 1) if facts.bands == 1 else (1, 2, 3))
        return path.values(bands) if isinstance(path, Window) else stored_values(path, bands, facts)

    def of_image(self, image: Image.Image, name: str, fill: Sequence[int] | None = None) -> Pixels:
        """An image in memory as bytes; an EXIF orientation is not applied.

        Args:
            image: a decoded Pillow image.
            name: name of the image, for messages.
            fill: as for :meth:`read`.

        Raises:
            InputError: the image does not have the bands, or holds numbers that need a range of values.
        """
        if self.is_default:
            return as_photograph(image, name)
        array = array_of(image)
        bands = self.bands or ((1, 1, 1) if array.shape[2] == 1 else (1, 2, 3))
        if max(bands) > array.shape[2]:
            raise InputError(f"bands is {listed(bands)}, but {name} has the bands 1 to {array.shape[2]}", "bands")
        if self.value_range is None and array.dtype != np.uint8:
            raise InputError(f"{name} holds {array.dtype} numbers; give their value_range", "value_range")
        return scaled(array[..., [band - 1 for band in bands]], self.value_range, fill or (0,) * len(bands), None)

    def _plain_photograph(self, path: str | Path) -> Photograph | None:
        """An 8-bit grey or RGB photograph; None if it has pixels without data, or only rasterio reads it."""
        try:
            image, facts = open_described(path)
        except InputError:
            facts = describe_image(path)
            if facts.mode:  # its header is fine, so its pixels are damaged
                raise
        else:
            if facts.mode and facts.is_photograph and facts.nodata is None:
                return Photograph(as_photograph(image, str(path)), None, facts)
        if not facts.is_photograph:
            raise self._proposal(path, facts)
        return None

    def _proposal(self, path: str | ImageFile, facts: ImageFacts) -> InputError:
        """The error for a file that needs settings; it proposes some, measured from the file."""
        lines, name = [], path.raster if isinstance(path, Window) else path
        bands = self.bands or tuple(range(1, facts.bands + 1))
        if self.bands is None and facts.bands not in (1, 3):
            lines.append(f"`bands: {list(bands)}`")
        if facts.dtype != "uint8":
            try:
                read = path.overview(bands) if isinstance(path, Window) else ImageSource(bands).values(path)
                values, valid, _ = read
            except InputError as error:
                return error
            low, high = proposed_range(values if valid is None else values[valid])
            lines.append(
                f"`value_range: [{low:.6g}, {high:.6g}]` (from percentiles {PERCENTILES[0]:g} and"
                f" {PERCENTILES[1]:g} of this file)"
            )
        return InputError(
            f"{name} has {facts}, so it is not an 8-bit grey or RGB photograph; write into dataset.yaml how to read it,"
            f" for example {' and '.join(lines)}",
            "bands" if self.bands is None and facts.bands not in (1, 3) else "value_range",
        )


PHOTOGRAPHS: ImageSource = ImageSource()
"""Without settings: 8-bit grey and RGB photographs."""


def read_image(path: str | Path) -> Image.Image:
    """An 8-bit grey or RGB photograph as an upright RGB image; transparency is dropped.

    Raises:
        InputError: the file is missing, damaged, or has other bands or numbers.
    """
    pixels = PHOTOGRAPHS.read(path).pixels
    assert isinstance(pixels, Image.Image)
    return pixels


def _pairs(value_range: Any) -> ValueRange:
    """One pair of numbers, or one per band, as a tuple of pairs."""
    single = isinstance(value_range, Sequence) and all(_is_number(value, float) for value in value_range)
    pairs = [value_range] if single else value_range
    rule = "[low, high] with low < high, or a list of such pairs"
    require(isinstance(pairs, Sequence) and len(pairs) > 0, "value_range", value_range, rule)
    for pair in pairs:
        numbers = isinstance(pair, Sequence) and len(pair) == 2 and all(_is_number(value, float) for value in pair)
        valid = numbers and bool(np.isfinite(pair).all()) and pair[0] < pair[1]
        require(valid, "value_range", value_range, rule)
    return tuple((float(low), float(high)) for low, high in pairs)


def _listed_pairs(value_range: ValueRange) -> str:
    return ", ".join(f"{low:g} to {high:g}" for low, high in value_range)


def _is_number(value: object, kind: type) -> bool:
    return isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
