from __future__ import annotations

import os
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from encnet.data.check import check_dataset
from encnet.data.formats import camvid, read_dataset
from encnet.data.labels import IGNORE
from encnet.data.palette import Color
from encnet.system.errors import InputError

CAMVID = Path(os.environ.get("ENCNET_CAMVID") or Path(__file__).parents[4] / "shared" / "data" / "camvid")
needs_camvid = pytest.mark.skipif(not CAMVID.is_dir(), reason=f"CamVid is not at {CAMVID}; set ENCNET_CAMVID")

COLORS: list[tuple[str, Color]] = [("Animal", (64, 128, 64)), ("Sky", (128, 128, 128)), ("Void", (0, 0, 0))]


def write_images(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (4, 3), (1, 2, 3)).save(folder / name)


def write_colors(path: Path, rows: list[list[Color]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(rows, dtype=np.uint8)).save(path)


def write_original(root: Path, *stems: str) -> Path:
    """The original layout, with a class table in its form."""
    write_images(root / "701_StillsRaw_full", *(f"{stem}.png" for stem in stems))
    write_images(root / "LabeledApproved_full", *(f"{stem}_L.png" for stem in stems))
    lines = [f"{r} {g} {b}\t\t{name}" for name, (r, g, b) in COLORS]
    (root / "label_colors.txt").write_text("\r\n".join(lines) + "\r\n")
    return root


def test_the_tutorial_layout_has_11_classes_and_a_test_split_without_label_maps(tmp_path: Path) -> None:
    for split, count in (("train", 3), ("val", 2)):
        names = [f"{i}.png" for i in range(count)]
        write_images(tmp_path / split, *names)
        write_images(tmp_path / f"{split}annot", *names)
    write_images(tmp_path / "test", "t.png")
    index = read_dataset(tmp_path, "camvid")
    assert {split: len(samples) for split, samples in index.splits.items()} == {"train": 3, "val": 2, "test": 1}
    assert index.split("val")[1] == (tmp_path / "val" / "1.png", tmp_path / "valannot" / "1.png")
    assert index.split("test")[0].label is None
    Image.fromarray(np.arange(12, dtype=np.uint8)[None]).save(tmp_path / "ids.png")
    assert index.labels.load(tmp_path / "ids.png").tolist() == [[*range(11), IGNORE]]


def test_a_sample_with_a_missing_file_is_kept(tmp_path: Path) -> None:
    write_images(tmp_path / "train", "both.png", "only_image.png")
    write_images(tmp_path / "trainannot", "both.png", "only_label.png")
    train, annot = tmp_path / "train", tmp_path / "trainannot"
    assert read_dataset(tmp_path, "camvid").split("train") == tuple(
        (train / f"{stem}.png", annot / f"{stem}.png") for stem in ("both", "only_image", "only_label")
    )


def test_the_original_is_split_by_frame_numbers(tmp_path: Path) -> None:
    expected = {
        "train": ["0001TP_006690", "0001TP_008520", "0006R0_f00930", "0016E5_00390", "0016E5_08190", "0016E5_08640"],
        "val": ["0016E5_07959", "0016E5_08159"],
        "test": ["0001TP_008550", "Seq05VD_f00000", "Seq05VD_f05100"],
    }
    index = read_dataset(write_original(tmp_path, *chain.from_iterable(expected.values())))
    assert {split: [s.image.stem for s in samples] for split, samples in index.splits.items()} == expected
    assert all(s.label == tmp_path / "LabeledApproved_full" / f"{s.image.stem}_L.png" for s in index.split("train"))


def test_the_original_is_split_by_its_lists_if_it_has_them(tmp_path: Path) -> None:
    root = write_original(tmp_path, "0001TP_006690", "0006R0_f00930", "0016E5_07959")
    (root / "train.txt").write_text("0016E5_07959.png\n")
    (root / "test.txt").write_text("0006R0_f00930\n\n0001TP_006690\n")
    splits = read_dataset(root, "camvid").splits
    assert {split: [s.image.stem for s in samples] for split, samples in splits.items()} == {
        "train": ["0016E5_07959"],
        "test": ["0006R0_f00930", "0001TP_006690"],
    }
    (root / "val.txt").write_text("0006R0_f00930\nnone\n")
    with pytest.raises(InputError, match=r"val\.txt, line 2: there is no image 'none'"):
        read_dataset(root, "camvid")


def test_each_row_of_the_class_table_is_a_class_and_all_other_colors_are_one_more(tmp_path: Path) -> None:
    labels = read_dataset(write_original(tmp_path, "a"), "camvid").labels
    assert labels.names == ("Animal", "Sky", "Void", "undeclared")
    assert labels.palette[:3] == tuple(color for _, color in COLORS)
    assert len(set(labels.palette)) == 4
    write_colors(tmp_path / "map.png", [[(0, 0, 0), (64, 128, 64)], [(128, 128, 128), (64, 128, 65)]])
    assert labels.load(tmp_path / "map.png").tolist() == [[2, 0], [1, 3]]


def test_the_repackaged_layout_has_the_classes_of_the_original(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_images(tmp_path / split, "a.png", "b.png")
        write_images(tmp_path / f"{split}_labels", "a_L.png", "b_L.png")
    rows = [f"{name}, {r}, {g}, {b}" for name, (r, g, b) in COLORS]
    (tmp_path / "class_dict.csv").write_text("\n".join(["name,r,g,b", *rows]) + "\n")
    index = read_dataset(tmp_path, "camvid")
    assert list(index.splits) == ["train", "val", "test"]
    assert index.split("test")[1] == (tmp_path / "test" / "b.png", tmp_path / "test_labels" / "b_L.png")
    write_original(tmp_path / "original", "a")
    assert index.labels == read_dataset(tmp_path / "original", "camvid").labels


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("64 128 Animal", "line 2: '64 128 Animal' is not of the form"),
        ("64 128 256 Animal", "line 2: '64 128 256' is not a colour"),
        ("64 128 64 Sky", "two classes have the name 'Sky'"),
        ("128 128 128 Cloud", r"two classes have the colour \(128, 128, 128\)"),
    ],
)
def test_mistakes_in_label_colors_are_errors_that_name_the_line(tmp_path: Path, line: str, message: str) -> None:
    root = write_original(tmp_path, "a")
    (root / "label_colors.txt").write_text(f"128 128 128\tSky\n{line}\n")
    with pytest.raises(InputError, match=rf"label_colors\.txt.*{message}"):
        read_dataset(root, "camvid")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the columns are ''"),
        ("class,red,green,blue\n", "line 1: the columns are 'class,red,green,blue'"),
        ("name,r,g,b\nSky,1,2\n", "line 2: 'Sky,1,2' is not of the form"),
        ("name,r,g,b\nSky,1,2,x\n", "line 2: '1 2 x' is not a colour"),
    ],
)
def test_mistakes_in_class_dict_are_errors_that_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    write_images(tmp_path / "train_labels", "a_L.png")
    (tmp_path / "class_dict.csv").write_text(text)
    with pytest.raises(InputError, match=rf"class_dict\.csv, {message}"):
        read_dataset(tmp_path, "camvid")


def test_a_missing_class_table_is_an_error(tmp_path: Path) -> None:
    root = write_original(tmp_path, "a")
    (root / "label_colors.txt").unlink()
    with pytest.raises(InputError, match=r"cannot read the class table .*label_colors\.txt"):
        read_dataset(root, "camvid")


def test_a_folder_without_a_layout_of_camvid_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a CamVid folder"):
        read_dataset(tmp_path, format="camvid")


@pytest.mark.slow
@needs_camvid
def test_the_real_data_set_has_no_problems(tmp_path: Path) -> None:
    index = read_dataset(CAMVID)
    report = check_dataset(index, cache=tmp_path)
    assert {split: len(samples) for split, samples in index.splits.items()} == {"train": 367, "val": 101}
    assert report.problems == report.warnings == ()
    for split, samples in index.splits.items():
        assert report.class_pixels[split].sum() + report.ignored_pixels[split] == len(samples) * 480 * 360


@needs_camvid
def test_the_customary_split_equals_that_of_the_real_data_set() -> None:
    for split, samples in read_dataset(CAMVID).splits.items():
        assert {camvid.customary_split(sample.image.stem) for sample in samples} == {split}
