"""The classes of the generated scenes, and how a scene is composed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from encnet.data.labels import LabelSet
from encnet.data.palette import Color
from encnet.data.scenes.canvas import Canvas
from encnet.data.scenes.landmarks import STRIP, draw_farm, draw_harbour, draw_town
from encnet.data.scenes.landscape import draw_ground, draw_hills, draw_light, draw_sky
from encnet.data.scenes.objects import draw_bird, draw_box, draw_disc, draw_person, draw_tree
from encnet.system.checks import require
from encnet.system.errors import InputError

_COLORS: dict[str, Color] = {
    "sky": (142, 196, 240),
    "hill": (112, 134, 150),
    "ground": (196, 208, 140),
    "tree": (42, 122, 64),
    "sea": (28, 92, 176),
    "lighthouse": (236, 72, 96),
    "boat": (244, 244, 250),
    "barn": (140, 30, 38),
    "field": (214, 176, 40),
    "house": (178, 110, 90),
    "buoy": (0, 236, 236),
    "pumpkin": (255, 128, 0),
    "ball": (240, 60, 220),
    "crate": (0, 150, 140),
    "hay bale": (255, 232, 70),
    "bench": (128, 60, 200),
    "person": (255, 0, 60),
    "bird": (30, 30, 60),
}
CLASSES: tuple[str, ...] = tuple(_COLORS)
PALETTE: tuple[Color, ...] = tuple(_COLORS.values())

PLACES: tuple[str, ...] = ("harbour", "farm", "town")
_LANDMARKS = {"harbour": draw_harbour, "farm": draw_farm, "town": draw_town}
_DISCS = {"harbour": "buoy", "farm": "pumpkin", "town": "ball"}
_BOXES = {"harbour": "crate", "farm": "hay bale", "town": "bench"}

CONTEXT_CLASSES: tuple[str, ...] = (*_DISCS.values(), *_BOXES.values())
"""Classes that only the landmark can tell apart."""

SMALL_CLASSES: tuple[str, ...] = ("person", "bird")
"""Classes of objects that are a few pixels wide."""

CONTEXT_DISTANCE: int = 115
"""Every pixel of a ``CONTEXT_CLASSES`` object is at least this many columns away from every pixel of the landmark."""

MIN_HEIGHT, MIN_WIDTH = 128, 288
_REACH = 115  # discs and boxes lie within so many scene units of the side away from the landmark


class Scene(NamedTuple):
    """A generated scene: ``image`` (H, W, 3) uint8 RGB, ``label`` (H, W) uint8 indices into ``CLASSES``, ``place``."""

    image: np.ndarray
    label: np.ndarray
    place: str


def scene_labels() -> LabelSet:
    """The classes of the scenes; label maps on disk hold class indices."""
    return LabelSet.plain(CLASSES, PALETTE)


def generate_scene(seed: int, place: str | None = None, *, height: int = 160, width: int = 320) -> Scene:
    """Draws the scene of a seed.

    Scenes of the same seed and different places differ only in the strip with the landmark and in the names of the
    ambiguous objects: the rest is drawn first, by code that does not know the place, from its own random numbers.

    Args:
        seed: a whole number from 0; it alone determines everything that is not given.
        place: one of ``PLACES``; ``None``: the seed chooses it.
        height, width: size in pixels, at least 128 × 288.

    Raises:
        InputError: an argument is out of its range.
    """
    require_whole("seed", seed, 0)
    require_whole("height", height, MIN_HEIGHT)
    require_whole("width", width, MIN_WIDTH)
    if place is None:
        place = str(np.random.default_rng((seed, 0)).choice(PLACES))
    if place not in PLACES:
        raise InputError(f"there is no place '{place}'; choose one of {', '.join(PLACES)}", "place")

    neutral, landmark = np.random.default_rng((seed, 1)), np.random.default_rng((seed, 2))
    unit = min(height / 160, width / 320)
    strip = int(STRIP * unit)

    canvas, horizon = _draw_neutral(neutral, height, width, unit, strip + CONTEXT_DISTANCE)
    image, codes = canvas.finish()
    edge = canvas.left(strip)
    _LANDMARKS[place](landmark, edge, horizon)
    image[:, :strip], codes[:, :strip] = edge.finish()

    label = _names(place)[codes]
    image = _expose(neutral, image)
    if neutral.random() < 0.5:
        image, label = np.ascontiguousarray(image[:, ::-1]), np.ascontiguousarray(label[:, ::-1])
    return Scene(image, label, place)


def _draw_neutral(rng: np.random.Generator, height: int, width: int, unit: float, reach: int) -> tuple[Canvas, float]:
    """Draws everything but the landmark, which belongs at the left; discs and boxes keep right of column ``reach``.

    Returns:
        The canvas, and the horizon in scene units from the top.
    """
    codes = {name: code for code, name in enumerate((*CLASSES, "disc", "box"))}
    canvas = Canvas.blank(height, width, unit, draw_light(rng), codes)
    horizon = canvas.height * rng.uniform(0.43, 0.53)
    left, right = STRIP + 3, canvas.width
    far_side = max(reach / unit, right - _REACH) + 1

    draw_sky(rng, canvas, horizon)
    draw_hills(rng, canvas, horizon)
    draw_ground(rng, canvas, horizon)
    for x in rng.uniform(left + 4, right, rng.integers(3, 12)):
        draw_tree(rng, canvas, (x, horizon + rng.uniform(1, 4)), rng.uniform(8, 15))
    for down in np.sort(rng.uniform(4, 26, rng.integers(2, 6))):
        foot = (rng.uniform(left + 16, far_side - 16), horizon + float(down))
        draw_tree(rng, canvas, foot, 20 + 1.1 * float(down) + rng.uniform(0, 10))
    for _ in range(rng.integers(0, 4)):
        foot = (rng.uniform(left + 4, far_side - 6), horizon + rng.uniform(14, 40))
        draw_person(rng, canvas, foot, rng.uniform(8.5, 10))
    for _ in range(rng.integers(0, 5)):
        centre = (rng.uniform(left + 6, right - 6), horizon * rng.uniform(0.1, 0.6))
        draw_bird(rng, canvas, centre, rng.uniform(5, 7))
    _draw_objects(rng, canvas, horizon, far_side)
    return canvas, horizon


def _draw_objects(rng: np.random.Generator, canvas: Canvas, horizon: float, left: float) -> None:
    """Draws 3 to 6 discs and boxes, at least one of each, in different cells of a 2 × 3 grid from ``left`` on."""
    cells = np.sort(rng.choice(6, rng.integers(3, 7), replace=False))  # the far ones first
    draws = [draw_disc, draw_box, *(draw_disc if rng.random() < 0.5 else draw_box for _ in cells[2:])]
    cell_width, cell_height = (canvas.width - left) / 3, (canvas.height - horizon - 8) / 2
    for cell, draw in zip(cells, rng.permutation(len(cells)), strict=True):
        row, column = divmod(int(cell), 3)
        size = rng.uniform(11, 16) if row == 0 else rng.uniform(15, 22)
        x = left + cell_width * column + rng.uniform(size / 2, cell_width - size / 2)
        y = horizon + 6 + cell_height * row + rng.uniform(size, cell_height)
        draws[draw](rng, canvas, (x, y), size)


def _names(place: str) -> np.ndarray:
    """Code in a neutral drawing -> class index in a place."""
    return np.array([*range(len(CLASSES)), CLASSES.index(_DISCS[place]), CLASSES.index(_BOXES[place])], np.uint8)


def _expose(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Adds the effects of a camera, pixel by pixel: exposure, uneven light, a darker rim, noise."""
    height, width = image.shape[:2]
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    gain = rng.uniform(0.92, 1.06) + rng.uniform(-0.05, 0.05) * x - rng.uniform(0, 0.05) * (x**2 + y**2)
    noise = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(1.0, 3.5)
    return np.clip(image * gain[..., None] + noise + 0.5, 0, 255).astype(np.uint8)


def require_whole(name: str, value: int, least: int) -> None:
    """Raises InputError unless the argument ``name`` is a whole number from ``least`` on."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    require(whole and value >= least, name, repr(value), f"a whole number from {least}")
