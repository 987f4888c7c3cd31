"""CVAT's XML, written by Datumaro, and its run-length codes, compared with a loop."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labelled_exports import assert_as_datumaro_draws, label_maps
from PIL import Image

from encnet.data.formats import read_dataset
from encnet.data.labelling import import_labels
from encnet.data.labelling.cvat import _patch, detect
from encnet.data.labels import IGNORE
from encnet.system.errors import InputError

pytest.importorskip("pycocotools")

WRITTEN = Path(__file__).parents[2] / "fixtures/labelling/cvat"
LABELS = "<label><name>lawn</name><color>#5ab43c</color></label><label><name>path</name><color></color></label>"


def export(root: Path, shapes: str, attributes: str = "", labels: str = LABELS) -> Path:
    """Writes an unpacked export of CVAT with one image of 30 x 20 pixels."""
    (root / "images").mkdir(parents=True)
    Image.new("RGB", (30, 20)).save(root / "images/one.png")
    image = f'<image id="0" name="one.png" width="30" height="20" {attributes}>{shapes}</image>'
    (root / "annotations.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>'
        f"<annotations><meta><task><labels>{labels}</labels></task></meta>{image}</annotations>"
    )
    return root


def drawn(source: Path, out: Path) -> np.ndarray:
    import_labels(source, out)
    return label_maps(out)["one"]


def test_label_maps_equal_those_that_datumaro_draws(tmp_path: Path) -> None:
    imported = import_labels(WRITTEN / "export", tmp_path / "data", val_share=0)
    assert imported.classes == ("lawn", "path", "pond")
    assert imported.images == {"train": 2}
    assert_as_datumaro_draws(tmp_path / "data", WRITTEN / "drawn")


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=12), st.integers(1, 9))
def test_run_lengths_alternate_from_outside_row_by_row(runs: list[int], width: int) -> None:
    height = -(-sum(runs) // width) or 1
    flat: list[bool] = []
    for position, run in enumerate(runs):
        flat += [position % 2 == 1] * run
    flat += [False] * (height * width - len(flat))
    expected = np.array(flat).reshape(height, width)
    assert np.array_equal(_patch(", ".join(map(str, runs)), height, width), expected)


def test_layers_and_colours_are_those_of_the_tool(tmp_path: Path) -> None:
    below = '<polygon label="lawn" points="0,0;30,0;30,20;0,20" z_order="0" occluded="0"/>'
    above = '<box label="path" xtl="5" ytl="5" xbr="10" ybr="15" z_order="2"/>'
    mask = '<mask label="lawn" rle="1, 2, 1" left="6" top="7" width="2" height="2" z_order="3"/>'
    labels = drawn(export(tmp_path / "one", above + mask + below), tmp_path / "data")
    expected = np.zeros((20, 30), np.uint8)
    expected[5:15, 5:10] = 1
    expected[7, 7] = expected[8, 6] = 0
    assert np.array_equal(labels, expected)
    index = read_dataset(tmp_path / "data")
    assert index.labels.palette[0] == (0x5A, 0xB4, 0x3C)
    assert index.labels.palette[1] != index.labels.palette[0]


def test_boxes_and_ellipses_may_be_rotated(tmp_path: Path) -> None:
    turned = '<box label="lawn" xtl="5" ytl="8" xbr="25" ybr="12" rotation="90"/>'
    labels = drawn(export(tmp_path / "one", turned), tmp_path / "data")
    expected = np.full((20, 30), IGNORE, np.uint8)
    expected[0:20, 13:17] = 0
    assert np.array_equal(labels, expected)
    ellipse = '<ellipse label="lawn" cx="15" cy="10" rx="9" ry="4" rotation="30"/>'
    labels = drawn(export(tmp_path / "two", ellipse), tmp_path / "more")
    x, y = np.meshgrid(np.arange(30) + 0.5 - 15, np.arange(20) + 0.5 - 10)
    along, across = x * np.cos(np.pi / 6) + y * np.sin(np.pi / 6), y * np.cos(np.pi / 6) - x * np.sin(np.pi / 6)
    radius = np.sqrt((along / 9) ** 2 + (across / 4) ** 2)
    assert (labels[radius < 0.85] == 0).all()
    assert (labels[radius > 1.2] == IGNORE).all()


def test_a_zip_is_read_as_downloaded_and_subsets_become_splits(tmp_path: Path) -> None:
    export(tmp_path / "export", '<polygon label="path" points="0,0;9,0;9,9"/>', 'subset="Validation"')
    text = (tmp_path / "export/annotations.xml").read_text()
    image = text[text.index("<image") : text.index("</annotations>")]
    second = image.replace("one.png", "two.png").replace("Validation", "Train")
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("annotations.xml", text.replace("</annotations>", f"{second}</annotations>"))
        archive.write(tmp_path / "export/images/one.png", "images/Validation/one.png")
        archive.write(tmp_path / "export/images/one.png", "images/Train/two.png")
    imported = import_labels(tmp_path / "export.zip", tmp_path / "data")
    assert imported.images == {"train": 1, "val": 1}
    assert (tmp_path / "data/images/val/one.png").is_file()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ('<polygon label="lawn" points="0,0;1"/>', r"1 x damaged shape \(one\.png: lawn\)"),
        ('<polygon label="lawn" points="0,0;1,1"/>', r"1 x polygon of fewer than three corners \(one\.png: lawn\)"),
        ('<polygon points="0,0;1,1;2,0"/>', r"1 x area without a label \(one\.png\)"),
        ('<box label="lawn" xtl="a" ytl="0" xbr="1" ybr="1"/>', "1 x damaged shape"),
        (
            '<mask label="lawn" rle="1, 9" left="0" top="0" width="2" height="2"/>',
            "run lengths do not fit",
        ),
        ('<points label="lawn" points="1,1"/>', "no area of a class"),
        ("<polygon", "not valid XML"),
    ],
)
def test_mistakes_are_errors_that_name_the_file(tmp_path: Path, shapes: str, message: str) -> None:
    source = export(tmp_path / "one", shapes)
    with pytest.raises(InputError, match=message) as error:
        import_labels(source, tmp_path / "data", "cvat")
    assert str(source) in str(error.value)
    assert not (tmp_path / "data").exists()


def test_an_export_for_video_is_an_error_that_names_the_right_export(tmp_path: Path) -> None:
    source = tmp_path / "annotations.xml"
    source.write_text('<annotations><track id="0" label="lawn"><box frame="0"/></track></annotations>')
    assert detect(source)
    with pytest.raises(InputError, match=r"CVAT for images 1\.1"):
        import_labels(source, tmp_path / "data")


def test_the_photograph_of_another_subset_is_not_taken_for_one_that_is_missing(tmp_path: Path) -> None:
    root = tmp_path / "in"
    for name in ("Train/one.png", "Val/two.png"):
        (root / "images" / name).parent.mkdir(parents=True)
        Image.new("RGB", (30, 20)).save(root / "images" / name)
    box = '<box label="lawn" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    images = (
        f'<image name="{name}.png" subset="Train" width="30" height="20">{box}</image>' for name in ("one", "two")
    )
    (root / "annotations.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    imported = import_labels(root, tmp_path / "data")
    assert imported.ledger.left_out["the photograph is missing; copy it into the folder"].names == ["two.png"]
    assert set(label_maps(tmp_path / "data")) == {"one"}


@pytest.mark.parametrize("subsets", [("", ""), ("garden", "yard")])
def test_a_photograph_that_two_tasks_of_a_project_name_is_left_out(tmp_path: Path, subsets: tuple[str, str]) -> None:
    box = '<box label="lawn" xtl="1" ytl="1" xbr="9" ybr="9"/>'
    of_tasks = (("one", 1, subsets[0]), ("two", 1, subsets[0]), ("one", 2, subsets[1]))
    images = (
        f'<image name="{name}.png" task_id="{number}" subset="{subset}" width="30" height="20">{box}</image>'
        for name, number, subset in of_tasks
    )
    root = export(tmp_path / "in", "")
    Image.new("RGB", (30, 20)).save(root / "images/two.png")
    (root / "annotations.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    imported = import_labels(root, tmp_path / "data")
    reason = (
        "several tasks have a photograph of that name, and nothing tells whose is here; export each task on its own"
    )
    assert imported.ledger.left_out[reason].names == ["one.png", "one.png"]
    assert set(label_maps(tmp_path / "data")) == {"two"}
