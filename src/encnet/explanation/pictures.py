"""Pictures of an explanation: codewords, entropy, γ and changed pixels."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import CenteredNorm
from matplotlib.figure import Figure
from PIL import Image

from encnet.data.palette import Color, distinct_palette
from encnet.explanation.result import Exchange, Explanation
from encnet.reports.pictures import colorize, overlay

LARGE: int = 640
"""Upper bound on the long side of a picture, in pixels."""
SMALL: int = 320
"""Upper bound on the long side of a picture in a grid of many."""
CLASSES: int = 40
"""Upper bound on the number of classes shown."""
_COLORS = 255  # of codewords
_HIGHLIGHT = (255, 176, 0)
_DOTS = ("#D55E00", "#009E73")  # from the palette of Okabe & Ito, as the blue of the line


def photograph(explanation: Explanation) -> Image.Image:
    """The image, shrunk to at most ``LARGE`` pixels."""
    return _shrunk(explanation.image, LARGE)


def prediction_picture(explanation: Explanation, exchange: Exchange | None = None) -> Image.Image:
    """The image overlaid with its predicted classes, with its own context or with that of an exchange."""
    labels = explanation.labels if exchange is None else exchange.labels
    image = photograph(explanation)
    return overlay(image, _nearest(labels, image.size), explanation.palette)


def changed_picture(explanation: Explanation, exchange: Exchange) -> Image.Image:
    """The image in grey, with each pixel that changes its class in the colour of the new class."""
    image = photograph(explanation)
    colors = colorize(_nearest(exchange.labels, image.size), explanation.palette)
    changed = _nearest(explanation.changed(exchange).astype(np.uint8), image.size)
    return Image.fromarray(np.where(changed[..., None] > 0, colors, _pale(image)).astype(np.uint8))


def strongest_picture(explanation: Explanation) -> Image.Image:
    """The image overlaid with the strongest codeword of each pixel, in the colours of :func:`codeword_colors`."""
    image = photograph(explanation)
    colors = _ranks(explanation)[explanation.strongest].astype(np.uint8)
    return overlay(image, _nearest(colors, image.size), distinct_palette(_COLORS), opacity=0.7)


def codeword_colors(explanation: Explanation) -> tuple[Color, ...]:
    """The colour of each codeword; the most used codewords get the colours that are easiest to tell apart."""
    palette = distinct_palette(_COLORS)
    return tuple(palette[rank] for rank in _ranks(explanation))


def _ranks(explanation: Explanation) -> np.ndarray:
    """(K,) index of each codeword's colour, by rank of its use; colours repeat after 255."""
    return np.argsort(np.argsort(-explanation.usage, kind="stable")) % _COLORS


def assignment_picture(explanation: Explanation, codeword: int) -> Image.Image:
    """The image in grey, with one codeword's assignment in orange, which is opaque at the highest assignment."""
    image = _shrunk(explanation.image, SMALL)
    assigned = explanation.assignment[codeword]
    share = _smooth(assigned / max(float(assigned.max()), 1e-12), image.size)[..., None]
    blended = (1 - share) * _pale(image) * 0.6 + share * np.array(_HIGHLIGHT)
    return Image.fromarray(blended.round().clip(0, 255).astype(np.uint8))


def entropy_picture(explanation: Explanation) -> Image.Image:
    """The entropy map, black at 0 and bright yellow at its maximum."""
    entropy = explanation.entropy
    size = photograph(explanation).size
    scaled = _smooth(entropy / max(float(entropy.max()), 1e-6), size)
    return Image.fromarray((255 * colormaps["inferno"](scaled)[..., :3]).round().astype(np.uint8))


def shown_classes(explanation: Explanation) -> list[int]:
    """The classes to show, at most ``CLASSES``, sorted by number of pixels and then by how much γ favours them."""
    favour, _ = explanation.class_contribution()
    return np.lexsort((-favour, -explanation.shares()))[:CLASSES].tolist()


def gamma_figure(explanation: Explanation) -> Figure:
    """A figure of γ: its values by channel, and its contribution to each class by group of channels.

    Left: γ of all channels in descending order, with dots for other contexts. Right: the contribution of each group to
    the logit of each class, minus the mean over the classes.
    """
    gamma, group = explanation.gamma, explanation.channel_group
    order = np.argsort(-gamma, kind="stable")
    shown = shown_classes(explanation)
    added = (explanation.group_contribution - explanation.group_contribution.mean(axis=1, keepdims=True))[:, shown]
    figure = Figure(figsize=(10.5, 3.2 + 0.12 * len(added)), layout="constrained", dpi=100)
    curve, heat = figure.subplots(1, 2, width_ratios=(1, 1.5))
    ends = np.cumsum(np.bincount(group))
    for number, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if number % 2:
            curve.axvspan(start - 0.5, end - 0.5, color="0.93", lw=0)
    for exchange, color in zip((e for e in explanation.exchanges if e.gamma.any()), _DOTS, strict=False):
        curve.plot(exchange.gamma[order], ".", color=color, markersize=3, label=exchange.name)
    curve.plot(gamma[order], color="#0072B2", label="this image")
    curve.set(
        xlabel="channel by descending γ (stripes: groups)", ylabel="γ", ylim=(0, 1), xlim=(-0.5, len(gamma) - 0.5)
    )
    curve.legend(frameon=False, fontsize=8)
    picture = heat.imshow(added, cmap="PuOr", norm=CenteredNorm(), aspect="auto", interpolation="nearest")
    names = [explanation.names[c][:28] for c in shown]
    heat.set_xticks(range(len(shown)), names, rotation=90, fontsize=9 if len(shown) <= 20 else 7)
    heat.set_yticks(range(len(added)), [str(number + 1) for number in range(len(added))])
    heat.set_ylabel("group of channels (1: highest γ)")
    figure.colorbar(picture, ax=heat, label="contribution to the logit")
    return figure


def _shrunk(image: Image.Image, longest: int) -> Image.Image:
    if max(image.size) <= longest:
        return image
    scale = longest / max(image.size)
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def _nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Labels (H, W) uint8 or uint16, resized to (width, height) without interpolation."""
    return np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))


def _smooth(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Values (h, w) in 0-1, resized to (width, height) with bilinear interpolation."""
    resized = Image.fromarray(values.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.asarray(resized).clip(0, 1)


def _pale(image: Image.Image) -> np.ndarray:
    """The image in light grey, (H, W, 3) float32, as a background for colours."""
    grey = np.asarray(image.convert("L"), np.float32)
    return np.repeat((96 + 0.6 * grey)[..., None], 3, axis=2).clip(0, 255)
