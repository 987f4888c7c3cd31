"""The drawing surface of the generated scenes: one geometry, drawn into a picture and into a label map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

SUPERSAMPLING: int = 3
"""Sub-pixels per side of a pixel; odd, so that the class of the central sub-pixel is the pixel's label."""

Rgb = tuple[float, float, float]
Point = tuple[float, float]


class Light(NamedTuple):
    """The light of a time of day; colours are RGB, 0-255."""

    zenith: Rgb
    horizon: Rgb
    sun: Rgb
    tint: Rgb
    """The colour of white land in this light."""
    lamps: float
    """How visible lamps are, from 0 by day to 1 at dusk."""

    def on(self, color: Rgb) -> Rgb:
        """The colour of land that is ``color`` in white light."""
        (r, g, b), (red, green, blue) = color, self.tint
        return r * red / 255, g * green / 255, b * blue / 255


def mix(first: Rgb, second: Rgb, share: float) -> Rgb:
    """A blend of ``first`` and ``second``, with ``share`` (0-1) of the second."""
    (r, g, b), (red, green, blue) = first, second
    return r + share * (red - r), g + share * (green - g), b + share * (blue - b)


def vary(rng: np.random.Generator, color: Rgb, deviation: float = 7.0) -> Rgb:
    """``color`` with normal noise of standard deviation ``deviation`` in brightness, and of half that per channel."""
    r, g, b = np.clip(np.asarray(color) + rng.normal(0, deviation) + rng.normal(0, deviation / 2, 3), 0, 255)
    return float(r), float(g), float(b)


def pixel(color: Rgb) -> np.ndarray:
    """``color`` as a (3,) float32 array."""
    return np.asarray(color, np.float32)


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell: tuple[float, float]) -> np.ndarray:
    """Smooth noise, (height, width) float32 in 0-1, with blobs of about ``cell`` = (height, width) pixels."""
    coarse = rng.random((max(2, round(height / cell[0]) + 1), max(2, round(width / cell[1]) + 1)), dtype=np.float32)
    return np.clip(np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)), 0, 1)


class Canvas:
    """A picture and a label map that are drawn together.

    A shape has points in scene units (one unit is ``unit`` pixels), a fill colour, and the name of its class. A shape
    without a name is decoration and does not change the labels.

    Args:
        image, labels: images to draw into, ``SUPERSAMPLING`` times as high and wide as the finished picture.
        unit: pixels of the finished picture per scene unit.
        light: the light on all land colours.
        classes: name -> class index.
    """

    def __init__(
        self, image: Image.Image, labels: Image.Image, unit: float, light: Light, classes: Mapping[str, int]
    ) -> None:
        self.unit = unit
        self.light = light
        self.classes = classes
        self._image, self._labels = image, labels
        self._ink, self._label_ink = ImageDraw.Draw(image, "RGBA"), ImageDraw.Draw(labels)

    @classmethod
    def blank(cls, height: int, width: int, unit: float, light: Light, classes: Mapping[str, int]) -> Canvas:
        """An empty canvas for a finished picture of height × width pixels."""
        size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
        return cls(Image.new("RGB", size), Image.new("L", size), unit, light, classes)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the finished picture in pixels."""
        return self._image.height // SUPERSAMPLING, self._image.width // SUPERSAMPLING

    @property
    def height(self) -> float:
        """Height in scene units."""
        return self.shape[0] / self.unit

    @property
    def width(self) -> float:
        """Width in scene units."""
        return self.shape[1] / self.unit

    def left(self, columns: int) -> Canvas:
        """A copy of the leftmost pixel ``columns`` as a canvas, beyond which nothing drawn on it can extend."""
        box = (0, 0, columns * SUPERSAMPLING, self._image.height)
        return Canvas(self._image.crop(box), self._labels.crop(box), self.unit, self.light, self.classes)

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The picture, (H, W, 3) uint8, and the label map, (H, W) uint8."""
        centre = slice(SUPERSAMPLING // 2, None, SUPERSAMPLING)
        return np.array(self._image.reduce(SUPERSAMPLING)), np.array(self._labels)[centre, centre]

    def polygon(self, points: Sequence[Point], color: Rgb, name: str | None = None, **look: float) -> None:
        """Fills a polygon. ``look``: ``alpha`` 0-1, and ``lamp`` 0-1, the share of the colour that shines by itself."""
        points = self._scaled(points)
        self._ink.polygon(points, self._fill(color, **look))
        if name is not None:
            self._label_ink.polygon(points, self.classes[name])

    def box(
        self, left: float, top: float, right: float, bottom: float, color: Rgb, name: str | None = None, **look: float
    ) -> None:
        """Fills an upright rectangle; ``look`` as in :meth:`polygon`."""
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], color, name, **look)

    def ellipse(self, centre: Point, rx: float, ry: float, color: Rgb, name: str | None = None, **look: float) -> None:
        """Fills an upright ellipse with half axes ``rx`` and ``ry``; ``look`` as in :meth:`polygon`."""
        (x, y), scale = centre, SUPERSAMPLING * self.unit
        bounds = ((x - rx) * scale, (y - ry) * scale, (x + rx) * scale, (y + ry) * scale)
        self._ink.ellipse(bounds, self._fill(color, **look))
        if name is not None:
            self._label_ink.ellipse(bounds, self.classes[name])

    def line(self, points: Sequence[Point], width: float, color: Rgb, name: str | None = None, **look: float) -> None:
        """Draws connected segments of the given width; ``look`` as in :meth:`polygon`."""
        points, thickness = self._scaled(points), max(1, round(width * SUPERSAMPLING * self.unit))
        self._ink.line(points, self._fill(color, **look), thickness, joint="curve")
        if name is not None:
            self._label_ink.line(points, self.classes[name], thickness, joint="curve")

    def texture(self, points: Sequence[Point], pixels: np.ndarray, name: str) -> None:
        """Fills a polygon with the lit colours of ``pixels``, (rows from the top, W, 3) in 0-255."""
        points = self._scaled(points)
        levels = [y // SUPERSAMPLING for _, y in points]
        rows = slice(max(0, int(min(levels))), int(max(levels)) + 1)  # the other rows need no work
        picture = Image.fromarray(np.clip(pixels[rows], 0, 255).astype(np.uint8))
        size, top = (self._image.width, picture.height * SUPERSAMPLING), rows.start * SUPERSAMPLING
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).polygon([(x, y - top) for x, y in points], 255)
        self._image.paste(picture.resize(size, Image.Resampling.NEAREST), (0, top), mask)
        self._label_ink.polygon(points, self.classes[name])

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        scale = SUPERSAMPLING * self.unit
        return [(x * scale, y * scale) for x, y in points]

    def _fill(self, color: Rgb, alpha: float = 1.0, lamp: float = 0.0) -> tuple[int, int, int, int]:
        lit = self.light.on(color)
        r, g, b = mix(lit, color, lamp) if lamp else lit
        return int(r), int(g), int(b), round(255 * alpha)
