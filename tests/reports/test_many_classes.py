"""Pictures of more than 255 classes, where 255 is a class and 65535 is ignored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from encnet.data.check import check_dataset
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.label_image import label_image
from encnet.data.labels import LabelSet
from encnet.data.palette import distinct_palette
from encnet.reports.batches import batches_picture
from encnet.reports.contact_sheet import choose_samples, labelled_thumbnail
from encnet.reports.data_figures import raw_rows, target_text
from encnet.reports.data_page import write_check_page
from encnet.reports.figures import confusion_figure, figure_png
from encnet.reports.pictures import colorize, overlay_with_legend

NAMES = [f"class {c}" for c in range(300)]
PALETTE = distinct_palette(300)


def colors(picture: Image.Image) -> set[tuple[int, ...]]:
    return {tuple(color) for color in np.asarray(picture).reshape(-1, 3).tolist()}


def test_every_class_has_its_color_and_ignored_pixels_are_black() -> None:
    labels = np.array([*range(300), 65535], np.uint16)[None]
    for values in (labels, labels.astype(np.int32)):
        shown = colorize(values, PALETTE)[0].tolist()
        assert [tuple(color) for color in shown] == [*PALETTE, (0, 0, 0)]
    assert len({*PALETTE, (0, 0, 0)}) == 301


def test_the_legend_names_class_255_and_not_ignored_pixels() -> None:
    labels = np.full((40, 40), 65535, np.uint16)
    labels[:20] = 255
    found = colors(overlay_with_legend(Image.new("RGB", (40, 40)), labels, NAMES, PALETTE, opacity=0))
    assert PALETTE[255] in found


def test_batches_stripe_ignored_pixels_only() -> None:
    images = np.zeros((1, 3, 64, 64), np.float32)
    labels = np.full((1, 64, 64), 255, np.int32)
    half = (0.5,) * 3
    dark = []
    for ignored in (0, 32):
        labels[:, :ignored] = 65535
        picture = batches_picture([(images, labels)], half, half, NAMES, PALETTE)
        dark.append(int((np.asarray(picture) == 40).all(axis=2).sum()))
    assert dark[1] - dark[0] > 0.4 * 128 * 64  # about half of the ignored pixels; a few others are edges of letters


def test_the_page_of_a_check_shows_all_classes(tmp_path: Path) -> None:
    labels = LabelSet.plain(NAMES, PALETTE)
    stored = np.arange(400, dtype=np.uint16).reshape(20, 20)
    stored[stored >= 300] = 65535
    Image.new("RGB", (20, 20), (9, 80, 200)).save(tmp_path / "a.jpg")
    label_image(stored, PALETTE).save(tmp_path / "a.png")
    sample = Sample(tmp_path / "a.jpg", tmp_path / "a.png")
    index = DatasetIndex("many", tmp_path, labels, {"train": (sample,)})
    report = check_dataset(index, tmp_path / "cache")
    assert choose_samples([sample], report.findings)[0].shows == tuple(range(300))
    rows, left_out = raw_rows(index, report.findings)
    assert [row.raw for row in rows] == [*map(str, range(300)), "65535"] and left_out == 0
    assert target_text(rows[255].target, labels) == "class 255"
    assert target_text(rows[300].target, labels) == "ignored"
    hatched = np.asarray(labelled_thumbnail(sample, labels, side=20))
    hatch = (hatched == (190, 190, 190)).all(axis=2)
    assert hatch.any() and not hatch[stored != 65535].any()
    write_check_page(index, report, tmp_path / "check.html")
    assert "class 299" in (tmp_path / "check.html").read_text()


def test_a_large_confusion_matrix_is_drawn_for_the_most_frequent_classes() -> None:
    confusion = np.zeros((1000, 1000), np.int64)
    confusion[np.arange(1000), np.arange(1000)] = np.arange(1000)
    figure = confusion_figure(confusion, [f"n{c}" for c in range(1000)])
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown == [f"n{c}" for c in range(900, 1000)]
    assert figure.axes[0].get_title() == "the 100 most frequent of 1000 classes"
    assert figure_png(figure).startswith(b"\x89PNG")
