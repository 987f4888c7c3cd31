"""Importing an export gives a data set that can be trained on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from labelled_exports import LAWN, drawn, label_names, labelme, labelme_box, photograph
from PIL import Image
from sample_paths import path_of

from encnet.cli import main
from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.labelling import FORMATS, READERS, import_labels
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Ten photographs with a lawn on the left and a path in the middle; one is not labelled."""
    root = tmp_path / "labelled"
    root.mkdir()
    rng = np.random.default_rng(0)
    for i in range(10):
        Image.fromarray(rng.integers(0, 256, (20, 30, 3)).astype(np.uint8)).save(root / f"{i}.png")
        boxes = {"lawn": [[0, 0], [9, 19]], "path": [[10, 0], [14, 19]], "__ignore__": [[0, 0], [2, 2]]}
        shapes = [{"label": name, "points": box, "shape_type": "rectangle"} for name, box in boxes.items()]
        document = {"imagePath": f"{i}.png", "imageData": None, "shapes": shapes if i else []}
        (root / f"{i}.json").write_text(json.dumps(document))
    return root


def values(root: Path) -> set[int]:
    maps = list(root.glob("labels/*/*.png"))
    assert maps
    return {int(value) for path in maps for value in np.unique(np.asarray(Image.open(path)))}


def test_an_import_gives_a_data_set_without_problems(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    steps: list[tuple[int, int]] = []
    sizes: list[tuple[int, int]] = []
    imported = import_labels(
        labelled,
        tmp_path / "data",
        progress=lambda *step: steps.append(step),
        on_header=lambda *step: sizes.append(step) if not steps else None,
    )
    assert (imported.format, imported.classes, imported.unlabelled) == ("labelme", ("lawn", "path"), 1)
    assert imported.images == {"train": 7, "val": 2}
    assert imported.left_out == {}
    assert sizes == [(i, 10) for i in range(1, 11)]
    assert steps == [(i, 9) for i in range(1, 10)]
    index = read_dataset(tmp_path / "data")
    report = check_dataset(index, progress=False)
    assert not report.problems
    sample = index.split("val")[0]
    assert sample.label is not None
    labels = index.labels.load(sample.label)
    assert [labels[10, x] for x in (0, 9, 10, 14, 15)] == [0, 0, 1, 1, IGNORE]
    assert labels[0, 0] == IGNORE
    assert path_of(sample.image).read_bytes() == (labelled / sample.image.name).read_bytes()


def test_the_choice_of_val_depends_only_on_the_names_of_the_images(labelled: Path, tmp_path: Path) -> None:
    def val(out: str) -> set[str]:
        import_labels(labelled, tmp_path / out)
        return {path.name for path in (tmp_path / out / "images/val").iterdir()}

    first = val("first")
    assert val("second") == first
    (labelled / "0.json").write_text((labelled / "1.json").read_text().replace("1.png", "0.png"))
    assert len(val("third") & first) >= 1
    assert import_labels(labelled, tmp_path / "all", val_share=0).images == {"train": 10}


def test_labels_may_be_chosen_ignored_or_be_the_background(labelled: Path, tmp_path: Path) -> None:
    chosen = import_labels(labelled, tmp_path / "chosen", classes=["path"])
    assert (chosen.classes, chosen.left_out) == (("path",), {"area of 'lawn'": 9})
    assert values(tmp_path / "chosen") == {0, IGNORE}
    ignored = import_labels(labelled, tmp_path / "ignored", ignore=["path"])
    assert (ignored.classes, ignored.left_out) == (("lawn",), {})
    other = import_labels(labelled, tmp_path / "other", background="other")
    assert (other.classes, sum(other.images.values())) == (("other", "lawn", "path"), 10)
    assert values(tmp_path / "other") == {0, 1, 2, IGNORE}
    lawn = import_labels(labelled, tmp_path / "lawn", background="lawn")
    assert lawn.classes == ("lawn", "path")
    assert (read_dataset(tmp_path / "lawn").labels.names) == ("lawn", "path")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"source": "nowhere"}, "there is no file or folder"),
        ({"format": "paper"}, "no format 'paper' to import; choose one of labelme, cvat, coco"),
        ({"format": "coco"}, "has no file that coco writes"),
        ({"val_share": 1.0}, "val_share is 1.0; it must be at least 0 and below 1"),
        ({"classes": ["hedge"]}, "no label 'hedge'; the labels are lawn, path"),
        ({"ignore": ["hedge"]}, "no label 'hedge'"),
        ({"classes": ["path"], "ignore": ["path"]}, "'path' cannot be both a class and ignored"),
        ({"images": "nowhere"}, "no folder of images"),
        ({"out": "labelled"}, "^labelled holds labelled, which is read and stays as it is; choose another folder$"),
        ({"out": "."}, r"^\. holds labelled, which is read and stays as it is; choose another folder$"),
    ],
)
def test_mistakes_are_errors_before_anything_is_written(
    labelled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        import_labels(**{"source": "labelled", "out": "data", **arguments})
    assert [path.name for path in tmp_path.iterdir()] == ["labelled"]


def test_a_damaged_zip_is_an_error_and_a_damaged_photograph_is_left_out(labelled: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK nothing")
    with pytest.raises(InputError, match=r"cannot unpack .*broken\.zip"):
        import_labels(tmp_path / "broken.zip", tmp_path / "data")
    (labelled / "3.png").write_bytes(b"no picture")
    imported = import_labels(labelled, tmp_path / "data")
    assert sum(imported.images.values()) == 8
    assert not list((tmp_path / "data").rglob("3.png"))
    reasons = [reason for reason, entry in imported.ledger.left_out.items() if entry.names == ["3.png"]]
    assert [reason.startswith("cannot read it as an image") for reason in reasons] == [True]
    for path in labelled.glob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"cannot read 1\.png"):
        import_labels(labelled, tmp_path / "more")
    assert not (tmp_path / "more").exists()


def test_the_command_prints_what_it_wrote_and_left_out(
    labelled: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    assert main(["import-labels", str(labelled), "--out", str(out), "--classes", "[path]", "--val_share", "0.5"]) == 0
    said = capsys.readouterr()
    assert f"wrote {out} from labelme: 5 in train, 4 in val; classes path" in said.out.replace("\n", " ")
    assert re.search(r"reading sizes +\S+ 10/10 ", said.err) and re.search(r"importing +\S+ 9/9 ", said.err)
    assert "left out, 9 x area of 'lawn'" in said.err
    assert "files: 20 found; used: 10 annotation files, 9 photographs\n" in said.out
    assert "left out: 1 file (0.png): photographs in which nothing is labelled\n" in said.out
    assert main(["import-labels", str(labelled), "--out", str(out)]) == 2
    assert "is not empty; delete it or choose another folder (--out)" in capsys.readouterr().err


def test_every_tool_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[3] / "docs/own_data.md").read_text(encoding="utf-8").lower()
    assert {"labelme", "cvat", "coco", "huggingface"} <= {*READERS, *FORMATS}
    assert all(name.replace("_", " ") in page for name in FORMATS)


def test_a_folder_that_is_a_link_is_imported(tmp_path: Path) -> None:
    for name in ("in/day1/one", "disk/day2/two"):
        photograph(tmp_path / f"{name}.png")
        labelme(tmp_path / f"{name}.json", [labelme_box("lawn", LAWN)])
    (tmp_path / "in/day2").symlink_to(tmp_path / "disk/day2")
    imported = import_labels(tmp_path / "in", tmp_path / "data")
    assert imported.ledger.complete
    names = label_names(tmp_path / "data")
    assert set(names) == {"one", "two"}
    assert np.array_equal(names["two"], drawn(("lawn", LAWN)))
