from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sample_paths import path_of

from encnet.data.formats import read_dataset
from encnet.system.errors import InputError


def write_images(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (4, 3)).save(folder / name)


def write_map(path: Path, pixels: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([pixels], dtype=np.uint8)).save(path)


def stems(root: Path) -> dict[str, list[str]]:
    return {split: [s.image.stem for s in samples] for split, samples in read_dataset(root).splits.items()}


@pytest.mark.parametrize("labels", ["labels", "masks", "annotations"])
@pytest.mark.parametrize("pattern", ["{kind}/{split}", "{split}/{kind}"])
def test_splits_may_have_folders_in_two_arrangements(tmp_path: Path, labels: str, pattern: str) -> None:
    for split, names in (("train", "ab"), ("val", "c"), ("test", "d")):
        for name in names:
            write_images(tmp_path / pattern.format(kind="images", split=split), f"{name}.jpg")
            write_map(tmp_path / pattern.format(kind=labels, split=split) / f"{name}.png", [0, 1])
    assert stems(tmp_path) == {"train": ["a", "b"], "val": ["c"], "test": ["d"]}
    index = read_dataset(tmp_path)
    assert index.name == tmp_path.name
    assert index.split("val")[0].label == tmp_path / pattern.format(kind=labels, split="val") / "c.png"


@pytest.mark.parametrize("count", [1, 4, 5, 12])
def test_every_fifth_of_flat_folders_is_val(tmp_path: Path, count: int) -> None:
    names = [f"{i:02}" for i in range(count)]
    for name in reversed(names):
        write_images(tmp_path / "images", f"{name}.png")
        write_map(tmp_path / "masks" / f"{name}.png", [0])
    splits = stems(tmp_path)
    assert splits.get("val", []) == [name for position, name in enumerate(names, start=1) if position % 5 == 0]
    assert sorted(chain.from_iterable(splits.values())) == names


def test_test_images_may_have_no_label_maps_but_train_images_must(tmp_path: Path) -> None:
    write_images(tmp_path / "images/train", "a.png")
    write_images(tmp_path / "images/test", "b.png")
    write_map(tmp_path / "labels/train/a.png", [0])
    assert read_dataset(tmp_path).split("test") == ((tmp_path / "images/test/b.png", None),)
    write_images(tmp_path / "images/val", "c.png")
    expected = tmp_path / "labels/val/c.png"
    assert read_dataset(tmp_path).split("val") == ((tmp_path / "images/val/c.png", expected),)


def test_files_with_image_suffixes_in_any_case_are_samples_and_others_are_not(tmp_path: Path) -> None:
    names = ["a.jpg", "b.JPEG", "c.Png", "d.webp", "e.bmp", "f.tif", "g.TIFF"]
    write_images(tmp_path / "images/train", *names)
    for name in (*names, "z.x"):
        (tmp_path / "images/train" / f".{name}").touch()
        (tmp_path / "images/train" / f"{name}.txt").touch()
        write_map(tmp_path / "labels/train" / f"{name[0]}.PNG".replace("z.PNG", "a.PNG"), [0])
    samples = read_dataset(tmp_path).split("train")
    assert [sample.image.name for sample in samples] == names
    assert [path_of(sample.label).name for sample in samples] == [f"{name[0]}.PNG" for name in names]


def test_no_sample_is_dropped(tmp_path: Path) -> None:
    images, labels = tmp_path / "images/train", tmp_path / "labels/train"
    write_images(images, "both.jpg", "image.jpg", "twice.jpg", "twice.png")
    for stem in ("both", "label", "twice"):
        write_map(labels / f"{stem}.png", [0])
    assert read_dataset(tmp_path).split("train") == (
        (images / "both.jpg", labels / "both.png"),
        (images / "image.jpg", labels / "image.png"),
        (images / "label.jpg", labels / "label.png"),
        (images / "twice.jpg", labels / "twice.png"),
        (images / "twice.png", labels / "twice.png"),
    )


def test_a_folder_that_is_no_data_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no data set folder .*none"):
        read_dataset(tmp_path / "none")
    with pytest.raises(InputError, match=r"fits none of the formats .*folder"):
        read_dataset(tmp_path)
    (tmp_path / "photograph.json").write_text("{}")
    with pytest.raises(InputError, match=r"if a labelling tool wrote photograph.json, `encnet import-labels"):
        read_dataset(tmp_path)
    with pytest.raises(InputError, match=r"neither a dataset\.yaml nor images/"):
        read_dataset(tmp_path, format="folder")
    with pytest.raises(InputError, match=r"no data set format 'coco'; choose one of .*camvid.*folder"):
        read_dataset(tmp_path, format="coco")


@pytest.mark.parametrize("name", ["dataset.yml", "Dataset.yaml", "dataset.yaml.txt"])
@pytest.mark.parametrize("arranged", [True, False])
def test_a_description_under_another_name_is_not_passed_over(tmp_path: Path, name: str, arranged: bool) -> None:
    write_images(tmp_path / "images/train", "a.png")
    write_map(tmp_path / f"{'labels' if arranged else 'other'}/train/a.png", [0, 1])
    splits = "" if arranged else "splits: {train: {images: images/train, labels: other/train}}\n"
    (tmp_path / name).write_text(f"classes: [lawn, path]\n{splits}")
    for format in (None, "folder"):
        with pytest.raises(InputError, match=rf"{name} is not read under that name; rename it to dataset\.yaml"):
            read_dataset(tmp_path, format)
    (tmp_path / name).rename(tmp_path / "dataset.yaml")
    assert read_dataset(tmp_path).labels.names == ("lawn", "path")
