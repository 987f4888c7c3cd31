"""Folders and names that people use are read as their own data, with the right label map for each photograph."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from PIL import Image

from encnet.data.check import check_dataset
from encnet.data.formats import read_dataset
from encnet.data.sample_files import name_in
from encnet.system.errors import InputError


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write(root: Path, *names: str) -> None:
    """Photographs for .jpg, label maps of the values 0 and 1 for .png."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            Image.new("RGB", (8, 6), (number, 0, 0)).save(path)
        else:
            image = Image.new("L", (8, 6))
            image.paste(1, (0, 0, 4, 6))
            image.save(path)


def pairs(root: Path) -> dict[str, list[tuple[str, str | None]]]:
    index = read_dataset(root)
    assert index.format == "folder"
    assert index.origin.startswith(f"{root}: read as a folder of your own, because ")
    return {
        split: [(name_in(root, image), None if label is None else name_in(root, label)) for image, label in samples]
        for split, samples in index.splits.items()
    }


# a photograph and its label map in train, and in val
LAYOUTS = {
    "kind/split": ("images/train/a.jpg", "labels/train/a.png", "images/val/b.jpg", "labels/val/b.png"),
    "split/kind": ("train/images/a.jpg", "train/labels/a.png", "val/images/b.jpg", "val/labels/b.png"),
    "masks": ("train/imgs/a.jpg", "train/masks/a.png", "val/imgs/b.jpg", "val/masks/b.png"),
    "mask": ("train/image/a.jpg", "train/mask/a.png", "val/image/b.jpg", "val/mask/b.png"),
    "training and validation": (
        *("images/training/a.jpg", "annotations/training/a.png"),
        *("images/validation/b.jpg", "annotations/validation/b.png"),
    ),
    "valid": ("train/img/a.jpg", "train/gt/a.png", "valid/img/b.jpg", "valid/gt/b.png"),
    "dev": ("train/img/a.jpg", "train/gt/a.png", "dev/img/b.jpg", "dev/gt/b.png"),
    "capitals": ("Train/Images/a.jpg", "Train/Masks/a.png", "Val/Images/b.jpg", "Val/Masks/b.png"),
    "annot beside": ("train/a.jpg", "trainannot/a.png", "val/b.jpg", "valannot/b.png"),
    "train_masks": ("train/a.jpg", "train_masks/a.png", "val/b.jpg", "val_masks/b.png"),
    "masks_train": ("images_train/a.jpg", "masks_train/a.png", "images_val/b.jpg", "masks_val/b.png"),
    "imagesTr": ("imagesTr/a.jpg", "labelsTr/a.png", "imagesVal/b.jpg", "labelsVal/b.png"),
    "one folder, suffixes": ("train/0_sat.jpg", "train/0_mask.png", "val/1_sat.jpg", "val/1_mask.png"),
    "one folder, one suffix": ("train/0.jpg", "train/0_mask.png", "val/1.jpg", "val/1_mask.png"),
    "suffix of label maps": (
        *("images/train/a.jpg", "labels/train/a_mask.png"),
        *("images/val/b.jpg", "labels/val/b_mask.png"),
    ),
    "prefixes": (
        *("images/train/img_7.jpg", "labels/train/mask_7.png"),
        *("images/val/img_8.jpg", "labels/val/mask_8.png"),
    ),
    "_L": ("images/train/a.jpg", "labels/train/a_L.png", "images/val/b.jpg", "labels/val/b_L.png"),
    "an unknown suffix": (
        *("images/train/a.jpg", "labels/train/a-final2.png"),
        *("images/val/b.jpg", "labels/val/b-final2.png"),
    ),
    "nested days": (
        *("images/train/day1/a.jpg", "labels/train/day1/a.png"),
        *("images/val/day2/b.jpg", "labels/val/day2/b.png"),
    ),
    "days around": (
        *("day1/images/train/a.jpg", "day1/labels/train/a.png"),
        *("day1/images/val/b.jpg", "day1/labels/val/b.png"),
    ),
    "nested photographs, flat label maps": (
        *("images/train/day1/a.jpg", "labels/train/a.png"),
        *("images/val/day1/b.jpg", "labels/val/b.png"),
    ),
    "a folder around": ("data/train/img/a.jpg", "data/train/ann/a.png", "data/val/img/b.jpg", "data/val/ann/b.png"),
    "SegmentationClass": (
        *("train/JPEGImages/a.jpg", "train/SegmentationClass/a.png"),
        *("val/JPEGImages/b.jpg", "val/SegmentationClass/b.png"),
    ),
    "ground truth": ("train/rgb/a.jpg", "train/ground_truth/a.png", "val/rgb/b.jpg", "val/ground_truth/b.png"),
    "inputs and targets": ("train/input/a.jpg", "train/target/a.png", "val/input/b.jpg", "val/target/b.png"),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_layout_is_read_with_the_right_pairs(tmp_path: Path, name: str) -> None:
    train_image, train_label, val_image, val_label = LAYOUTS[name]
    write(tmp_path / "mine", train_image, train_label, val_image, val_label)
    assert pairs(tmp_path / "mine") == {"train": [(train_image, train_label)], "val": [(val_image, val_label)]}
    report = check_dataset(read_dataset(tmp_path / "mine"))
    assert report.problems == () and report.ledger.complete
    assert report.ledger.used == {"photographs": 2, "label maps": 2}


@pytest.mark.parametrize(("split", "link"), [("val", "{}/val"), ("train", "{}/train/more")])
def test_linked_folders_are_read_like_others(tmp_path: Path, split: str, link: str) -> None:
    root = tmp_path / "mine"
    write(root, *LAYOUTS["kind/split"][:2])
    write(tmp_path, "disk/images/b.jpg", "disk/labels/b.png")
    for kind in ("images", "labels"):
        (root / link.format(kind)).symlink_to(tmp_path / "disk" / kind)
    (root / "images/train/above").symlink_to(root)
    found = pairs(root)
    assert found["train"][0] == ("images/train/a.jpg", "labels/train/a.png")
    assert found[split][-1] == (f"{link.format('images')}/b.jpg", f"{link.format('labels')}/b.png")
    assert sum(map(len, found.values())) == 2
    report = check_dataset(read_dataset(root))
    assert report.problems == () and report.ledger.used == {"photographs": 2, "label maps": 2}
    assert report.ledger.left_out == {}


def test_a_photograph_behind_a_link_that_is_not_read_is_in_the_ledger(tmp_path: Path) -> None:
    write(tmp_path / "mine", *LAYOUTS["kind/split"])
    write(tmp_path, "disk/c.jpg")
    (tmp_path / "mine/extra").symlink_to(tmp_path / "disk")
    ledger = check_dataset(read_dataset(tmp_path / "mine")).ledger
    assert [entry.names for entry in ledger.left_out.values()] == [["extra/c.jpg"]] and not ledger.complete


def test_a_folder_that_is_named_through_a_link_is_not_left_out_by_its_own_name(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    write(root, *LAYOUTS["kind/split"])
    (root / "current").symlink_to("images")
    (root / "dataset.yaml").write_text("splits: {train: {images: current/train, labels: labels/train}}\n")
    ledger = check_dataset(read_dataset(root)).ledger
    assert [entry.names for entry in ledger.left_out.values()] == [["images/val/b.jpg", "labels/val/b.png"]]


@pytest.mark.parametrize("pattern", ["{}", "{}_gt", "{}-final2"])
@pytest.mark.parametrize("swapped", [False, True])
def test_names_are_equal_in_both_forms_of_accents(tmp_path: Path, pattern: str, swapped: bool) -> None:
    image, label = unicodedata.normalize("NFC", "übermäßig"), unicodedata.normalize("NFD", "übermäßig")
    image, label = (label, image) if swapped else (image, label)
    stem = (f"images/train/{image}.jpg", f"labels/train/{pattern.format(label)}.png")
    folder = (f"images/val/{image}/0.jpg", f"labels/val/{label}/0.png")
    beside = ("images/val/1.jpg", "labels/val/1.png")
    write(tmp_path, *stem, *folder, *beside)
    assert pairs(tmp_path) == {"train": [stem], "val": [folder, beside]}


@pytest.mark.parametrize("prefix", ["0001", "frame-"])
def test_names_that_differ_are_said(tmp_path: Path, prefix: str) -> None:
    write(tmp_path, *(f"images/{prefix}{i}.jpg" for i in range(3)), *(f"masks/{prefix}{i}_gt.png" for i in range(3)))
    index = read_dataset(tmp_path)
    assert index.notes[0] == f"names differ: the label map of {prefix}0.jpg is {prefix}0_gt.png"


def test_the_same_name_in_two_folders_is_two_photographs(tmp_path: Path) -> None:
    write(tmp_path, *(f"{kind}/train/{day}/1.{suffix}" for kind, suffix in (("images", "jpg"), ("labels", "png"))
                      for day in ("mon", "tue")))  # fmt: skip
    assert pairs(tmp_path)["train"] == [
        ("images/train/mon/1.jpg", "labels/train/mon/1.png"),
        ("images/train/tue/1.jpg", "labels/train/tue/1.png"),
    ]


@pytest.mark.parametrize(
    "names",
    [
        ("images/train/a.jpg", "labels/train/a.png", "masks/train/a.png"),
        ("images/train/a.jpg", "labels/train/a.png", "images/valid/b.jpg", "images/dev/c.jpg", "labels/valid/b.png"),
    ],
)
def test_two_folders_for_one_part_are_an_error_that_a_dataset_yaml_settles(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    write(tmp_path, *names)
    with pytest.raises(InputError, match=r"has two folders of .* for one split, .* write a dataset\.yaml that names"):
        read_dataset(tmp_path)
    (tmp_path / "dataset.yaml").write_text("splits: {train: {images: images/train, labels: labels/train}}\n")
    assert read_dataset(tmp_path).split("train") == (
        (tmp_path / "images/train/a.jpg", tmp_path / "labels/train/a.png"),
    )


def test_two_label_maps_of_one_photograph_are_an_error(tmp_path: Path) -> None:
    write(tmp_path, "images/a.jpg", "labels/a.png")
    Image.new("L", (8, 6)).save(tmp_path / "labels/a.tif")
    with pytest.raises(InputError, match=r"a\.png and .*a\.tif can both be the label map .* remove one"):
        read_dataset(tmp_path)
    (tmp_path / "labels/a.tif").unlink()
    assert len(read_dataset(tmp_path).split("train")) == 1


CAMVID_LIKE = ("train/{}.jpg", "trainannot/{}.png", "val/{}.jpg", "valannot/{}.png")


@pytest.mark.parametrize(
    ("names", "format"),
    [
        ([name.format("my_photo") for name in CAMVID_LIKE], "folder"),
        ([name.format("0001TP_006690") for name in CAMVID_LIKE], "camvid"),
        (["ADEChallengeData2016/images/training/a.jpg", "ADEChallengeData2016/annotations/training/a.png"], "folder"),
        (["VOCdevkit/VOC2012/JPEGImages/a.jpg", "VOCdevkit/VOC2012/SegmentationClass/a.png"], "folder"),
        (["leftImg8bit/train/ulm/a.jpg", "gtFine/train/ulm/a.png"], None),
    ],
)
def test_a_published_data_set_is_known_by_its_files_and_not_by_its_folders(
    tmp_path: Path, names: list[str], format: str | None
) -> None:
    write(tmp_path, *names)
    if format is None:
        with pytest.raises(InputError, match="fits none of the formats"):
            read_dataset(tmp_path)
    else:
        assert read_dataset(tmp_path).format == format


def test_other_words_are_the_users_own(tmp_path: Path) -> None:
    write(tmp_path, "holiday/a.jpg", "pictures of me/b.jpg")
    with pytest.raises(InputError, match="fits none of the formats"):
        read_dataset(tmp_path)


LEFT_OUT = [
    ("images/train/c.heic", "encnet does not read .heic; convert it to JPEG or PNG", True),
    ("images/train/c.dng", "encnet does not read .dng; convert it to JPEG or PNG", True),
    ("images/train/film.mp4", "it is a video; save its frames as images", True),
    (
        "extra/c.jpg",
        "its folder is not read as photographs or label maps; name it in dataset.yaml if it is",
        True,
    ),
    ("notes.txt", "it is neither a photograph nor a label map", False),
    ("labels/train/a.json", "it is neither a photograph nor a label map", False),
]


@pytest.mark.parametrize(("name", "reason", "meant"), LEFT_OUT)
def test_a_file_that_is_not_used_is_in_the_ledger(tmp_path: Path, name: str, reason: str, meant: bool) -> None:
    write(tmp_path / "mine", *LAYOUTS["kind/split"])
    path = tmp_path / "mine" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"content")
    ledger = check_dataset(read_dataset(tmp_path / "mine")).ledger
    assert {reason: left.names for reason, left in ledger.left_out.items()} == {reason: [name]}
    assert ledger.complete == (not meant)
    assert ledger.found == 5


@pytest.mark.parametrize("name", [".hidden.jpg", "Thumbs.db", ".git/a.png", "images/train/.DS_Store"])
def test_hidden_files_are_not_counted(tmp_path: Path, name: str) -> None:
    write(tmp_path / "mine", *LAYOUTS["kind/split"])
    (tmp_path / "mine" / name).parent.mkdir(exist_ok=True)
    (tmp_path / "mine" / name).write_bytes(b"")
    assert check_dataset(read_dataset(tmp_path / "mine")).ledger.found == 4


def test_photographs_without_label_maps_are_problems_or_left_out_on_demand(tmp_path: Path) -> None:
    root = tmp_path / "mine"
    write(root, *LAYOUTS["kind/split"], "images/train/new.jpg", "labels/train/old.png")
    messages = [problem.message for problem in check_dataset(read_dataset(root)).problems]
    assert len(messages) == 2 and all("unpaired: leave_out" in message for message in messages)
    (root / "dataset.yaml").write_text("unpaired: leave_out\n")
    report = check_dataset(read_dataset(root))
    assert report.problems == ()
    left = [entry.names for entry in report.ledger.left_out.values()]
    assert left == [["images/train/new.jpg"], ["labels/train/old.png"]]
    assert report.ledger.lines()[0] == "files: 7 found; used: 2 photographs, 2 label maps, 1 description"


def test_one_label_map_for_two_photographs_is_a_warning(tmp_path: Path) -> None:
    write(tmp_path, *LAYOUTS["kind/split"])
    Image.new("RGB", (8, 6)).save(tmp_path / "images/train/a.png")
    warnings = [warning.message for warning in check_dataset(read_dataset(tmp_path)).warnings]
    assert any("a.jpg and" in text and "have the same label map" in text for text in warnings)
