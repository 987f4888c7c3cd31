"""Options of an import that would have no effect are refused by name, and nothing is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_exports import LAWN, coco, coco_box, labelme, labelme_box, labelme_folder, photograph
from PIL import Image

from encnet.cli import main
from encnet.data.labelling import import_labels
from encnet.data.labelling.unused import WITH_COLUMNS, WITHOUT_OVERLAPS, refuse_by_format, refuse_order
from encnet.system.errors import InputError


def with_splits(root: Path) -> Path:
    """Masks whose lists name the splits train and val."""
    lists = root / "ImageSets/Segmentation"
    lists.mkdir(parents=True)
    for i, split in enumerate(("train", "train", "val")):
        photograph(root / f"JPEGImages/p{i}.png", seed=i)
        mask = np.zeros((20, 30), np.uint8)
        mask[:, :10] = 1
        (root / "SegmentationClass").mkdir(exist_ok=True)
        Image.fromarray(mask).save(root / f"SegmentationClass/p{i}.png")
        with (lists / f"{split}.txt").open("a") as file:
            file.write(f"p{i}\n")
    return root


def of_test(root: Path) -> Path:
    """Labelme's files in folders of splits: two photographs of test, and one of train."""
    for folder, name in (("test", "one"), ("test", "two"), ("train", "three")):
        photograph(root / folder / f"{name}.png")
        labelme(root / folder / f"{name}.json", [labelme_box("lawn", LAWN)])
    return root


def elsewhere(root: Path) -> Path:
    """Labelme's files beside their photographs, and a folder other/ with another one."""
    photograph(root.parent / "other/three.png")
    return labelme_folder(root)


CASES: list[tuple[Callable[[Path], Path], dict[str, Any], str]] = [
    (with_splits, {"val_share": 0.3}, "val_share has no effect on an export that has a split val of its own"),
    (with_splits, {"val_share": 0}, "val_share has no effect on an export that has a split val of its own"),
    (of_test, {"val_share": 0.5}, "val_share has no effect without two photographs that are not in the split test"),
    (with_splits, {"order": "area"}, "order has no effect on masks, in which areas do not overlap"),
    (labelme_folder, {"columns": ["image", "label"]}, "columns has no effect on an export of labelme, which has no"),
    (labelme_folder, {"orientation": "stored"}, "orientation has no effect because the camera turned no labelled"),
    (elsewhere, {"images": "other"}, "images has no effect because all photographs are in the export and none is"),
]


@pytest.mark.parametrize(("make", "options", "message"), CASES, ids=[" ".join(options) for _, options, _ in CASES])
def test_an_option_without_an_effect_is_refused_by_name(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[Path], Path],
    options: dict[str, Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    make(Path("in"))
    before = sorted(tmp_path.rglob("*"))
    ((name, value),) = options.items()
    with pytest.raises(InputError) as caught:
        import_labels("in", "data", **options)
    assert str(caught.value).startswith(message) and "; leave it out, or " in str(caught.value)
    words = [f"--{name}", f"[{','.join(value)}]" if isinstance(value, list) else str(value)]
    assert main(["import-labels", "in", "--out", "data", *words]) == 2
    *_, line = capsys.readouterr().err.strip().splitlines()  # after the bar
    assert line.startswith(f"encnet: {message}") and line.endswith(f"(--{name})")
    assert sorted(tmp_path.rglob("*")) == before
    assert main(["import-labels", "in", "--out", "data"]) == 0


def test_options_with_an_effect_are_accepted(tmp_path: Path) -> None:
    photograph(tmp_path / "photographs/one.png")
    coco(tmp_path / "in/a.json", {"one.png": [("lawn", coco_box(LAWN))]})
    imported = import_labels(
        tmp_path / "in", tmp_path / "data", images=tmp_path / "photographs", order="tool", val_share=0
    )
    assert imported.images == {"train": 1}
    kept = import_labels(of_test(tmp_path / "more"), tmp_path / "all", val_share=0)
    assert kept.images == {"train": 1, "test": 2}


def test_a_hugging_face_data_set_has_columns_and_holds_its_photographs() -> None:
    refuse_by_format(WITH_COLUMNS, ["image", "label"], None)
    with pytest.raises(InputError, match="images has no effect on a Hugging Face data set") as caught:
        refuse_by_format(WITH_COLUMNS, [], Path("photographs"))
    assert caught.value.argument == "images"


@pytest.mark.parametrize("format", sorted(WITHOUT_OVERLAPS))
def test_masks_of_several_files_may_overlap(format: str) -> None:
    refuse_order(format, several=True)
    refuse_order("coco", several=False)
    with pytest.raises(InputError, match="order has no effect on masks"):
        refuse_order(format, several=False)
