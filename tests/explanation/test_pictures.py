"""Pictures of explanations, checked by their pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import encnet
from encnet.checkpoint.encnet import EncNet
from encnet.explanation.pictures import (
    CLASSES,
    assignment_picture,
    changed_picture,
    codeword_colors,
    entropy_picture,
    gamma_figure,
    photograph,
    prediction_picture,
    shown_classes,
    strongest_picture,
)
from encnet.explanation.result import Explanation
from encnet.reports.figures import figure_png


@pytest.fixture
def explanation(build: Callable[..., EncNet], photographs: Path) -> Explanation:
    return encnet.explain(build(), photographs / "wide.png", photographs / "other.png", device="cpu")


def test_changed_pixels_have_the_colour_of_their_new_class_and_others_are_grey(explanation: Explanation) -> None:
    without = explanation.exchanges[0]
    picture, changed = np.asarray(changed_picture(explanation, without)), explanation.changed(without)
    assert changed.any()
    np.testing.assert_array_equal(picture[changed], np.array(explanation.palette)[without.labels[changed]])
    assert np.ptp(picture[~changed].astype(int), axis=1).max() == 0


def test_the_assignment_is_orange_at_the_pixels_of_the_codeword(explanation: Explanation) -> None:
    A = np.zeros_like(explanation.assignment)
    A[1, :, : A.shape[2] // 2] = 1
    A[0, :, A.shape[2] // 2 :] = 1
    picture = np.asarray(assignment_picture(replace(explanation, assignment=A), 1)).astype(int)
    assert (picture[:, :40] == (255, 176, 0)).all()
    assert np.ptp(picture[:, 56:], axis=2).max() == 0


def test_each_codeword_has_its_own_colour_in_the_map(explanation: Explanation) -> None:
    colors = codeword_colors(explanation)
    assert len(set(colors)) == 4
    grey = replace(explanation, image=Image.new("RGB", explanation.image.size))
    cell = explanation.image.width // explanation.assignment.shape[2]
    picture, strongest = np.asarray(strongest_picture(grey)).astype(int), explanation.strongest
    for y in range(strongest.shape[0]):
        for x in range(strongest.shape[1]):
            middle = picture[cell * y + cell // 2, cell * x + cell // 2]
            assert np.abs(middle - 0.7 * np.array(colors[strongest[y, x]])).max() <= 1


def test_the_entropy_is_bright_where_codewords_share_a_pixel(explanation: Explanation) -> None:
    A = np.zeros_like(explanation.assignment)
    A[0, :, :6], A[:, :, 6:] = 1, 1 / len(A)
    picture = np.asarray(entropy_picture(replace(explanation, assignment=A)).convert("L")).astype(int)
    assert picture[:, :40].max() < 10
    assert picture[:, 56:].min() > 200


def test_pictures_of_large_images_are_shrunk(explanation: Explanation) -> None:
    size = (900, 1500)
    image, labels = explanation.image.resize(size), np.zeros((1500, 900), np.uint8)
    exchanges = tuple(replace(exchange, labels=labels) for exchange in explanation.exchanges)
    large = replace(explanation, image=image, labels=labels, exchanges=exchanges)
    first = exchanges[0]
    for picture in (photograph(large), prediction_picture(large), prediction_picture(large, first),
                    changed_picture(large, first), strongest_picture(large), entropy_picture(large)):  # fmt: skip
        assert picture.size == (384, 640)
    assert assignment_picture(large, 0).size == (192, 320)


def test_the_figure_of_gamma_shows_its_input(explanation: Explanation) -> None:
    figure = gamma_figure(explanation)
    curve, heat = figure.axes[:2]
    (gamma,) = [line for line in curve.lines if line.get_label() == "this image"]
    np.testing.assert_array_equal(gamma.get_ydata(), np.sort(explanation.gamma)[::-1])
    assert [line.get_label() for line in curve.lines] == ["the context of other.png", "this image"]
    shown = shown_classes(explanation)
    assert sorted(shown) == list(range(5))
    added = np.asarray(heat.images[0].get_array())
    expected = explanation.group_contribution - explanation.group_contribution.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(added, expected[:, shown], atol=1e-6)
    assert figure_png(figure).startswith(b"\x89PNG")


def test_classes_that_occur_are_shown_first(explanation: Explanation) -> None:
    contribution = np.zeros((200, 2, 2), np.float32)
    contribution[150] = 9
    many = replace(
        explanation, names=tuple(map(str, range(200))), contribution=contribution, labels=np.full((9, 9), 190, np.uint8)
    )
    shown = shown_classes(many)
    assert shown[:2] == [190, 150]
    assert len(shown) == CLASSES
