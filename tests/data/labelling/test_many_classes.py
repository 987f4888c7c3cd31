"""Imports of more than 255 classes write label maps of 16 bits, which are read back as the tool drew them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sample_paths import path_of

from encnet.data.formats import read_dataset
from encnet.data.labelling import import_labels
from encnet.data.labels import LabelSet
from encnet.system.errors import InputError

NAMES = [f"thing {c}" for c in range(300)]
VALUES = np.arange(400).reshape(20, 20) % 301
VALUES[VALUES == 300] = 65535


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def decoded(folder: Path) -> tuple[LabelSet, np.ndarray]:
    """The classes, and the only label map, int64, of a data set."""
    index = read_dataset(folder)
    (sample,) = index.splits["train"]
    assert sample.label is not None
    with Image.open(path_of(sample.label)) as image:
        assert image.mode == "I;16"
    return index.labels, index.labels.load(sample.label).astype(np.int64)


def masks(root: Path, mask: Image.Image, tables: Mapping[str, str]) -> Path:
    for folder in ("JPEGImages", "SegmentationClass"):
        (root / folder).mkdir(parents=True)
    mask.save(root / "SegmentationClass/a.png")
    Image.new("RGB", mask.size).save(root / "JPEGImages/a.jpg")
    for name, text in tables.items():
        (root / name).write_text(text)
    return root


def test_masks_of_300_values_with_a_table_of_names(tmp_path: Path) -> None:
    table = "\n".join(["__ignore__", *NAMES])
    source = masks(tmp_path / "export", Image.fromarray(VALUES.astype(np.uint16)), {"class_names.txt": table})
    import_labels(source, tmp_path / "data")
    labels, found = decoded(tmp_path / "data")
    assert labels.names == tuple(NAMES)
    assert np.array_equal(found, VALUES)


def test_masks_of_300_values_without_a_table(tmp_path: Path) -> None:
    import_labels(masks(tmp_path / "export", Image.fromarray(VALUES.astype(np.uint16)), {}), tmp_path / "data")
    labels, found = decoded(tmp_path / "data")
    assert labels.names == tuple(f"class_{c}" for c in range(300))
    assert np.array_equal(found, VALUES)


def test_masks_of_many_values_with_gaps_are_an_error(tmp_path: Path) -> None:
    source = masks(tmp_path / "export", Image.fromarray((np.arange(400).reshape(20, 20) * 3).astype(np.uint16)), {})
    with pytest.raises(InputError, match=r"more than 255 different values.*class_names\.txt"):
        import_labels(source, tmp_path / "data")


def test_masks_of_300_colors_with_a_table_of_colors(tmp_path: Path) -> None:
    codes = np.append(np.arange(300) * 37 + 1, 0)  # 0: nothing
    colors = np.stack([codes >> 8, codes & 255, codes % 11], axis=1).astype(np.uint8)
    table = "".join(f"{name}:{','.join(map(str, colors[c].tolist()))}::\n" for c, name in enumerate(NAMES))
    picture = Image.fromarray(colors[np.where(VALUES == 65535, 300, VALUES)])
    source = masks(tmp_path / "export", picture, {"labelmap.txt": table})
    import_labels(source, tmp_path / "data")
    labels, found = decoded(tmp_path / "data")
    assert labels.palette == tuple(map(tuple, colors[:300].tolist()))
    assert np.array_equal(found, VALUES)


@pytest.mark.parametrize("background", [None, "thing 299"])
def test_coco_of_300_categories(tmp_path: Path, background: str | None) -> None:
    pytest.importorskip("pycocotools")
    size = 20
    annotations: list[dict[str, Any]] = []
    for c in range(300):
        y, x = divmod(c, size)
        box = [[x, y, x + 1, y, x + 1, y + 1, x, y + 1]]
        annotations.append({"id": c, "image_id": 1, "category_id": c, "segmentation": box, "iscrowd": 0})
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": size, "height": size}],
        "categories": [{"id": c, "name": name} for c, name in enumerate(NAMES)],
        "annotations": annotations,
    }
    (tmp_path / "export").mkdir()
    Image.new("RGB", (size, size)).save(tmp_path / "export/a.png")
    (tmp_path / "export/all.json").write_text(json.dumps(document))
    import_labels(tmp_path / "export", tmp_path / "data", background=background)
    labels, found = decoded(tmp_path / "data")
    outside = 65535 if background is None else 299
    expected = np.array([*range(300), *[outside] * 100]).reshape(size, size)
    assert labels.names == tuple(NAMES)
    assert len(set(labels.palette)) == 300
    assert np.array_equal(found, expected)
