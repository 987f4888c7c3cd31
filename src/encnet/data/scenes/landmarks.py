"""The landmarks of generated scenes: the sea, a farm or a town, drawn into the strip at the scene's edge."""

from __future__ import annotations

import numpy as np

from encnet.data.scenes.canvas import Canvas, Point, Rgb, mix, pixel, smooth_noise, vary
from encnet.data.scenes.landscape import SAND
from encnet.data.scenes.objects import draw_shadow

STRIP: int = 90
"""Width of the strip in scene units."""

SAILS = ((252, 250, 242), (244, 232, 204), (206, 62, 54), (54, 92, 150))
CROPS = (
    ((120, 168, 70), (96, 76, 52)),
    ((226, 192, 96), (176, 138, 64)),
    ((90, 140, 78), (140, 104, 66)),
    ((150, 128, 190), (96, 118, 74)),
)
WALLS = ((246, 228, 196), (236, 186, 160), (188, 206, 218), (240, 208, 122), (222, 222, 214), (206, 150, 124))
ROOFS = ((186, 76, 56), (150, 62, 56), (92, 98, 116), (204, 108, 66), (78, 110, 112))
GLASS, LAMP, FRAME = (96, 124, 150), (255, 214, 120), (250, 248, 240)


def draw_harbour(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """The sea behind a beach, with a lighthouse, sailing boats or both."""
    depth = canvas.height - horizon
    far, near, phase = rng.uniform(76, 82), rng.uniform(52, 80), rng.random()

    def shore(y: float) -> float:
        down = (y - horizon) / depth
        return far + (near - far) * down + 2.5 * down * float(np.sin(2 * np.pi * (2.2 * down + phase)))

    levels = [float(y) for y in np.linspace(horizon, canvas.height, 30)]
    beach = [(shore(y) + 1.5 + 5 * (y - horizon) / depth, y) for y in levels]
    water = [(shore(y), y) for y in levels]
    canvas.polygon([(0, horizon), *beach, (0, canvas.height)], mix(SAND, (250, 232, 190), 0.4))
    canvas.texture([(0, horizon), *water, (0, canvas.height)], _sea(rng, canvas, horizon), "sea")
    canvas.line(water, 1.6, (255, 255, 255), alpha=0.75)
    for _ in range(70):
        down = rng.random() ** 1.3
        y, half = horizon + 1.5 + down * depth, 0.8 + 4.5 * down * rng.random()
        x = rng.uniform(0, shore(y) - 2 * half - 2)
        crest = [(x, y), (x + half, y - 0.25 * half), (x + 2 * half, y)]
        canvas.line(crest, 0.35 + 0.5 * down, (255, 255, 255), alpha=0.2 + 0.35 * rng.random())

    lighthouse = rng.random() < 0.6
    if lighthouse:
        _lighthouse(rng, canvas, (rng.uniform(16, 58), horizon + rng.uniform(8, 20)))
    for down in np.sort(rng.uniform(0.12, 0.7, rng.integers(0 if lighthouse else 2, 4))):
        y, size = horizon + float(down) * depth, 12 + 22 * float(down)
        _boat(rng, canvas, (rng.uniform(0.5 * size, shore(y) - 0.6 * size), y), size)


def draw_farm(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """A barn, sometimes with a silo, behind the rows of a field."""
    crop, soil = (vary(rng, color) for color in CROPS[rng.integers(len(CROPS))])
    top, bottom = horizon + rng.uniform(3, 8), canvas.height
    far, near = rng.uniform(70, 80), rng.uniform(80, 88)
    canvas.polygon([(0, top), (far, top), (near, bottom), (0, bottom)], soil, "field")
    vanishing, pitch = rng.uniform(20, 70), rng.uniform(1.5, 2.2)
    steepness = (bottom - horizon) / (top - horizon)  # how much wider a row is at the bottom than at the top

    def furrow(start: float) -> list[Point]:
        """A line from the far edge of the field to its near or right edge."""
        end = vanishing + (start - vanishing) * steepness
        drift = (end - start) - (near - far)
        share = min(1.0, (far - start) / drift) if drift > 0 else 1.0
        return [(start, top), (start + share * (end - start), top + share * (bottom - top))]

    for row in np.arange(-160, far, pitch):
        left, right = furrow(float(row)), furrow(min(far, float(row) + 0.6 * pitch))
        canvas.polygon([*left, *right[::-1]], crop)
    foot = (rng.uniform(28, 52), top + rng.uniform(6, 16))
    if rng.random() < 0.6:
        _silo(rng, canvas, (foot[0] + rng.choice([-1, 1]) * rng.uniform(24, 27), foot[1] - 2), rng.uniform(34, 46))
    _barn(rng, canvas, foot, rng.uniform(36, 46))


def draw_town(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """Two rows of houses on a paved square."""
    front = horizon + rng.uniform(26, 38)
    paving = vary(rng, (196, 188, 178))
    canvas.polygon([(0, horizon + 6), (78, horizon + 6), (88, front + 8), (0, front + 8)], paving, alpha=0.85)
    for foot, tall, gap in ((horizon + rng.uniform(8, 13), 40.0, 1.0), (front, 32.0, 7.0)):
        x = rng.uniform(-12, 2)
        while (wide := rng.uniform(20, 30)) + x < STRIP - 3:
            _house(rng, canvas, (x + wide / 2, foot), wide, tall * rng.uniform(0.8, 1.25))
            x += wide + rng.uniform(0, gap)


def _sea(rng: np.random.Generator, canvas: Canvas, horizon: float) -> np.ndarray:
    height, width = canvas.shape
    down = np.clip((np.arange(height, dtype=np.float32) / canvas.unit - horizon) / (canvas.height - horizon), 0, 1)[
        :, None, None
    ]
    deep = pixel(canvas.light.on(vary(rng, (40, 112, 150))))
    shallow = pixel(canvas.light.on(vary(rng, (92, 172, 176))))
    surface = deep + (shallow - deep) * down
    surface = surface + (pixel(canvas.light.horizon) - surface) * (0.1 + 0.5 * (1 - down) ** 3)
    swell = smooth_noise(rng, height, width, (2 * canvas.unit, 12 * canvas.unit))[..., None] - 0.5
    return surface * (1 + 0.18 * swell)


def _lighthouse(rng: np.random.Generator, canvas: Canvas, foot: Point) -> None:
    (x, y), tall = foot, rng.uniform(42, 54)
    stripe = ((206, 52, 48), (40, 70, 120), (52, 52, 58))[rng.integers(3)]
    for offset, half in ((-5, 6), (5, 7), (0, 9)):
        canvas.ellipse((x + offset, y + 1), half, 0.35 * half, vary(rng, (128, 120, 112)), "ground")

    def wall(low: float, high: float, color: Rgb, name: str | None = None) -> None:
        left, right = 5.2 - 1.8 * low, 5.2 - 1.8 * high
        points = [
            (x - left, y - low * tall),
            (x + left, y - low * tall),
            (x + right, y - high * tall),
            (x - right, y - high * tall),
        ]
        canvas.polygon(points, color, name)

    wall(0, 1, (250, 248, 240), "lighthouse")
    for band in (0.05, 0.38, 0.71):
        wall(band, band + 0.165, stripe)
    canvas.polygon([(x + 2, y), (x + 5.2, y), (x + 3.4, y - tall), (x + 1.2, y - tall)], (30, 34, 60), alpha=0.18)
    canvas.box(x - 5, y - tall - 1.5, x + 5, y - tall, (60, 60, 68), "lighthouse")
    lamp = canvas.light.lamps
    canvas.box(
        x - 2.8,
        y - tall - 7,
        x + 2.8,
        y - tall - 1.5,
        mix((188, 214, 222), (255, 230, 140), lamp),
        "lighthouse",
        lamp=lamp,
    )
    canvas.line([(x, y - tall - 7), (x, y - tall - 1.5)], 0.6, (60, 60, 68))
    canvas.polygon([(x - 3.8, y - tall - 7), (x, y - tall - 12), (x + 3.8, y - tall - 7)], stripe, "lighthouse")
    for half in (12, 8, 5):
        canvas.ellipse((x, y - tall - 4.2), half, half, (255, 232, 160), alpha=0.12 * lamp, lamp=1.0)


def _boat(rng: np.random.Generator, canvas: Canvas, foot: Point, size: float) -> None:
    (x, y), half = foot, size / 2
    hull = ((132, 78, 48), (246, 242, 234), (44, 66, 104), (176, 52, 48))[rng.integers(4)]
    main, fore = (SAILS[index] for index in rng.choice(len(SAILS), 2))
    canvas.ellipse((x, y + 0.06 * size), half, 0.07 * size, (16, 40, 60), alpha=0.35)
    canvas.polygon(
        [(x - half, y - 0.2 * size), (x + half, y - 0.2 * size), (x + 0.7 * half, y), (x - 0.75 * half, y)],
        hull,
        "boat",
    )
    canvas.box(x - 0.96 * half, y - 0.2 * size, x + 0.96 * half, y - 0.16 * size, mix(hull, (255, 255, 255), 0.6))
    canvas.line([(x, y - 0.2 * size), (x, y - 1.25 * size)], 0.7, (84, 62, 46), "boat")
    canvas.polygon(
        [(x + 0.05 * size, y - 0.28 * size), (x + 0.05 * size, y - 1.2 * size), (x + 0.46 * size, y - 0.28 * size)],
        main,
        "boat",
    )
    canvas.polygon(
        [(x - 0.05 * size, y - 0.3 * size), (x - 0.05 * size, y - 1.05 * size), (x - 0.38 * size, y - 0.3 * size)],
        fore,
        "boat",
    )
    canvas.polygon(
        [(x + 0.05 * size, y - 0.28 * size), (x + 0.05 * size, y - 1.2 * size), (x + 0.18 * size, y - 0.28 * size)],
        (40, 50, 80),
        alpha=0.12,
    )


def _barn(rng: np.random.Generator, canvas: Canvas, foot: Point, wide: float) -> None:
    (x, y), half, wall = foot, wide / 2, 0.42 * wide
    red = vary(rng, ((176, 54, 44), (150, 48, 44), (138, 84, 56))[rng.integers(3)])
    roof = vary(rng, ((92, 88, 94), (112, 78, 66))[rng.integers(2)])
    beam = 0.035 * wide
    draw_shadow(canvas, foot, 1.15 * half)
    gable = [(x - half, y), (x - half, y - wall), (x - 0.62 * half, y - 1.62 * wall), (x, y - 1.95 * wall)]
    outline = gable + [(2 * x - px, py) for px, py in reversed(gable[:-1])]
    canvas.polygon(outline, red, "barn")
    for plank in np.arange(-half + 2, half, 2.6):
        canvas.line([(x + plank, y), (x + plank, y - wall)], 0.4, mix(red, (40, 16, 16), 0.35), alpha=0.6)
    eaves = [(x - 1.1 * half, y - 0.9 * wall), *gable[2:], *outline[4:5], (x + 1.1 * half, y - 0.9 * wall)]
    canvas.line(eaves, 2.4 * beam, roof, "barn")
    canvas.line([(x - half, y - wall), (x + half, y - wall)], beam, FRAME)
    for left, right in ((-0.44, 0.0), (0.0, 0.44)):
        a, b, top = x + left * half, x + right * half, y - 0.78 * wall
        canvas.box(a, top, b, y, mix(red, (40, 16, 16), 0.2))
        canvas.line([(a, y), (a, top), (b, top), (b, y), (a, y)], beam, FRAME)
        canvas.line([(a, top), (b, y)], beam, FRAME)
        canvas.line([(b, top), (a, y)], beam, FRAME)
    loft = mix((58, 40, 36), LAMP, canvas.light.lamps)
    canvas.box(x - 0.16 * half, y - 1.5 * wall, x + 0.16 * half, y - 1.2 * wall, FRAME)
    canvas.box(x - 0.12 * half, y - 1.46 * wall, x + 0.12 * half, y - 1.24 * wall, loft, lamp=canvas.light.lamps)


def _silo(rng: np.random.Generator, canvas: Canvas, foot: Point, tall: float) -> None:
    (x, y), half = foot, 5.5
    color = vary(rng, (196, 196, 196))
    canvas.ellipse((x, y - tall), half, half, vary(rng, (150, 60, 52)), "barn")
    canvas.box(x - half, y - tall, x + half, y, color, "barn")
    canvas.box(x + 0.3 * half, y - tall, x + half, y, (40, 44, 60), alpha=0.22)
    for level in np.arange(4, tall, 5):
        canvas.line([(x - half, y - level), (x + half, y - level)], 0.4, (120, 120, 124))


def _house(rng: np.random.Generator, canvas: Canvas, foot: Point, wide: float, tall: float) -> None:
    (x, y), half = foot, wide / 2
    wall, roof = vary(rng, WALLS[rng.integers(len(WALLS))], 5), vary(rng, ROOFS[rng.integers(len(ROOFS))], 5)
    ridge = y - tall - rng.uniform(0.3, 0.55) * wide
    hip = rng.choice([0.0, 0.5]) * half
    chimney = x + rng.choice([-0.5, 0.45]) * half
    draw_shadow(canvas, foot, 1.1 * half)
    canvas.box(chimney - 1.4, ridge - 1.5, chimney + 1.4, y - tall, mix(roof, (70, 50, 50), 0.4), "house")
    canvas.box(x - half, y - tall, x + half, y, wall, "house")
    canvas.polygon(
        [(x - half - 1.2, y - tall), (x - hip, ridge), (x + hip, ridge), (x + half + 1.2, y - tall)], roof, "house"
    )
    canvas.box(x - half, y - tall, x + half, y - tall + 1.2, (40, 30, 50), alpha=0.25)
    canvas.box(x + 0.72 * half, y - tall, x + half, y, (40, 34, 60), alpha=0.1)
    columns, storeys = max(2, round(wide / 9)), max(2, round(tall / 12))
    door = int(rng.integers(columns))
    for storey in range(storeys):
        for column in range(columns):
            cx = x - half + wide * (column + 0.5) / columns
            base = y - tall * (storey + 0.3) / storeys
            if storey == 0 and column == door:
                canvas.box(cx - 2, y - 7.5, cx + 2, y, mix(roof, (60, 40, 40), 0.5))
                continue
            lit = canvas.light.lamps * float(rng.random() < 0.7)
            canvas.box(cx - 2.1, base - 5, cx + 2.1, base + 0.4, FRAME)
            canvas.box(cx - 1.6, base - 4.5, cx + 1.6, base - 0.1, mix(GLASS, LAMP, lit), lamp=lit)
            canvas.line([(cx, base - 4.5), (cx, base - 0.1)], 0.4, FRAME)
