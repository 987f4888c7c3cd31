from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from official_layouts import blocks, write_lines
from PIL import Image
from sample_paths import path_of

from encnet.cli import main
from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.images import open_image
from encnet.data.labels import IGNORE
from encnet.data.tensors import SegmentationDataset
from encnet.system.errors import InputError

SBD = ["mat", "png"]

# The colours of the 21 classes in the development kit's own colour map.
COLORS = (
    *((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128), (0, 128, 128)),
    *((128, 128, 128), (64, 0, 0), (192, 0, 0), (64, 128, 0), (192, 128, 0), (64, 0, 128), (192, 0, 128)),
    *((64, 128, 128), (192, 128, 128), (0, 64, 0), (128, 64, 0), (0, 192, 0), (128, 192, 0), (0, 64, 128)),
)


def stems(root: Path, split: str) -> list[str]:
    return [sample.image.stem for sample in read_dataset(root).split(split)]


def test_the_palette_index_is_the_class_and_255_is_ignored(official_layout: Callable[..., Path]) -> None:
    index = read_dataset(official_layout("voc"))
    assert index.labels.palette == COLORS
    assert index.labels.names[0] == "background"
    assert index.labels.names[20] == "tvmonitor"
    seen = set()
    for number, sample in enumerate(index.split("train")):
        assert sample.label is not None
        assert open_image(path_of(sample.label)).mode == "P"
        np.testing.assert_array_equal(index.labels.load(sample.label), blocks([*range(21), 255], number))
        seen |= set(np.unique(index.labels.load(sample.label)).tolist())
    assert seen == {*range(21), IGNORE}


@pytest.mark.parametrize("sbd", SBD)
def test_train_aug_is_sbd_and_train_without_val(official_layout: Callable[..., Path], sbd: str) -> None:
    root = official_layout("voc", sbd=sbd)
    index = read_dataset(root)
    voc = root / "VOCdevkit" / "VOC2012"
    listed = set(stems(root, "train")) | {f"2009_{i:06d}" for i in range(3)}
    assert stems(root, "train_aug") == sorted(listed)
    assert not listed & set(stems(root, "val"))
    for sample in index.split("train_aug"):
        assert sample.label is not None
        assert (path_of(sample.label).parent == voc / "SegmentationClass") == (
            sample.image.stem in stems(root, "train")
        )
    image, label = SegmentationDataset(index.split("train_aug"), index.labels)[len(listed) - 1]
    assert image.shape == (3, 64, 96)
    # SBD's last image is the second in its val list, and the third of the converted ones.
    np.testing.assert_array_equal(label.numpy(), blocks(range(21), 1 if sbd == "mat" else 2))


@pytest.mark.parametrize("sbd", SBD)
def test_check_reads_all_splits_and_does_not_report_trainval_as_repetition(
    official_layout: Callable[..., Path], tmp_path: Path, sbd: str
) -> None:
    index = read_dataset(official_layout("voc", sbd=sbd))
    report = check_dataset(index, cache=tmp_path / "cache")
    assert report.problems == ()
    assert not any("is the same image" in warning.message for warning in report.warnings)
    # The photographs of the small copy are the same blocks in train and val, and look alike.
    assert {(pair.split, pair.other_split) for pair in report.near_duplicates} == {("val", "train")}
    assert list(report.class_pixels) == ["train", "val", "trainval", "train_aug"]
    both = report.class_pixels["train"] + report.class_pixels["val"]
    assert report.class_pixels["trainval"].tolist() == both.tolist()
    assert report.class_images["train_aug"][0] == len(index.split("train_aug"))


def test_a_damaged_matlab_file_is_a_problem(official_layout: Callable[..., Path], tmp_path: Path) -> None:
    root = official_layout("voc", sbd="mat")
    path = root / "benchmark_RELEASE/dataset/cls/2009_000001.mat"
    path.write_bytes(path.read_bytes()[:200])
    (problem,) = check_dataset(read_dataset(root), cache=tmp_path / "cache").problems
    assert path_of(problem.file).samefile(path)
    assert "as a MATLAB file" in problem.message


def test_an_image_missing_from_voc_is_taken_from_sbd(official_layout: Callable[..., Path]) -> None:
    root = official_layout("voc", sbd="mat")
    (root / "VOCdevkit/VOC2012/JPEGImages/2009_000002.jpg").unlink()
    image = read_dataset(root).split("train_aug")[-1].image
    assert path_of(image).samefile(root / "benchmark_RELEASE/dataset/img/2009_000002.jpg")


