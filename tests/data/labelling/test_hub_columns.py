"""Columns of a data set, chosen by their types and names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from encnet.data.labelling.hub_columns import choose_columns, class_names
from encnet.system.errors import InputError

datasets: Any = pytest.importorskip("datasets")

IMAGE, NUMBER = datasets.Image(), datasets.Value("int32")
ROWS = datasets.Sequence(datasets.Sequence(datasets.ClassLabel(names=["lawn", "path"])))


@pytest.mark.parametrize(
    ("features", "columns", "expected"),
    [
        ({"image": IMAGE, "label": IMAGE}, (), ("image", "label")),
        ({"mask": IMAGE, "pixel_values": IMAGE, "id": NUMBER}, (), ("pixel_values", "mask")),
        ({"image": IMAGE, "annotation": ROWS, "label": NUMBER}, (), ("image", "annotation")),
        ({"image": IMAGE, "mask": datasets.Array2D((4, 5), "uint8")}, (), ("image", "mask")),
        ({"image": IMAGE, "Segmentation": IMAGE}, (), ("image", "Segmentation")),
        ({"a": IMAGE, "b": IMAGE, "mask": IMAGE}, ("a", "mask"), ("a", "mask")),
        ({"a": IMAGE, "b": IMAGE}, ("b", "a"), ("b", "a")),
    ],
)
def test_types_and_names_tell_the_columns(
    features: dict[str, Any], columns: tuple[str, ...], expected: tuple[str, str]
) -> None:
    assert choose_columns(features, columns, "garden") == expected


@pytest.mark.parametrize(
    ("features", "columns", "message"),
    [
        ({"a": IMAGE, "b": IMAGE, "mask": IMAGE}, (), "do not tell .* the columns are a, b, mask, with images in"),
        ({"image": IMAGE, "mask": IMAGE, "label": IMAGE}, (), "give both names"),
        ({"image": IMAGE, "label": NUMBER}, (), "give both names"),
        ({"text": NUMBER}, (), "with images in none"),
        ({"image": IMAGE, "label": NUMBER}, ("image", "label"), "the column 'label' of garden holds no label maps"),
        ({"image": IMAGE, "mask": IMAGE}, ("photo", "mask"), "garden has no such column"),
        ({"image": IMAGE, "mask": IMAGE}, ("image",), "garden has no such column"),
    ],
)
def test_columns_that_do_not_tell_are_errors(features: dict[str, Any], columns: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        choose_columns(features, columns, "garden")
    assert error.value.argument == "columns"


def test_names_of_classes(tmp_path: Path) -> None:
    assert class_names(ROWS, str(tmp_path)) == {0: "lawn", 1: "path"}
    assert class_names(IMAGE, str(tmp_path)) is None
    (tmp_path / "id2label.json").write_text('{"10": "path", "2": "lawn"}')
    assert list((class_names(IMAGE, str(tmp_path)) or {}).items()) == [(2, "lawn"), (10, "path")]
    (tmp_path / "id2label.json").write_text('["lawn"]')
    with pytest.raises(InputError, match=r"id2label\.json is not an object of numbers and names"):
        class_names(IMAGE, str(tmp_path))
