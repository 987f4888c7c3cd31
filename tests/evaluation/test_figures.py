"""Figures of an evaluation, checked by their points."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from PIL import Image

from encnet.evaluation.figures import calibration_figure, disagreement_figure
from encnet.evaluation.image_scores import ImageScore
from encnet.metrics.disagreement import disagreement
from encnet.metrics.presence import calibration
from encnet.reports.figures import figure_png


def points_of(axes: object) -> np.ndarray:
    """(points, 2) coordinates of the scatter plot in a panel."""
    (points,) = [part for part in axes.collections if isinstance(part, PathCollection)]  # pyright: ignore
    return np.asarray(points.get_offsets())


def random_records(classes: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    probabilities = random.random((60, classes))
    return probabilities, random.random((60, classes)) < probabilities


@pytest.mark.parametrize("classes", [1, 3, 30])
def test_every_filled_bin_is_a_point_in_the_panel_of_its_class(classes: int) -> None:
    found = calibration(*random_records(classes))
    names = [f"class {c}" for c in range(classes)]
    figure = calibration_figure(found, names)
    panels = [axes for axes in figure.axes if axes.get_title()]
    assert len(panels) == 1 + min(classes, 19)
    np.testing.assert_allclose(points_of(panels[0])[:, 1], found.overall.frequency[0])
    for panel in panels[1:]:
        c = names.index(panel.get_title().splitlines()[0])
        np.testing.assert_allclose(points_of(panel)[:, 0], found.mean_probability[c][found.images[c] > 0])
        assert f"error {100 * found.error[c]:.1f} %" in panel.get_title()
    shown = {names.index(panel.get_title().splitlines()[0]) for panel in panels[1:]}
    assert shown == set(np.argsort(-found.error)[:19].tolist())
    with Image.open(io.BytesIO(figure_png(figure))) as picture:
        assert picture.width > 400


def test_a_calibration_without_images_is_drawn() -> None:
    figure = calibration_figure(calibration(np.zeros((0, 2)), np.zeros((0, 2), bool)), ["sky", "car"])
    assert "no image" in figure.axes[0].get_title()
    assert figure_png(figure)


def test_every_labelled_image_with_presence_is_a_point() -> None:
    found = disagreement(np.array([1.0, 0.0]), np.array([1.0, 0.5]))
    images = [
        ImageScore("a", 0.4, 0.5, found),
        ImageScore("nothing labelled", float("nan"), float("nan"), found),
        ImageScore("no presence", 0.4, 0.5, None),
    ]
    points = points_of(disagreement_figure(images).axes[0])
    np.testing.assert_allclose(points, [[found.score, 0.4]])
    assert figure_png(disagreement_figure(images[1:]))
