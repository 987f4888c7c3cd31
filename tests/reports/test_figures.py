"""Figures of scores and of training logs."""

from __future__ import annotations

import io
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib.text import Text
from PIL import Image

from encnet.data.palette import distinct_palette
from encnet.reports.figures import confusion_figure, curves_figure, figure_png
from encnet.reports.pictures import legend

NAMES = ["sky", "road", "car", "tree", "a class whose name does not fit anywhere"]


@given(arrays(np.int64, (4, 4), elements=st.integers(0, 3)))
@settings(deadline=None, max_examples=10)
def test_confusion_rows_are_shares(confusion: np.ndarray) -> None:
    figure = confusion_figure(confusion, NAMES[:4])
    shown = figure.axes[0].images[0].get_array()
    assert shown is not None
    for row in range(4):
        total = sum(confusion[row].tolist())
        for column in range(4):
            if total == 0:
                assert np.ma.getmaskarray(shown)[row, column]
            else:
                assert shown[row, column] == pytest.approx(confusion[row, column] / total)


@pytest.mark.parametrize("classes", [2, 20, 41, 150])
def test_class_names_do_not_overlap_and_stay_inside_the_figure(classes: int) -> None:
    names = [f"class {i} of a hundred and fifty" for i in range(classes)]
    figure = confusion_figure(np.eye(classes, dtype=np.int64), names)
    picture = Image.open(io.BytesIO(figure_png(figure)))
    axes = figure.axes[0]
    boxes = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(upper.y0 >= lower.y1 - 1 for upper, lower in pairwise(boxes))
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert -1 <= box.x0 <= box.x1 <= picture.width + 1
            assert -1 <= box.y0 <= box.y1 <= picture.height + 1


def test_curves_show_the_logged_values() -> None:
    history = [
        {"step": 0, "loss": 3.0, "learning_rate": 0.1},
        {"step": 10, "loss": math.nan, "learning_rate": 0.05, "mean_iou": 0.2},
        {"step": 20, "loss": 1.0, "mean_iou": None},
    ]
    lines = {
        axes.get_title(): [[tuple(point) for point in np.asarray(line.get_xydata())] for line in axes.get_lines()]
        for axes in curves_figure(history).axes
    }
    assert lines == {
        "loss": [[(0, 3), (20, 1)]],
        "learning rate": [[(0, 0.1), (10, 0.05)]],
        "score": [[(10, 0.2)]],
    }
    assert not curves_figure([]).axes


def test_figures_are_reproducible_png() -> None:
    first, second = (figure_png(confusion_figure(np.eye(3, dtype=int), NAMES[:3])) for _ in range(2))
    assert first == second
    assert Image.open(io.BytesIO(first)).format == "PNG"


def test_names_are_no_formulas_and_have_no_control_characters() -> None:
    names = ["$\\frac$", "$x^$", "a\nb\x1b"]
    assert figure_png(confusion_figure(np.eye(3, dtype=int), names))
    assert legend(names, distinct_palette(3)).width > 0
