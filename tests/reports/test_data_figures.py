"""The numbers on the page of a data set, against sums in plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encnet.data.connected_objects import Objects
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.findings import Findings
from encnet.data.inspection import LabelFinding
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.raw_counts import OTHERS
from encnet.reports import data_figures
from encnet.reports.data_figures import (
    Bar,
    Narrow,
    RawShare,
    aspect_histogram,
    histogram,
    object_rows,
    raw_rows,
    size_rows,
    target_text,
)

VALUES = LabelSet(("a", "b"), ((1, 2, 3), (4, 5, 6)), "value", {0: 0, 7: 1, 8: 1, 255: IGNORE})
COLORS = LabelSet(("a",), ((1, 2, 3),), "color", {(1, 2, 3): 0})


def index_of(labels: LabelSet, **splits: list[dict[int, int]]) -> tuple[DatasetIndex, Findings]:
    """A data set whose label maps have so many pixels of each raw value."""
    samples, findings = {}, Findings()
    for split, maps in splits.items():
        paths = [Path(f"{split}/{i}.png") for i in range(len(maps))]
        samples[split] = tuple(Sample(path.with_suffix(".jpg"), path) for path in paths)
        findings.labels |= {
            path: LabelFinding((4, 3), None, raw=tuple(raw.items())) for path, raw in zip(paths, maps, strict=True)
        }
    return DatasetIndex("data", Path("data"), labels, samples), findings


def test_raw_values_with_their_shares() -> None:
    rows, left_out = raw_rows(
        *index_of(VALUES, train=[{0: 6, 7: 2}, {0: 1, 255: 3, 9: 4}], val=[{OTHERS: 5, 8: 15}], test=[])
    )
    assert [(row.raw, row.target) for row in rows] == [
        ("0", 0),
        ("7", 1),
        ("8", 1),
        ("255", IGNORE),
        ("9", None),
        ("others", None),
    ]
    assert [row.shares["train"] for row in rows] == [
        RawShare(7 / 16, 2),
        RawShare(2 / 16, 1),
        RawShare(0, 0),
        RawShare(3 / 16, 1),
        RawShare(4 / 16, 1),
        RawShare(0, 0),
    ]
    assert [row.shares["val"].share for row in rows] == [0, 0, 15 / 20, 0, 0, 5 / 20]
    assert {row.shares["test"] for row in rows} == {RawShare(None, 0)}
    assert left_out == 0


def test_raw_colors_are_shown_as_colors() -> None:
    rows, _ = raw_rows(*index_of(COLORS, train=[{0x010203: 1, 0xFF0080: 3, OTHERS: 1}]))
    assert [(row.raw, row.target) for row in rows] == [("(1, 2, 3)", 0), ("(255, 0, 128)", None), ("others", None)]


def test_undeclared_values_have_the_class_that_they_are_given() -> None:
    labels = LabelSet(VALUES.names, VALUES.palette, "value", VALUES.raw, undeclared=1)
    rows, _ = raw_rows(*index_of(labels, train=[{9: 4}]))
    assert [(row.raw, row.target) for row in rows][-1] == ("9", 1)


def test_of_very_many_values_only_those_that_occur_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_figures, "MOST_ROWS", 3)
    rows, left_out = raw_rows(*index_of(VALUES, train=[{0: 1, 9: 1}]))
    assert [row.raw for row in rows] == ["0", "9"]
    assert left_out == 3


@pytest.mark.parametrize(("target", "text"), [(1, "b"), (IGNORE, "ignored"), (None, "undeclared: an error")])
def test_classes_in_words(target: int | None, text: str) -> None:
    assert target_text(target, VALUES) == text


@pytest.mark.parametrize("long_side", [None, 100, 400, 800])
def test_objects_that_vanish_are_those_of_a_loop(long_side: int | None) -> None:
    rng = np.random.default_rng(0)
    maps = []
    for size in [(400, 300), (200, 800)]:
        objects = {
            c: tuple(Objects(int(w), int(rng.integers(1, 9)), int(rng.integers(9, 99))) for w in range(1, 40, 3))
            for c in (0, 3)
        }
        maps.append(LabelFinding(size, None, objects=tuple(objects.items())))
    rows = object_rows(maps, 8, long_side)
    assert [row.target for row in rows] == [0, 3]
    for row in rows:
        every = [(found.size, o) for found in maps for c, objects in found.objects if c == row.target for o in objects]
        widths = [o.width for _, o in every for _ in range(o.number)]
        assert row.objects == len(widths)
        assert row.median == np.median(widths)
        pixels = sum(o.pixels for _, o in every)
        narrow = [o for _, o in every if o.width < 8]
        assert row.narrow == pytest.approx(
            (sum(o.number for o in narrow) / len(widths), sum(o.pixels for o in narrow) / pixels)
        )
        if long_side is None:
            assert row.narrow_resized is None
        else:
            small = [o for size, o in every if size and o.width * long_side / max(size) < 8]
            assert row.narrow_resized == pytest.approx(
                Narrow(sum(o.number for o in small) / len(widths), sum(o.pixels for o in small) / pixels)
            )


def test_sizes_most_frequent_first() -> None:
    sizes = [(8, 6)] * 3 + [(6, 8)] * 2 + [(i, i) for i in range(1, 9)]
    bars = size_rows(sizes)
    assert bars[:2] == [Bar("8 x 6", 3, 1), Bar("6 x 8", 2, 2 / 3)]
    assert bars[-1] == Bar("2 other sizes", 2, 2 / 3)
    assert sum(bar.number for bar in bars) == len(sizes)


@pytest.mark.parametrize(
    ("values", "bars"),
    [
        ([], []),
        ([17, 18, 35], [Bar("10 to 20", 2, 1), Bar("20 to 30", 0, 0), Bar("30 to 40", 1, 0.5)]),
        ([50], [Bar("40 to 50", 1, 1)]),
    ],
)
def test_histogram_without_empty_ends(values: list[float], bars: list[Bar]) -> None:
    assert histogram(values, [0, 10, 20, 30, 40, 50]) == bars


def test_aspect_ratios() -> None:
    bars = aspect_histogram([(400, 200), (200, 400), (400, 200)])
    assert (bars[0].label, bars[0].number) == ("0.50 to 0.62", 1)
    assert (bars[-1].label, bars[-1].number) == ("1.88 to 2.00", 2)
    assert aspect_histogram([(4, 3), (400, 300)]) == aspect_histogram([]) == []
