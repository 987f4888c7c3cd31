"""The landscape of every generated scene, whatever its place: light, sky, hills and ground."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from encnet.data.scenes.canvas import Canvas, Light, Point, mix, pixel, smooth_noise, vary

TIMES = (
    Light(
        zenith=(122, 152, 208), horizon=(253, 208, 184), sun=(255, 240, 208), tint=(250, 232, 222), lamps=0.3
    ),  # dawn
    Light(zenith=(64, 132, 214), horizon=(188, 222, 246), sun=(255, 253, 236), tint=(255, 255, 252), lamps=0.0),  # noon
    Light(
        zenith=(140, 162, 190), horizon=(218, 224, 230), sun=(246, 246, 240), tint=(226, 232, 240), lamps=0.1
    ),  # haze
    Light(zenith=(74, 82, 150), horizon=(252, 168, 112), sun=(255, 206, 128), tint=(228, 194, 190), lamps=1.0),  # dusk
)

GRASS, MEADOW, SAND = (108, 148, 70), (160, 164, 88), (206, 184, 132)


def draw_light(rng: np.random.Generator) -> Light:
    """A random time of day, blended with a little of another."""
    first, second = rng.choice(len(TIMES), 2, replace=False)
    share = rng.uniform(0, 0.35)
    a, b = TIMES[first], TIMES[second]
    return Light(
        zenith=vary(rng, mix(a.zenith, b.zenith, share), 5),
        horizon=vary(rng, mix(a.horizon, b.horizon, share), 5),
        sun=mix(a.sun, b.sun, share),
        tint=mix(a.tint, b.tint, share),
        lamps=(1 - share) * a.lamps + share * b.lamps,
    )


def draw_sky(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """The sky down to the horizon, with a sun and clouds."""
    light, unit = canvas.light, canvas.unit
    height, width = int(horizon * unit) + 1, canvas.shape[1]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    down = np.clip(y / (horizon * unit), 0, 1)[..., None] ** 1.25
    sky = pixel(light.zenith) * (1 - down) + pixel(light.horizon) * down

    distance = np.hypot(x - rng.uniform(0, width), y - rng.uniform(0.15, 0.9) * horizon * unit)[..., None] / unit
    glow = 0.55 * np.exp(-distance / rng.uniform(25, 60)) + np.clip(rng.uniform(5, 9) - distance, 0, 1)
    sky += (pixel(light.sun) - sky) * np.clip(glow, 0, 1)

    clouds = Image.new("L", (width, height))
    ink = ImageDraw.Draw(clouds)
    for _ in range(rng.integers(1, 7)):
        cx, cy, spread = rng.uniform(0, width), rng.uniform(0.08, 0.6) * horizon * unit, rng.uniform(10, 34) * unit
        for offset in rng.uniform(-1, 1, 10):
            rx = spread * rng.uniform(0.2, 0.45)
            ry = rx * rng.uniform(0.35, 0.6) * (1.2 - abs(offset))
            px, py = cx + offset * spread, cy - 0.5 * ry
            ink.ellipse((px - rx, py - ry, px + rx, py + ry), fill=255)
    cover = np.asarray(clouds.filter(ImageFilter.GaussianBlur(1.6 * unit)), np.float32)[..., None] / 255
    below = np.roll(cover, -round(4 * unit), axis=0)  # small at the underside of a cloud, which is in shade
    bright, shade = pixel(mix(light.sun, (255, 255, 255), 0.5)), pixel(mix(light.zenith, light.horizon, 0.6))
    sky += (shade + (bright - shade) * (0.3 + 0.7 * below) - sky) * cover * rng.uniform(0.55, 0.95)
    canvas.texture([(0, 0), (canvas.width, 0), (canvas.width, horizon), (0, horizon)], sky, "sky")


def draw_hills(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """Ridges behind the horizon, the farther the hazier."""
    height, width = canvas.shape
    layers = int(rng.integers(2, 5))
    x = np.linspace(0, canvas.width, 120)
    color = vary(rng, (86, 122, 104), 12)
    for layer in range(layers):
        near = (layer + 1) / layers
        tall = rng.uniform(14, 34) * (1.25 - near)
        ridge = np.full_like(x, 0.55 * tall + 2)
        for wave in range(1, 6):
            length = rng.uniform(90, 220) / wave
            ridge += 0.45 * tall / wave * np.sin(2 * np.pi * (x / length + rng.random()))
        ridge = np.maximum(ridge, 1.5)
        hazy = pixel(mix(canvas.light.on(color), canvas.light.horizon, 0.72 * (1.1 - near)))
        mist = pixel(mix(canvas.light.on(color), canvas.light.horizon, 0.55 + 0.3 * (1 - near)))
        rise = np.clip((horizon * canvas.unit - np.arange(height)) / (tall * canvas.unit), 0, 1)[:, None, None]
        pixels = np.broadcast_to(mist + (hazy - mist) * rise, (height, width, 3))
        top: list[Point] = [(float(px), float(horizon - up)) for px, up in zip(x, ridge, strict=True)]
        canvas.texture([*top, (canvas.width, horizon + 3), (0, horizon + 3)], pixels, "hill")


def draw_ground(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """A plain of grass, dry meadow and sand, with tufts and flowers; its patches shrink towards the horizon."""
    height, width = canvas.shape
    top = round(horizon * canvas.unit)
    near = np.clip((np.arange(height, dtype=np.float32) - top) / (height - top), 0, 1)
    rows = (near**0.5 * (height - 1)).astype(int)
    unit = canvas.unit
    patches = smooth_noise(rng, height, width, (40 * unit, 70 * unit))[rows][..., None]
    blotches = smooth_noise(rng, height, width, (12 * unit, 22 * unit))[rows][..., None]
    grain = smooth_noise(rng, height, width, (2.5 * unit, 4 * unit))[rows][..., None] - 0.5
    grass, meadow, sand = (pixel(canvas.light.on(vary(rng, color))) for color in (GRASS, MEADOW, SAND))
    dry = np.clip(0.7 * blotches + 0.6 * patches - rng.uniform(0.1, 0.5), 0, 1)
    bare = np.clip(3.5 * (patches - rng.uniform(0.45, 0.8)) + 0.6 * (blotches - 0.5), 0, 1)
    pixels = grass + (meadow - grass) * dry
    pixels = pixels + (sand - pixels) * bare
    pixels = pixels * (1 + 0.22 * grain + 0.1 * (blotches - 0.5))
    far = (0.45 * (1 - near) ** 4)[:, None, None]
    pixels = pixels + (pixel(mix(canvas.light.horizon, canvas.light.on(MEADOW), 0.4)) - pixels) * far
    plain = [(0, horizon), (canvas.width, horizon), (canvas.width, canvas.height), (0, canvas.height)]
    canvas.texture(plain, pixels, "ground")
    _draw_growth(rng, canvas, horizon)


def _draw_growth(rng: np.random.Generator, canvas: Canvas, horizon: float) -> None:
    """Tufts of grass and flowers, larger where they are nearer."""
    for _ in range(int(canvas.width * 0.4)):
        x, depth = rng.uniform(0, canvas.width), rng.random() ** 0.7
        y, size = horizon + depth * (canvas.height - horizon), 0.6 + 2.2 * depth
        color = vary(rng, mix(GRASS, (60, 96, 48), rng.random()))
        for lean in (-0.5, 0.3):
            canvas.line([(x + 0.4 * lean * size, y), (x + lean * size, y - size)], 0.45, color, alpha=0.65)
    bloom = [(250, 246, 236), (246, 214, 90), (214, 142, 190)][rng.integers(3)]
    for _ in range(rng.integers(0, 40)):
        depth = rng.random()
        centre = (rng.uniform(0, canvas.width), horizon + 4 + depth * (canvas.height - horizon))
        canvas.ellipse(centre, 0.4 + 0.5 * depth, 0.35 + 0.4 * depth, bloom, alpha=0.9)
