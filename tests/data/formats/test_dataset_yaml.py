from __future__ import annotations

import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from encnet.data.formats import read_dataset
from encnet.data.formats.dataset_yaml import read_dataset_yaml
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.labels import IGNORE, LabelSet
from encnet.data.palette import distinct_palette
from encnet.system.errors import InputError
from encnet.system.text import not_a_name

SPLITS = {"train": {"images": "images", "labels": "labels"}}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Images a, b, c with label maps *_gt, and a list that names b."""
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for stem in "abc":
        Image.new("RGB", (2, 2)).save(tmp_path / "images" / f"{stem}.jpg")
        Image.new("L", (2, 2)).save(tmp_path / "labels" / f"{stem}_gt.png")
    (tmp_path / "val.txt").write_text("b.jpg\n")
    return tmp_path


def read(root: Path, document: Any) -> Any:
    (root / "dataset.yaml").write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return read_dataset(root)


def test_classes_are_read_by_value(root: Path) -> None:
    index = read(
        root,
        """
        name: mine
        labels: value
        classes:
          - {name: sky, color: [128, 127, 126]}
          - {name: car, value: [8, 9]}
          - {name: road}
        ignore: [3, 300]
        label_suffix: _gt
        splits:
          train: {images: images, labels: labels}
          val: {images: images, labels: labels, list: val.txt}
          test: {images: images}
        """,
    )
    assert index.name == "mine"
    assert index.root == root
    assert index.labels.names == ("sky", "car", "road")
    assert index.labels.palette == ((128, 127, 126), *distinct_palette(3)[1:])
    assert index.labels.raw == {0: 0, 8: 1, 9: 1, 2: 2, 3: IGNORE, 300: IGNORE, 255: IGNORE}
    pairs = [(root / "images" / f"{stem}.jpg", root / "labels" / f"{stem}_gt.png") for stem in "abc"]
    assert index.splits == {
        "train": tuple(pairs),
        "val": (pairs[1],),
        "test": tuple((image, None) for image, _ in pairs),
    }


def test_a_class_may_be_its_name_alone(root: Path) -> None:
    index = read(root, {"classes": ["sky", {"name": "car", "value": [8, 9]}, "road"], "splits": SPLITS})
    assert index.labels.names == ("sky", "car", "road")
    assert index.labels.raw == {0: 0, 8: 1, 9: 1, 2: 2, 255: 255}


def test_without_val_the_error_says_what_to_do(root: Path) -> None:
    index = read(
        root, {"classes": ["a"], "label_suffix": "_gt", "splits": {"train": {"images": "images", "labels": "labels"}}}
    )
    with pytest.raises(InputError, match=r"no split 'val': training scores its model on one; put .* every fifth"):
        index.split("val")


def test_classes_are_read_by_color(root: Path) -> None:
    document = {
        "labels": "color",
        "classes": [
            {"name": "sky", "color": [1, 2, 3]},
            {"name": "car", "color": [9, 9, 9], "colors": [[4, 5, 6], [7, 8, 9]]},
        ],
        "ignore": [[0, 0, 0]],
        "undeclared": "car",
        "splits": SPLITS,
    }
    index = read(root, document)
    assert index.name == root.name
    assert index.labels.palette == ((1, 2, 3), (9, 9, 9))
    assert index.labels.raw == {(1, 2, 3): 0, (4, 5, 6): 1, (7, 8, 9): 1, (0, 0, 0): IGNORE}
    assert index.labels.undeclared == 1


def test_a_class_can_have_value_255(root: Path) -> None:
    labels = read(root, {"classes": [{"name": "a"}, {"name": "b", "value": 255}], "splits": SPLITS}).labels
    assert labels.raw == {0: 0, 255: 1}


def test_images_and_label_maps_may_share_a_folder(root: Path) -> None:
    for path in (root / "labels").iterdir():
        path.rename(root / "images" / path.name)
    document = {
        "classes": [{"name": "a"}],
        "label_suffix": "_gt",
        "splits": {"train": {"images": "images", "labels": "images"}},
    }
    assert read(root, document).splits["train"] == tuple(
        (root / "images" / f"{stem}.jpg", root / "images" / f"{stem}_gt.png") for stem in "abc"
    )


@pytest.mark.parametrize(
    ("photograph", "label", "apart"),
    [("_rgb", "_gt", True), ("_rgb", "", True), ("_rgb", "_gt", False), ("_rgb", "", False)],
)
def test_names_of_photographs_may_have_a_suffix_too(root: Path, photograph: str, label: str, apart: bool) -> None:
    labels = "labels" if apart else "images"
    for path in (root / "images").iterdir():
        path.rename(path.with_stem(path.stem + photograph))
    for path in (root / "labels").iterdir():
        path.rename(root / labels / path.name.replace("_gt", label))
    stems = "abcd" if apart or label else "abc"
    if len(stems) == 4:  # other bands, and a photograph without a label map
        for name in ("a_nir", "d_rgb"):
            (root / f"images/{name}.jpg").write_bytes((root / "images/a_rgb.jpg").read_bytes())
    document = {
        "classes": [{"name": "a"}],
        "image_suffix": photograph,
        **({"label_suffix": label} if label else {}),
        "splits": {"train": {"images": "images", "labels": labels}},
    }
    expected = [(root / f"images/{stem}_rgb.jpg", root / labels / f"{stem}{label}.png") for stem in stems]
    assert list(read(root, document).splits["train"]) == expected


LINES = {
    "stem": "ä",
    "name": "ä.jpg",
    "the other form of an accent": unicodedata.normalize("NFD", "ä.jpg"),
    "path": "images/day/ä.jpg",
    "end of a path without suffix": "day/ä",
    "with a dot": "./images/day/ä.jpg",
    "from the folder of the list": "../images/day/ä.jpg",
    "with backslashes": r"images\day\ä.jpg",
    "absolute": "{root}/images/day/ä.jpg",
}


@pytest.mark.parametrize("line", LINES)
def test_a_list_names_photographs_or_their_paths(root: Path, line: str) -> None:
    (root / "images/day").mkdir()
    (root / "images/b.jpg").rename(root / "images/day/ä.jpg")
    (root / "lists").mkdir()
    (root / "lists/train.txt").write_text(f"{LINES[line].format(root=root)}\n", encoding="utf-8")
    splits = {"train": {"images": "images", "list": "lists/train.txt"}}
    assert read(root, {"splits": splits, "classes": CLASSES}).split("train") == ((root / "images/day/ä.jpg", None),)


def test_a_list_tells_equal_names_in_two_folders_apart(root: Path) -> None:
    for day in ("day1", "day2"):
        (root / "images" / day).mkdir()
        shutil.copy(root / "images/a.jpg", root / "images" / day)
    document = {"classes": CLASSES, "splits": {"train": {"images": "images", "list": "val.txt"}}}
    (root / "val.txt").write_text("images/day2/a.jpg\n")
    assert [sample.image for sample in read(root, document).split("train")] == [root / "images/day2/a.jpg"]


@pytest.mark.parametrize("line", ["/elsewhere/images/a.jpg", "day3/a.jpg", "ages/a.jpg", "a.jpg a_gt.png"])
def test_a_path_in_a_list_that_leads_elsewhere_is_an_error(root: Path, line: str) -> None:
    (root / "val.txt").write_text(f"b.jpg\n{line}\n")
    document = {"classes": CLASSES, "splits": {"train": {"images": "images", "list": "val.txt"}}}
    known = f"if {root}/images/a.jpg is meant, write a.jpg; else " if " " not in line else ""
    message = f"line 2: there is no image '{line}'; {known}remove the line or restore the file"
    with pytest.raises(InputError, match=re.escape(message)):
        read(root, document)


@pytest.mark.parametrize("labels", ["labels", "images"])
def test_suffixes_count_in_any_case(root: Path, labels: str) -> None:
    for stem, photograph, label in (("a", "_rgb", "_gt"), ("b", "_RGB", "_GT"), ("c", "_rgb", "_Gt")):
        (root / f"images/{stem}.jpg").rename(root / f"images/{stem}{photograph}.jpg")
        (root / f"labels/{stem}_gt.png").rename(root / labels / f"{stem}{label}.png")
    splits = {"train": {"images": "images", "labels": labels}}
    index = read(root, {"classes": CLASSES, "label_suffix": "_gt", "image_suffix": "_rgb", "splits": splits})
    assert index.split("train") == (
        (root / "images/a_rgb.jpg", root / labels / "a_gt.png"),
        (root / "images/b_RGB.jpg", root / labels / "b_GT.png"),
        (root / "images/c_rgb.jpg", root / labels / "c_Gt.png"),
    )


def test_in_one_folder_the_case_of_the_only_suffix_tells_label_maps_apart(root: Path) -> None:
    for stem in "abc":
        (root / f"images/{stem}.jpg").rename(root / f"images/{stem}_l.jpg")
        (root / f"labels/{stem}_gt.png").rename(root / f"images/{stem}_l_L.png")
    splits = {"train": {"images": "images", "labels": "images"}}
    samples = read(root, {"classes": CLASSES, "label_suffix": "_L", "splits": splits}).split("train")
    assert samples == tuple((root / f"images/{stem}_l.jpg", root / f"images/{stem}_l_L.png") for stem in "abc")


def test_a_dataset_yaml_takes_precedence_over_every_layout(root: Path) -> None:
    for folder in ("train", "trainannot"):
        (root / folder).mkdir()
    assert read(root, {"classes": [{"name": "a"}], "splits": SPLITS}).labels.names == ("a",)


CLASSES = [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clases": []}, "the file has the unknown key 'clases'"),
        ({"name": 3}, "`name` must be text, not 3"),
        ({"labels": "index"}, "`labels` must be value, color or mask_per_class, not 'index'"),
        ({"labels": ["value"]}, "`labels` must be value, color or mask_per_class"),
        ({"classes": None}, "`classes` must be a list, not None"),
        ({"classes": []}, "`classes` must have 1 to 65535 entries, not 0"),
        ({"classes": [0] * 65536}, "`classes` must have 1 to 65535 entries, not 65536"),
        ({"classes": [3]}, r"`classes\[0\]` must be a mapping with name, not 3"),
        ({"classes": ["a", "a"]}, r"`classes\[1\].name` is 'a', like classes\[0\]"),
        ({"classes": [{"color": [1, 2, 3]}]}, r"`classes\[0\]` lacks the key 'name'"),
        ({"classes": [{"name": "a", "id": 3}]}, r"`classes\[0\]` has the unknown key 'id'; it may have color, name, v"),
        ({"classes": [{"name": False}]}, r"`classes\[0\].name` must be text, not False; put quotes around it"),
        ({"classes": [{"name": "a", "color": [1, 2]}]}, r"`classes\[0\].color` must be a colour .*not \[1, 2\]"),
        ({"classes": [{"name": "a", "color": [1, 2, 256]}]}, r"`classes\[0\].color` must be a colour"),
        ({"classes": [{"name": "a", "value": -1}]}, r"`classes\[0\].value` must be an integer in 0-65535, not -1"),
        ({"classes": [{"name": "a", "value": True}]}, r"`classes\[0\].value` must be an integer"),
        ({"classes": [{"name": "a", "value": [0.5]}]}, r"`classes\[0\].value` must be an integer"),
        ({"classes": [*CLASSES, {"name": "a"}]}, r"`classes\[2\].name` is 'a', like classes\[0\]"),
        ({"classes": [*CLASSES, {"name": "c", "value": 1}]}, r"`classes\[2\]` has the label 1, which 'b' has"),
        ({"labels": "color"}, r"`classes\[0\]` lacks the key 'color'"),
        ({"labels": "color", "classes": [{"name": "a", "value": 3}]}, r"`classes\[0\]` has the unknown key 'value'"),
        ({"labels": "color", "classes": [{"name": "a", "color": [1, 1, 1], "colors": 3}]}, "colors` must be a list"),
        ({"ignore": 255}, "`ignore` must be a list, not 255"),
        ({"ignore": [[0, 0, 0]]}, "`ignore` must be an integer"),
        ({"ignore": [1]}, "`ignore` has the label 1, which the class 'b' has"),
        ({"undeclared": "c"}, "`undeclared` is 'c', which is neither `ignore` nor the name of a class"),
        ({"label_suffix": 1}, "`label_suffix` must be text, not 1"),
        ({"splits": {}}, "`splits` must be a mapping like train"),
        ({"splits": {1: {"images": "images"}}}, "`splits` must be text, not 1"),
        ({"splits": {"val": {"labels": "labels"}}}, "`splits.val` lacks the key 'images'"),
        ({"splits": {"val": {"images": "none"}}}, "`splits.val.images` is none, but there is no folder .*none"),
        ({"splits": {"val": {"images": "images", "labels": "none"}}}, "`splits.val.labels` is none, but there is no"),
        ({"splits": {"val": {"images": "images", "labels": "images"}}}, "`splits.val.labels` is the folder of the im"),
        ({"splits": {"val": {"images": "images", "list": "none.txt"}}}, "`splits.val.list` has a mistake: cannot read"),
        ({"splits": {"val": {"images": "labels", "list": "val.txt"}}}, "`splits.val.list` .*no image 'b.jpg'"),
    ],
)
def test_mistakes_are_errors_that_name_file_and_key(root: Path, change: dict[str, Any], message: str) -> None:
    valid = {"classes": CLASSES, "splits": SPLITS}
    read(root, valid)
    with pytest.raises(InputError, match=rf"dataset\.yaml: .*{message}"):
        read(root, valid | change)


def test_without_classes_the_label_maps_say_them(root: Path) -> None:
    Image.new("L", (2, 2), 7).save(root / "labels" / "a_gt.png")
    index = read(root, {"splits": SPLITS, "label_suffix": "_gt"})
    assert index.labels.names == ("class_0", "class_7")
    assert any("each is a class" in note for note in index.notes)


def test_without_splits_the_names_of_folders_say_them(root: Path) -> None:
    index = read(root, {"classes": CLASSES})
    assert index.split("train")[0] == (root / "images/a.jpg", root / "labels/a_gt.png")
    assert index.notes[0] == "folders are recognised by their names: images/ and labels/ are there"


@pytest.mark.parametrize(("undeclared", "expected"), [("ignore", IGNORE), ("b", 1)])
def test_undeclared_labels_can_be_ignored(root: Path, undeclared: str, expected: int) -> None:
    index = read(root, {"classes": CLASSES, "splits": SPLITS, "undeclared": undeclared})
    Image.new("L", (2, 1), 9).save(root / "map.png")
    assert index.labels.load(root / "map.png").tolist() == [[expected] * 2]
    write_dataset_yaml(root / "dataset.yaml", index.labels, SPLITS, "copy")
    assert read_dataset(root).labels == index.labels


def test_inner_folders_are_read(root: Path) -> None:
    for kind, suffix in (("images", ".jpg"), ("labels", "_gt.png")):
        (root / kind / "day").mkdir()
        (root / kind / f"c{suffix}").rename(root / kind / "day" / f"a{suffix}")
    index = read(root, {"classes": CLASSES, "splits": SPLITS, "label_suffix": "_gt"})
    assert index.split("train") == (
        (root / "images/a.jpg", root / "labels/a_gt.png"),
        (root / "images/day/a.jpg", root / "labels/day/a_gt.png"),
        (root / "images/b.jpg", root / "labels/b_gt.png"),
    )


def test_folders_that_link_to_each_other_are_read_once(root: Path) -> None:
    for stem, other in (("a", "b"), ("b", "a")):
        (root / "images" / stem).mkdir()
        (root / f"images/{stem}.jpg").rename(root / f"images/{stem}/{stem}.jpg")
        (root / "images" / stem / "other").symlink_to(root / "images" / other)
    index = read(root, {"classes": CLASSES, "splits": {"train": {"images": "images"}}})
    assert [sample.image for sample in index.split("train")] == [
        root / "images/c.jpg",
        root / "images/a/a.jpg",
        root / "images/b/b.jpg",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file must be a mapping"),
        ("classes: [", "is not valid YAML"),
        ("name: a\nname: b", "is not valid YAML: the key 'name' occurs twice"),
        ("name: 2024-13-01", "is not valid YAML"),
        ("name: \x01", "is not valid YAML"),
        ("[1]: 2", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_yaml_mapping_is_an_error(root: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=rf"dataset\.yaml:? {message}"):
        read(root, text)


def test_unreadable_files_are_errors(root: Path) -> None:
    (root / "dataset.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(InputError, match=r"dataset\.yaml is not UTF-8 text"):
        read_dataset(root)
    with pytest.raises(InputError, match=r"cannot read .*none\.yaml"):
        read_dataset_yaml(root / "none.yaml")


NAMES = st.lists(
    st.text(min_size=1, max_size=60).filter(lambda text: not_a_name(text) is None), min_size=1, max_size=8, unique=True
)
COLORS = st.tuples(*[st.integers(0, 255)] * 3)


@st.composite
def label_sets(draw: st.DrawFn) -> LabelSet:
    """Any label set that dataset.yaml can describe: where labels are values, 255 has a meaning."""
    names = draw(NAMES)
    targets = st.sampled_from([*range(len(names)), IGNORE])
    encoding: Any = draw(st.sampled_from(["value", "color"]))
    raw = draw(st.dictionaries(st.integers(0, 65535) if encoding == "value" else COLORS, targets, max_size=12))
    if encoding == "value":
        raw.setdefault(255, IGNORE)
    palette = draw(st.tuples(*[COLORS] * len(names)))
    undeclared = draw(st.none() | st.integers(0, len(names) - 1))
    return LabelSet(tuple(names), palette, encoding, raw, undeclared)


@given(labels=label_sets(), name=st.text(st.characters(categories=["L", "N", "P"]), min_size=1))
def test_a_written_file_is_read_as_the_same_data_set(
    labels: LabelSet, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("data")
    for folder in ("images", "labels"):
        (root / folder).mkdir()
    Image.new("L", (1, 1)).save(root / "images" / "a.png")
    (root / "val.txt").write_text("a")
    splits = {**SPLITS, "val": {**SPLITS["train"], "list": "val.txt"}, "test": {"images": "images"}}
    write_dataset_yaml(root / "dataset.yaml", labels, splits, name, label_suffix="_x")
    index = read_dataset(root)
    assert index.labels == labels
    assert index.name == name
    image, label = root / "images" / "a.png", root / "labels" / "a_x.png"
    assert index.splits == {"train": ((image, label),), "val": ((image, label),), "test": ((image, None),)}
