"""The objects in generated scenes of any place: trees, people, birds, and the two ambiguous objects."""

from __future__ import annotations

import numpy as np

from encnet.data.scenes.canvas import Canvas, Point, mix, vary

BARK, LEAVES = (96, 72, 54), ((74, 122, 62), (98, 140, 66), (60, 104, 74), (132, 150, 70), (46, 92, 70))
CLOTHES = ((198, 60, 62), (48, 92, 168), (238, 200, 84), (60, 60, 76), (236, 236, 232), (120, 70, 140))
SKIN, HAIR, GULL = (226, 176, 142), (60, 44, 36), (48, 52, 66)
ORANGE, BROWN = (240, 126, 28), (168, 112, 58)


def draw_tree(rng: np.random.Generator, canvas: Canvas, foot: Point, tall: float) -> None:
    """A tree of height ``tall``: a fir, a poplar, a round tree or a bush."""
    x, y = foot
    leaf = vary(rng, LEAVES[rng.integers(len(LEAVES))], 8)
    dark, bright = mix(leaf, (24, 44, 52), 0.4), mix(leaf, (236, 226, 140), 0.28)
    draw_shadow(canvas, foot, 0.3 * tall)
    form = rng.choice(["fir", "poplar", "round", "round", "bush"])
    if form == "bush":
        tall *= 0.45
    else:
        trunk = 0.035 * tall + 0.4
        canvas.polygon(
            [(x - trunk, y), (x - 0.6 * trunk, y - 0.5 * tall), (x + 0.6 * trunk, y - 0.5 * tall), (x + trunk, y)],
            vary(rng, BARK),
            "tree",
        )
    if form == "fir":
        spread = rng.uniform(0.2, 0.28) * tall
        for step in range(4):
            low, half = y - tall * (0.12 + 0.2 * step), spread * (1 - 0.2 * step)
            peak = (x, max(y - tall, low - 0.42 * tall))
            canvas.polygon([(x - half, low), peak, (x + half, low)], mix(dark, leaf, 0.4 + 0.2 * step), "tree")
            canvas.polygon([(x - half, low), peak, (x - 0.1 * half, low)], bright, alpha=0.35)
    elif form == "poplar":
        half = rng.uniform(0.12, 0.17) * tall
        canvas.ellipse((x, y - 0.55 * tall), half, 0.45 * tall, dark, "tree")
        canvas.ellipse((x - 0.15 * half, y - 0.57 * tall), 0.8 * half, 0.41 * tall, leaf)
        canvas.ellipse((x - 0.35 * half, y - 0.62 * tall), 0.4 * half, 0.28 * tall, bright, alpha=0.6)
    else:
        crown = 0.28 * tall if form == "round" else 0.5 * tall
        middle = y - (0.66 * tall if form == "round" else 0.4 * tall)
        puffs = [
            (crown * px, crown * py, crown * size)
            for px, py, size in rng.uniform((-0.8, -0.6, 0.45), (0.8, 0.5, 0.7), (7, 3))
        ]
        for color, shrink, lift in ((dark, 1.0, 0.0), (leaf, 0.82, 0.12), (bright, 0.45, 0.38)):
            for px, py, size in puffs:
                centre = (x + px - lift * size, middle + py - lift * size)
                canvas.ellipse(
                    centre,
                    shrink * size,
                    0.9 * shrink * size,
                    color,
                    "tree" if shrink == 1.0 else None,
                    alpha=min(1.0, 1.2 * shrink),
                )


def draw_person(rng: np.random.Generator, canvas: Canvas, foot: Point, tall: float) -> None:
    """A very small figure."""
    (x, y), stride = foot, rng.uniform(0.6, 1.1)
    coat, trousers = (CLOTHES[index] for index in rng.choice(len(CLOTHES), 2, replace=False))
    draw_shadow(canvas, foot, 2.2)
    canvas.line([(x - stride, y), (x, y - 0.45 * tall), (x + stride, y)], 1.2, trousers, "person")
    canvas.polygon(
        [
            (x - 1.3, y - 0.38 * tall),
            (x - 1.7, y - 0.74 * tall),
            (x + 1.7, y - 0.74 * tall),
            (x + 1.3, y - 0.38 * tall),
        ],
        coat,
        "person",
    )
    canvas.ellipse((x, y - 0.87 * tall), 1.25, 1.35, SKIN, "person")
    canvas.ellipse((x, y - 0.93 * tall), 1.25, 0.8, HAIR)


def draw_bird(rng: np.random.Generator, canvas: Canvas, centre: Point, span: float) -> None:
    """A distant gull: two wings."""
    (x, y), half, lift = centre, span / 2, rng.uniform(0.2, 0.4) * span
    for side in (-1, 1):
        wing = [(x, y), (x + side * 0.45 * half, y - lift), (x + side * half, y - 0.55 * lift)]
        canvas.line(wing, 1.1, GULL, "bird")


def draw_disc(rng: np.random.Generator, canvas: Canvas, foot: Point, size: float) -> None:
    """The orange disc that is a buoy, a pumpkin or a ball."""
    (x, y), r = foot, size / 2
    color = vary(rng, ORANGE, 6)
    draw_shadow(canvas, foot, 1.15 * r)
    canvas.ellipse((x, y - r), r, r, mix(color, (120, 40, 10), 0.45), "disc")
    canvas.ellipse((x - 0.06 * r, y - 1.08 * r), 0.9 * r, 0.88 * r, color)
    for half, tone in ((0.58, 0.35), (0.44, 0.0)):
        canvas.ellipse((x - 0.03 * r, y - 1.04 * r), half * r, 0.9 * r, mix(color, (120, 40, 10), tone))
    canvas.ellipse((x - 0.34 * r, y - 1.42 * r), 0.3 * r, 0.22 * r, (255, 244, 220), alpha=0.75)


def draw_box(rng: np.random.Generator, canvas: Canvas, foot: Point, size: float) -> None:
    """The brown box that is a crate, a hay bale or a bench."""
    (x, y), half, tall, lid = foot, size / 2, 0.72 * size, 0.2 * size
    color = vary(rng, BROWN, 6)
    dark, bright = mix(color, (50, 26, 12), 0.5), mix(color, (250, 216, 150), 0.4)
    draw_shadow(canvas, foot, 1.1 * half)
    canvas.box(x - half, y - tall + lid, x + half, y, color, "box")
    canvas.polygon(
        [
            (x - half, y - tall + lid),
            (x - 0.8 * half, y - tall),
            (x + 0.8 * half, y - tall),
            (x + half, y - tall + lid),
        ],
        bright,
        "box",
    )
    for share in (0.36, 0.7):
        level = y - share * (tall - lid)
        canvas.line([(x - half, level), (x + half, level)], 0.04 * size, dark, alpha=0.7)
    for side in (-0.55, 0.55):
        strap = [(x + side * half, y), (x + side * half, y - tall + lid), (x + 0.85 * side * half, y - tall)]
        canvas.line(strap, 0.09 * size, dark)
    canvas.box(x - half, y - 0.06 * size, x + half, y, dark, alpha=0.6)


def draw_shadow(canvas: Canvas, foot: Point, half: float) -> None:
    """The soft shadow under something that stands at ``foot``."""
    for share in (1.0, 0.75, 0.5):
        canvas.ellipse((foot[0] + 0.2 * half, foot[1]), share * half, 0.22 * share * half, (20, 26, 40), alpha=0.13)