def test_without_sbd_the_command_says_where_to_get_it(
    official_layout: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = official_layout("voc", sbd=None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
    assert main(["check", str(root), "--out", str(tmp_path / "page")]) == 0
    reason = (
        "benchmark_RELEASE is missing; unpack benchmark.tgz from http://home.bharathh.info/pubs/codes/SBD/download.html"
    )
    assert f"note: there is no split 'train_aug': {reason}" in " ".join(capsys.readouterr().err.split())
    with pytest.raises(InputError, match="no split 'train_aug': benchmark_RELEASE is missing"):
        read_dataset(root).split("train_aug")


def test_an_incomplete_sbd_is_named_as_missing(official_layout: Callable[..., Path]) -> None:
    root = official_layout("voc", sbd="mat")
    shutil.rmtree(root / "benchmark_RELEASE/dataset/cls")
    reason = read_dataset(root).absent["train_aug"]
    assert reason.startswith("benchmark_RELEASE/dataset/cls is missing; unpack benchmark.tgz")


def test_the_test_split_has_no_label_maps(official_layout: Callable[..., Path]) -> None:
    root = official_layout("voc", sbd=None)
    assert "test" not in read_dataset(root).splits
    write_lines(root / "VOCdevkit/VOC2012/ImageSets/Segmentation/test.txt", ["2008_000000"])
    (sample,) = read_dataset(root).split("test")
    assert sample == (root / "VOCdevkit/VOC2012/JPEGImages/2008_000000.jpg", None)


@pytest.mark.parametrize(
    ("gone", "named"),
    [
        (["SegmentationClass"], "SegmentationClass is missing"),
        (["JPEGImages", "ImageSets"], r"JPEGImages, ImageSets/Segmentation/train\.txt and ImageSets/.* are missing"),
    ],
)
def test_missing_parts_are_errors_that_name_their_download(
    official_layout: Callable[..., Path], gone: list[str], named: str
) -> None:
    root = official_layout("voc")
    for part in gone:
        shutil.rmtree(root / "VOCdevkit" / "VOC2012" / part)
    page = r"unpack VOCtrainval_11-May-2012\.tar from http://host\.robots\.ox\.ac\.uk/pascal/VOC/voc2012/"
    with pytest.raises(InputError, match=f"not a complete copy of PASCAL VOC 2012: {named}; {page}"):
        read_dataset(root)


def _make_own(root: Path, table: bool, photographs: bool = True) -> Path:
    """Masks of one's own in the folders of PASCAL VOC, as CVAT and others export them."""
    for folder in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (8, 6)).save(root / f"JPEGImages/p{number}.jpg")
        Image.new("RGB", (8, 6), (1, 1, 1)).save(root / f"SegmentationClass/p{number}.png")
    write_lines(root / "ImageSets/Segmentation/train.txt", ["p0", "p1"])
    write_lines(root / "ImageSets/Segmentation/val.txt", ["p2"])
    if table:
        write_lines(root / "labelmap.txt", ["# label:color_rgb:parts:actions", "lawn:1,1,1::"])
    if not photographs:
        shutil.rmtree(root / "JPEGImages")
    return root


@pytest.mark.parametrize(("table", "photographs"), [(True, True), (False, True), (True, False)])
def test_masks_of_ones_own_in_vocs_folders_are_to_be_imported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], table: bool, photographs: bool
) -> None:
    root = _make_own(tmp_path / "my masks", table, photographs)
    assert main(["check", str(root), "--out", str(tmp_path / "page")]) == 2
    said = capsys.readouterr().err
    assert "VOCtrainval" not in said
    command = re.search(r"`encnet (import-labels .*) --out FOLDER`", " ".join(said.split()))
    assert command is not None
    images = [] if photographs else ["--images", str(_make_own(tmp_path / "other", False) / "JPEGImages")]
    assert main([*shlex.split(command[1]), "--out", str(tmp_path / "data"), *images]) == 0
    assert set(read_dataset(tmp_path / "data").splits) == {"train", "val"}


def test_a_copy_of_voc_is_known_by_the_names_of_its_photographs(tmp_path: Path) -> None:
    root = _make_own(tmp_path / "voc", table=False)
    Image.new("RGB", (8, 6)).save(root / "JPEGImages/2007_000032.jpg")
    assert read_dataset(root).name == "voc"


@pytest.mark.parametrize("stem", ["2019_000032", "2006_000032", "2012_100100", "2007_00003"])
def test_photographs_of_ones_own_are_not_vocs_for_names_of_a_year_and_a_number(tmp_path: Path, stem: str) -> None:
    root = _make_own(tmp_path / "mine", table=False)
    Image.new("RGB", (8, 6)).save(root / f"JPEGImages/{stem}.jpg")
    with pytest.raises(InputError, match="is not PASCAL VOC: it holds no photograph of VOC's; import it by"):
        read_dataset(root)
