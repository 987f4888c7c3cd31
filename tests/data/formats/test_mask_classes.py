"""`labels: mask_per_class` of dataset.yaml, in three layouts, and everything that can be wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from encnet.cli import main
from encnet.commands.command import INCOMPLETE, WRONG_INPUT
from encnet.data.accounting import account_for
from encnet.data.check import check_dataset
from encnet.data.class_masks import ClassMasks
from encnet.data.dataset import DatasetIndex
from encnet.data.formats import read_dataset
from encnet.data.tensors import load_sample
from encnet.system.errors import InputError

LAYOUTS = ["masks/{split}/{class}/{name}.png", "masks/{split}/{name}_{class}.png", "masks/{split}/{name}/{class}.png"]
CLASSES = ("sky", "road", "car")
PHOTOGRAPHS = {"train": ("a", "b", "inner/c"), "val": ("a", "d")}
SIZE = (6, 8)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def save(path: Path, mask: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(mask).astype(np.uint8) * 255).save(path)


def write(root: Path, layout: str = LAYOUTS[0], **changes: Any) -> dict[tuple[str, str, str], np.ndarray]:
    """Writes a data set; (split, name, class) -> mask. Half of the masks of roads and cars are absent, none of `a`."""
    rng = np.random.default_rng(0)
    masks = {}
    for split, names in PHOTOGRAPHS.items():
        for name in names:
            photograph = root / f"images/{split}/{name}.png"
            photograph.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)).save(photograph)
            for index, text in enumerate(("road", "auto")):
                if name == "a" or (len(masks) + index) % 2:
                    mask = rng.random(SIZE) < 0.4
                    masks[split, name, CLASSES[index + 1]] = mask
                    file = layout.replace("{split}", split).replace("{class}", text).replace("{name}", name)
                    save(root / file, mask)
    describe(root, layout, **changes)
    return masks


def describe(root: Path, layout: str = LAYOUTS[0], **changes: Any) -> None:
    document: dict[str, Any] = {
        "labels": "mask_per_class",
        "outside": "sky",
        "classes": [{"name": "sky"}, {"name": "road", "color": [9, 8, 7]}, {"name": "car", "value": "auto"}],
        "splits": {
            split: {"images": f"images/{split}", "labels": layout.replace("{split}", split)} for split in PHOTOGRAPHS
        },
        **changes,
    }
    (root / "dataset.yaml").write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}))


def name_of(sample: Any, root: Path, split: str) -> str:
    return sample.image.relative_to(root / "images" / split).with_suffix("").as_posix()


@pytest.mark.parametrize("outside", ["sky", "ignore", "car"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_pixels_are_of_the_last_class_whose_mask_has_them(tmp_path: Path, layout: str, outside: str) -> None:
    masks = write(tmp_path, layout, outside=outside)
    index = read_dataset(tmp_path)
    assert index.labels.names == CLASSES and index.labels.palette[1] == (9, 8, 7)
    for split, names in PHOTOGRAPHS.items():
        assert sorted(name_of(sample, tmp_path, split) for sample in index.splits[split]) == sorted(names)
        for sample in index.splits[split]:
            _, labels = load_sample(sample, index.labels)
            name = name_of(sample, tmp_path, split)
            for y in range(SIZE[0]):
                for x in range(SIZE[1]):
                    expected = 255 if outside == "ignore" else CLASSES.index(outside)
                    for position, text in enumerate(CLASSES):
                        if (split, name, text) in masks and masks[split, name, text][y, x]:
                            expected = position
                    assert labels[y, x] == expected
    ledger = account_for(index)
    assert ledger.used == {"photographs": 5, "masks": len(masks), "description": 1} and not ledger.left_out


def test_overlap_and_absent_masks_are_said(tmp_path: Path) -> None:
    masks = write(tmp_path)
    index = read_dataset(tmp_path)
    absent = 2 * 5 - len(masks)
    assert 0 < absent < 10
    (note,) = index.notes
    assert note.startswith(f"absent: {absent} of 10 masks (")
    pixels = {
        key[:2]: int((masks[(*key[:2], "road")] & masks[(*key[:2], "car")]).sum())
        for key in masks
        if (*key[:2], "road") in masks and (*key[:2], "car") in masks
    }
    share = sum(pixels.values()) / (5 * SIZE[0] * SIZE[1])
    warning = f"overlap in {len(pixels)} of 5 photographs, in {share:.2%} of all pixels (masks/"
    for _ in range(2):  # the second check takes it from the cache
        found = [each.message for each in check_dataset(index, tmp_path / "cache").warnings]
        assert sum(warning in message for message in found) == 1


def test_without_overlap_or_absent_masks_nothing_is_said(tmp_path: Path) -> None:
    write(tmp_path)
    half = np.arange(SIZE[1])[None].repeat(SIZE[0], 0) < 4
    for split, names in PHOTOGRAPHS.items():
        for name in names:
            save(tmp_path / f"masks/{split}/road/{name}.png", half)
            save(tmp_path / f"masks/{split}/auto/{name}.png", ~half)
    index = read_dataset(tmp_path)
    assert index.notes == ()
    assert not any("overlap" in each.message for each in check_dataset(index, tmp_path / "cache").warnings)


def test_classes_can_have_several_texts_which_do_not_overlap_each_other(tmp_path: Path) -> None:
    write(tmp_path, classes=[{"name": "all", "value": ["road", "auto"]}], outside="ignore")
    index = read_dataset(tmp_path)
    assert index.notes == ()
    assert not any("overlap" in each.message for each in check_dataset(index, tmp_path / "cache").warnings)


def test_a_photograph_without_any_mask_has_no_label_map(tmp_path: Path) -> None:
    write(tmp_path)
    Image.new("RGB", (8, 6)).save(tmp_path / "images/val/bare.png")
    (problem,) = check_dataset(read_dataset(tmp_path), tmp_path / "cache").problems
    assert f"bare.png has no label map; {tmp_path}/masks/val/{{class}}/bare.png was expected" in problem.message
    describe(tmp_path, unpaired="leave_out")
    index = read_dataset(tmp_path)
    assert len(index.splits["val"]) == 2 and not check_dataset(index, tmp_path / "cache").problems
    assert [entry.names for entry in index.ledger.left_out.values()] == [["images/val/bare.png"]]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_masks_of_no_class_and_of_no_photograph_are_left_out_and_said(
    tmp_path: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, layout)
    files = {}
    for text, name in (("dog", "a"), ("road", "zz")):
        files[text] = layout.replace("{split}", "val").replace("{class}", text).replace("{name}", name)
        save(tmp_path / files[text], np.ones(SIZE))
    index = read_dataset(tmp_path)
    assert {entry.names[0]: entry.meant for entry in index.ledger.left_out.values()} == dict.fromkeys(
        files.values(), True
    )
    assert len(account_for(index).left_out) == 2
    assert main(["check", str(tmp_path), "--out", str(tmp_path.parent / f"{tmp_path.name}.html")]) == INCOMPLETE
    printed = " ".join(capsys.readouterr().out.split())
    assert f"({files['dog']}): it is named as a mask, but of no class" in printed
    assert f"({files['road']}): the photograph of this mask is missing" in printed


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_mask_with_its_suffix_in_capitals_counts_and_one_with_another_suffix_is_said(
    tmp_path: Path, layout: str
) -> None:
    masks = write(tmp_path, layout)
    file = tmp_path / layout.replace("{split}", "val").replace("{class}", "road").replace("{name}", "a")
    file.rename(file.with_suffix(".PNG"))
    index = read_dataset(tmp_path)
    (sample,) = (sample for sample in index.splits["val"] if sample.image == tmp_path / "images/val/a.png")
    assert isinstance(sample.label, ClassMasks) and file.with_suffix(".PNG") in sample.label.files
    assert account_for(index).used["masks"] == len(masks) and not index.ledger.left_out
    file.with_suffix(".PNG").rename(file.with_suffix(".tif"))
    ledger = account_for(read_dataset(tmp_path))
    name = file.with_suffix(".tif").relative_to(tmp_path).as_posix()
    assert {reason: entry.names for reason, entry in ledger.left_out.items()} == {
        "it is a mask, but `labels` says .png; save it so": [name]
    }
    assert not ledger.complete


def test_lists_and_one_folder_for_all_splits(tmp_path: Path) -> None:
    write(tmp_path)
    pattern = LAYOUTS[0].replace("{split}", "train")
    entry = {"images": "images/train", "labels": pattern}
    (tmp_path / "val.txt").write_text("b.png\n")
    (tmp_path / "train.txt").write_text("a\n")
    splits = {"train": {**entry, "list": "train.txt"}, "val": {**entry, "list": "val.txt"}}
    describe(tmp_path, splits=splits)
    index = read_dataset(tmp_path)
    assert {split: [s.image.stem for s in samples] for split, samples in index.splits.items()} == {
        "train": ["a"],
        "val": ["b"],
    }
    (unlisted,) = index.ledger.left_out.items()
    assert unlisted[0] == "no list includes the photograph of this mask" and not unlisted[1].meant
    assert all(Path(name).stem == "c" for name in unlisted[1].names)


def test_masks_beside_their_photographs_are_no_photographs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(tmp_path / f"all/{name}.png", np.ones(SIZE))
        save(tmp_path / f"all/{name}_road.png", np.ones(SIZE))
    describe(tmp_path, splits={"train": {"images": "all", "labels": "all/{name}_{class}.png"}})
    index = read_dataset(tmp_path)
    assert [(s.image.name, str(s.label)) for s in index.splits["train"]] == [
        (f"{name}.png", f"{tmp_path}/all/{name}_{{class}}.png") for name in ("a", "b")
    ]


@pytest.mark.parametrize(("turned", "line"), [(False, "stored"), (True, "shown")])
def test_masks_of_photographs_that_exif_turns(tmp_path: Path, turned: bool, line: str) -> None:
    write(tmp_path, orientation=line)
    mask = np.arange(48).reshape(SIZE) % 5 == 0
    for text in ("road", "auto"):
        for file in tmp_path.glob(f"masks/val/{text}/d.png"):
            file.unlink()
    save(tmp_path / "masks/val/road/d.png", np.rot90(mask, 2) if turned else mask)
    exif = Image.Exif()
    exif[0x0112] = 3
    Image.new("RGB", (8, 6)).save(tmp_path / "images/val/d.png", exif=exif)
    index = read_dataset(tmp_path)
    _, labels = load_sample(index.splits["val"][1], index.labels, index.source)
    assert np.array_equal(labels.numpy() == 1, np.rot90(mask, 2))


def test_masks_of_another_size_than_the_photograph_are_a_problem(tmp_path: Path) -> None:
    write(tmp_path)
    for file in tmp_path.glob("masks/val/*/d.png"):
        save(file, np.ones((5, 8)))
    (problem,) = check_dataset(read_dataset(tmp_path), tmp_path / "cache").problems
    assert "d.png is 8 x 6 pixels" in problem.message and "{class}/d.png is 8 x 5" in problem.message


def test_a_mask_that_is_not_binary_is_a_problem_of_its_photograph(tmp_path: Path) -> None:
    write(tmp_path)
    Image.new("L", (8, 6), 3).save(tmp_path / "masks/val/auto/a.png")
    (problem,) = check_dataset(read_dataset(tmp_path), tmp_path / "cache").problems
    assert f"the mask {tmp_path}/masks/val/auto/a.png has the value 3 in column 0 of row 0" in problem.message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"outside": None}, "lacks the key `outside`.*write `outside: ignore` .* as `outside: sky`"),
        ({"outside": "tree"}, "`outside` is 'tree', which is neither `ignore` nor the name of a class"),
        ({"classes": None}, r"`classes` is not given; .* `classes: \[\{name: auto\}, \{name: road\}\]`"),
        ({"splits": None}, r'`splits` is not given; .*labels: "masks/train/\{class\}/\{name\}.png"'),
        ({"ignore": [255]}, "`ignore` has no effect with `labels: mask_per_class`"),
        ({"undeclared": "ignore"}, "`undeclared` has no effect"),
        ({"label_suffix": "_gt"}, "`label_suffix` has no effect"),
        ({"rasters": {}}, "mask_per_class, which is for photographs; leave out `rasters`"),
        ({"classes": [{"name": "sky", "value": 3}]}, r"`classes\[0\].value` must be text, not 3; put quotes around it"),
        ({"classes": [{"name": "sky"}, {"name": "sky"}]}, r"`classes\[1\].name` is 'sky', like classes\[0\]"),
        ({"classes": [{"name": "sky"}, {"name": "b", "value": "sky"}]}, "has the value 'sky', which 'sky' has"),
        ({"classes": []}, "must have 1 to 65535 entries"),
        ({"labels": "value"}, "`outside` is for `labels: mask_per_class`, and has no effect here"),
        ({"labels": "value", "outside": None}, "a pattern of masks needs `labels: mask_per_class`"),
    ],
)
def test_mistakes_name_the_key_and_the_way_out(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write(tmp_path, **changes)
    with pytest.raises(InputError, match=message) as error:
        read_dataset(tmp_path)
    assert "dataset.yaml: " in str(error.value)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "masks/train",
            "lacks the placeholder {class}; with `labels: mask_per_class` it is a pattern, as masks/train/",
        ),
        ("masks/{class}/{stem}.png", "has the unknown placeholder {stem}"),
        ("masks/{class}/{name}", "does not end in the suffix of the masks, as .png"),
        ("no/{class}/{name}.png", "but there is no folder"),
        (3, "must be text"),
    ],
)
def test_mistakes_in_patterns(tmp_path: Path, pattern: Any, message: str) -> None:
    write(tmp_path, splits={"train": {"images": "images/train", "labels": pattern}})
    with pytest.raises(InputError, match=f"`splits.train.labels` .*{re.escape(message)}"):
        read_dataset(tmp_path)


def test_a_file_that_two_photographs_could_have_is_refused(tmp_path: Path) -> None:
    for name in ("a", "a_b"):
        save(tmp_path / f"images/{name}.png", np.ones(SIZE))
    save(tmp_path / "masks/a_b_c.png", np.ones(SIZE))
    describe(
        tmp_path,
        classes=[{"name": "c"}, {"name": "b_c"}],
        outside="ignore",
        splits={"train": {"images": "images", "labels": "masks/{name}_{class}.png"}},
    )
    with pytest.raises(InputError, match=r"a_b_c.png the mask of 'b_c' in a and of 'c' in a_b|of 'c' in a_b and of"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    "follow",
    [lambda message: {"outside": "ignore"}, lambda message: {"outside": message.split("`outside: ")[2].split("`")[0]}],
)
def test_the_proposed_lines_work(tmp_path: Path, follow: Callable[[str], dict[str, Any]]) -> None:
    write(tmp_path, classes=None, outside=None)
    with pytest.raises(InputError) as error:
        read_dataset(tmp_path)
    proposed = yaml.safe_load(str(error.value).split("as `")[1].split("`")[0])
    describe(tmp_path, outside=None, **proposed)
    with pytest.raises(InputError) as error:
        read_dataset(tmp_path)
    describe(tmp_path, **proposed, **follow(str(error.value)))
    index = read_dataset(tmp_path)
    assert isinstance(index, DatasetIndex) and index.labels.names == ("auto", "road")
    assert all(isinstance(sample.label, ClassMasks) for sample in index.splits["train"])


def test_train_refuses_a_photograph_without_masks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "data")
    Image.new("RGB", (8, 6)).save(tmp_path / "data/images/val/bare.png")
    assert main(["train", str(tmp_path / "data"), "--out", str(tmp_path / "run"), "--steps", "1"]) == WRONG_INPUT
    assert "bare.png has no label map" in " ".join(capsys.readouterr().err.split())
