"""Labels that become classes, and labels that are probably meant to be one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from labelled_exports import LAWN, PATH, drawn, label_names, labelme, labelme_box, photograph

from encnet.data.labelling import import_labels
from encnet.data.labelling.annotations import Annotations
from encnet.data.labelling.classes import alike_labels, label_set
from encnet.data.labels import IGNORE


@pytest.mark.parametrize(
    ("labels", "groups"),
    [
        (["car", "tree"], []),
        (["Car", "tree", "car"], ["'Car', 'car'"]),
        (["car ", "car"], ["'car ', 'car'"]),
        (["traffic light", "trafficlight", "Traffic Light"], ["'traffic light', 'trafficlight', 'Traffic Light'"]),
        (["a", "A", "b", "B"], ["'a', 'A'", "'b', 'B'"]),
        (["straße", "STRASSE"], ["'straße', 'STRASSE'"]),
    ],
)
def test_labels_that_differ_only_in_case_or_spaces_are_named(labels: list[str], groups: list[str]) -> None:
    sentences = alike_labels(labels)
    assert [sentence.split(" differ")[0].removeprefix("the labels ") for sentence in sentences] == groups


def test_alike_labels_are_separate_classes_and_a_warning(tmp_path: Path) -> None:
    photograph(tmp_path / "in/one.png")
    labelme(tmp_path / "in/one.json", [labelme_box("Car", LAWN), labelme_box("car ", PATH)])
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert imported.classes == ("Car", "car ")
    assert [warning[:23] for warning in imported.warnings] == ["the labels 'Car', 'car "]
    assert np.array_equal(label_names(tmp_path / "data")["one"], drawn(("Car", LAWN), ("car ", PATH)))


def test_labels_without_a_name_are_no_classes() -> None:
    labels, values = label_set(Annotations((), {"": None, " ": None, "lawn": (1, 2, 3)}), [], None, [])
    assert labels.names == ("lawn",)
    assert labels.palette == ((1, 2, 3),)
    assert values == {"lawn": 0, "__ignore__": IGNORE}
