"""Pictures of label maps: colours, overlays, legends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from encnet.data.labels import IGNORE
from encnet.data.palette import distinct_palette
from encnet.reports.pictures import colorize, legend, overlay, overlay_with_legend

PALETTE = distinct_palette(5)
NAMES = ["sky", "road", "car", "tree", "a class whose name does not fit anywhere"]
LABELS = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 4, IGNORE]))


def photo(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def colors_in(picture: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(color) for color in np.asarray(picture).reshape(-1, 3).tolist()}


@given(LABELS)
def test_colorize_gives_each_pixel_the_colour_of_its_class(labels: np.ndarray) -> None:
    colors = colorize(labels, PALETTE)
    for (y, x), label in np.ndenumerate(labels):
        assert tuple(colors[y, x]) == ((0, 0, 0) if label == IGNORE else PALETTE[label])


@given(LABELS, st.floats(0, 1))
def test_overlay_blends_image_and_colours(labels: np.ndarray, opacity: float) -> None:
    image = photo(labels.shape[1], labels.shape[0])
    blended = np.asarray(overlay(image, labels, PALETTE, opacity, edges=False), float)
    expected = (1 - opacity) * np.asarray(image, float) + opacity * colorize(labels, PALETTE)
    assert np.abs(blended - expected).max() <= 1 + 1e-9


@given(LABELS)
def test_edges_are_drawn_where_neighbouring_pixels_differ(labels: np.ndarray) -> None:
    image = Image.new("RGB", (labels.shape[1], labels.shape[0]))
    plain = np.asarray(overlay(image, labels, PALETTE, edges=False))
    edged = np.asarray(overlay(image, labels, PALETTE))
    height, width = labels.shape
    for y in range(height):
        for x in range(width):
            neighbours = ([labels[y, x + 1]] if x + 1 < width else []) + ([labels[y + 1, x]] if y + 1 < height else [])
            centres = [(v, u) for v in range(y - 1, y + 2) for u in range(x - 1, x + 2)]
            squares = [
                labels[max(0, v - 1) : v + 2, max(0, u - 1) : u + 2]
                for v, u in centres
                if 0 <= v < height and 0 <= u < width
            ]
            is_wide = any((square == labels[y, x]).all() for square in squares)
            is_edge = any(label != labels[y, x] for label in neighbours)
            assert (edged[y, x] > plain[y, x]).any() == (is_edge and is_wide)


def test_edges_never_cover_a_thin_object() -> None:
    labels = np.zeros((1500, 1500), np.uint8)
    labels[:, 700:703] = 1  # the line is five pixels wide here
    image = Image.new("RGB", labels.shape)
    plain, edged = (np.asarray(overlay(image, labels, PALETTE, edges=e)) for e in (False, True))
    assert (edged[labels == 1] == plain[labels == 1]).all()
    assert (edged != plain).any()


def test_clear_classes_show_the_photograph() -> None:
    labels = np.array([[0, 0, 1], [2, 0, 1]], np.uint8)
    image = photo(3, 2)
    shown = np.asarray(overlay(image, labels, PALETTE, clear=[0, 2]))
    is_clear = labels != 1
    assert (shown[is_clear] == np.asarray(image)[is_clear]).all()
    assert (shown[~is_clear] != np.asarray(image)[~is_clear]).any(axis=1).all()


def test_edges_of_large_images_are_wider() -> None:
    def line_width(side: int) -> int:
        labels = np.zeros((side, side), np.uint8)
        labels[:, side // 2 :] = 1
        image = Image.new("RGB", (side, side))
        with_edges, without = (np.asarray(overlay(image, labels, PALETTE, edges=e)) for e in (True, False))
        return int((with_edges[0] != without[0]).any(axis=1).sum())

    assert line_width(100) == 1
    assert line_width(2000) > 2


def test_legend_lists_classes_with_pixels_or_presence() -> None:
    shares = np.array([0.2, 0.0, 0.8, 0.0, 0.0])
    presence = np.array([0.9, 0.9, 0.1, 0.1, 0.1])
    shown = colors_in(legend(NAMES, PALETTE, shares, presence)) & set(PALETTE)
    assert shown == {PALETTE[0], PALETTE[1], PALETTE[2]}  # with pixels, or with presence
    assert colors_in(legend(NAMES, PALETTE, shares)) & set(PALETTE) == {PALETTE[0], PALETTE[2]}
    assert colors_in(legend(NAMES, PALETTE)) & set(PALETTE) == set(PALETTE)


def test_legend_lists_the_largest_first() -> None:
    picture = np.asarray(legend(NAMES, PALETTE, np.array([0.1, 0.2, 0.7, 0, 0])))
    first_row = [int((picture == color).all(axis=2).any(axis=1).argmax()) for color in PALETTE[:3]]
    assert first_row[2] < first_row[1] < first_row[0]


@pytest.mark.parametrize("classes", [1, 30, 150])
def test_long_legends_continue_in_columns(classes: int) -> None:
    names = [f"class {i}" for i in range(classes)]
    picture = legend(names, distinct_palette(classes), height=400)
    assert colors_in(picture) >= set(distinct_palette(classes))
    assert picture.width <= 2 * max(picture.height, 400)


@settings(deadline=None, max_examples=10)
@given(LABELS)
def test_small_images_are_enlarged_beside_their_legend(labels: np.ndarray) -> None:
    picture = overlay_with_legend(photo(labels.shape[1], labels.shape[0]), labels, NAMES, PALETTE, opacity=1)
    occurring = {PALETTE[label] for label in np.unique(labels) if label != IGNORE}
    assert colors_in(picture) & set(PALETTE) == occurring
    assert max(picture.size) >= 320


def test_overlay_with_legend_keeps_the_pixels_of_large_images() -> None:
    labels = np.zeros((300, 400), np.uint8)
    labels[100:, 200:] = 2
    image = photo(400, 300)
    picture = overlay_with_legend(image, labels, NAMES, PALETTE, np.full(5, 0.9))
    assert picture.crop((0, 0, 400, 300)).tobytes() == overlay(image, labels, PALETTE).tobytes()
