"""Label maps around and above 255 classes: whatever happens to one gives exactly what was meant."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision import tv_tensors

from encnet.data.check import check_dataset
from encnet.data.connected_objects import find_objects
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.formats.dataset_yaml import read_dataset_yaml
from encnet.data.formats.dataset_yaml_writer import write_dataset_yaml
from encnet.data.inspection import inspect_label
from encnet.data.label_image import label_image
from encnet.data.labels import LabelSet
from encnet.data.palette import distinct_palette
from encnet.data.raw_counts import RawCounter
from encnet.data.scaled_crop import Crop, crop_label
from encnet.data.tensors import SampleKey, SegmentationDataset, load_sample
from encnet.data.transforms import RandomRotation, training_transform
from encnet.system.errors import InputError

COUNTS = [2, 254, 255, 256, 257, 300, 1000]


def names(classes: int) -> tuple[str, ...]:
    return tuple(f"class {c}" for c in range(classes))


def every_class(classes: int, seed: int = 0, height: int = 36, width: int = 34) -> np.ndarray:
    """A map (H, W) int64 with every class and, as -1, ignored pixels, at random places."""
    rng = np.random.default_rng(seed)
    some = rng.integers(-1, classes, height * width - classes - 2)
    return rng.permutation(np.concatenate([np.arange(classes), [-1, -1], some])).reshape(height, width)


def meant(labels: Any, classes: int) -> np.ndarray:
    """The class of each pixel as int64, and -1 for ignored ones, by the written rule."""
    wide = classes > 255
    kinds = {np.dtype(np.uint16), torch.int32} if wide else {np.dtype(np.uint8), torch.uint8}
    assert labels.dtype in kinds
    values = np.asarray(labels).astype(np.int64)
    return np.where(values == (65535 if wide else 255), -1, values)


def write_by_gdal(path: Path, values: np.ndarray) -> None:
    """A grey PNG of 8 or 16 bits from another program."""
    kind = "uint8" if values.max() < 256 else "uint16"
    height, width = values.shape
    with rasterio.open(path, "w", driver="PNG", height=height, width=width, count=1, dtype=kind) as file:
        file.write(values.astype(kind), 1)


@settings(max_examples=14, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    classes=st.sampled_from(COUNTS),
    seed=st.integers(0, 2**32 - 1),
    encoding=st.sampled_from(["value", "color"]),
    shuffled=st.booleans(),
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_label_maps_are_read_counted_and_saved_as_meant(
    tmp_path: Path, classes: int, seed: int, encoding: str, shuffled: bool
) -> None:
    rng, truth = np.random.default_rng(seed), every_class(classes, seed)
    path, ignore = tmp_path / "map.png", 65535 if classes > 255 else 255
    if encoding == "value":
        codes = rng.permutation(65536)[: classes + 1] if shuffled else np.array([*range(classes), ignore])
        raw: dict[Any, int] = {int(code): c for c, code in enumerate(codes[:-1])}
        raw[int(codes[-1])] = ignore
        write_by_gdal(path, codes[truth])
    else:
        colors = rng.permutation(np.unique(rng.integers(0, 2**24, 2 * classes + 9)))[: classes + 1]
        packed = np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=1).astype(np.uint8)
        raw = {tuple(color): c for c, color in enumerate(packed[:-1].tolist())}
        raw[tuple(packed[-1].tolist())] = ignore
        Image.fromarray(packed[truth]).save(path)
    labels = LabelSet(names(classes), distinct_palette(classes), encoding, raw)  # pyright: ignore[reportArgumentType]
    loaded = labels.load(path)
    assert np.array_equal(meant(loaded, classes), truth)
    assert np.array_equal(labels.decode(labels.read(path), path), loaded)

    found = inspect_label(path, labels, RawCounter(labels))
    numbers = Counter(truth.ravel().tolist())
    ignored = numbers.pop(-1)
    assert found.problem is None and found.class_pixels == numbers
    assert found.ignored == ignored / truth.size

    label_image(loaded, labels.palette).save(path)
    plain = LabelSet.plain(names(classes))
    assert np.array_equal(plain.load(path), loaded)
    with Image.open(path) as image:
        assert image.mode == ("I;16" if classes > 255 else "P")


@pytest.mark.parametrize("classes", COUNTS)
def test_dataset_yaml_keeps_every_class_and_what_is_ignored(tmp_path: Path, classes: int) -> None:
    labels = LabelSet.plain(names(classes))
    folders = {"train": {"images": "images", "labels": "labels"}}
    for folder in folders["train"].values():
        (tmp_path / folder).mkdir()
    write_dataset_yaml(tmp_path / "dataset.yaml", labels, folders, "many")
    read = read_dataset_yaml(tmp_path / "dataset.yaml").labels
    assert read == labels
    assert read.ignore == (65535 if classes > 255 else 255)


@pytest.mark.parametrize(("classes", "raw_255", "raw_65535"), [(255, 255, None), (256, 255, 65535), (300, 255, 65535)])
def test_255_is_a_class_of_more_than_255_and_65535_is_ignored_then(
    tmp_path: Path, classes: int, raw_255: int, raw_65535: int | None
) -> None:
    document = {"classes": [{"name": name} for name in names(classes)], "undeclared": "ignore"}
    (tmp_path / "images").mkdir()
    document["splits"] = {"train": {"images": "images"}}
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(document))
    labels = read_dataset_yaml(tmp_path / "dataset.yaml").labels
    assert labels.raw[255] == raw_255 and labels.raw.get(65535) == raw_65535
    assert labels.undeclared == labels.ignore


def test_levels_of_16_bits_are_stored_levels_however_bright(tmp_path: Path) -> None:
    """0, 257 and 514 are 0, 1 and 2 at the same brightness in 8 bits; all six are classes."""
    values = np.array([[0, 257, 514, 65535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "map.png")
    assert np.array_equal(LabelSet.plain(names(1000)).load(tmp_path / "map.png"), values)


def test_the_most_classes_fill_16_bits(tmp_path: Path) -> None:
    labels = LabelSet.plain(names(65535))
    values = np.array([[0, 254, 255, 256, 65534, 65535]], np.uint16)
    label_image(values, labels.palette).save(tmp_path / "map.png")
    assert labels.load(tmp_path / "map.png").tolist() == values.tolist()
    assert labels.ignore == 65535


def test_an_undeclared_value_of_16_bits_is_named(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 300, 301]], np.uint16)).save(tmp_path / "map.png")
    with pytest.raises(InputError, match=r"undeclared values 300 \(1 pixel\), 301 \(1 pixel\)"):
        LabelSet.plain(names(300)).load(tmp_path / "map.png")


@settings(max_examples=30, deadline=None)
@given(classes=st.sampled_from(COUNTS), seed=st.integers(0, 2**32 - 1), top=st.integers(-9, 9), left=st.integers(-9, 9))
def test_crops_and_rotations_move_labels_without_changing_them(classes: int, seed: int, top: int, left: int) -> None:
    truth = every_class(classes, seed)
    kind, ignore = (torch.int32, 65535) if classes > 255 else (torch.uint8, 255)
    label = tv_tensors.Mask(torch.from_numpy(np.where(truth < 0, ignore, truth)).to(kind))
    height, width = truth.shape
    cut = meant(crop_label(label, Crop((height, width), top, left, (40, 40))), classes)
    for row in range(40):
        for column in range(40):
            y, x = row + top, column + left
            inside = 0 <= y < height and 0 <= x < width
            assert cut[row, column] == (truth[y, x] if inside else -1)
    turned = meant(RandomRotation(0.0, (height + 2, width), (0, 0, 0))(label), classes)
    assert np.array_equal(turned[1:-1], truth) and (turned[[0, -1]] == -1).all()


@pytest.mark.parametrize("share", [1.0, 0.9])
@pytest.mark.parametrize("classes", COUNTS)
def test_training_samples_hold_classes_of_the_map_and_ignored_pixels_only(
    tmp_path: Path, classes: int, share: float
) -> None:
    truth = every_class(classes, seed=classes)
    labels = LabelSet.plain(names(classes))
    Image.fromarray(np.zeros((*truth.shape, 3), np.uint8)).save(tmp_path / "image.png")
    stored = np.where(truth < 0, labels.ignore, truth).astype(labels.dtype)
    label_image(stored, labels.palette).save(tmp_path / "label.png")
    sample = Sample(tmp_path / "image.png", tmp_path / "label.png")
    transform = training_transform((24, 24), (0.5,) * 3, (0.2,) * 3, max_class_share=share)
    dataset = SegmentationDataset([sample], labels, transform, pillow=True)
    for epoch in range(3):
        _, label = dataset[SampleKey(epoch, 0)]
        assert label.shape == (24, 24)
        assert set(meant(label, classes).ravel().tolist()) <= set(range(-1, classes))
    assert np.array_equal(meant(load_sample(sample, labels)[1], classes), truth)


def test_a_check_counts_every_class_and_ignored_pixels(tmp_path: Path) -> None:
    classes, labels = 300, LabelSet.plain(names(300))
    samples, pixels, images, ignored = [], np.zeros(300, int), np.zeros(300, int), 0
    for number in range(2):
        truth = every_class(classes, number)
        truth[truth == 255 + number] = 0  # 255 is a class here
        rng = np.random.default_rng(number)
        Image.fromarray(rng.integers(0, 256, (*truth.shape, 3), dtype=np.uint8)).save(tmp_path / f"{number}.jpg")
        label_image(np.where(truth < 0, 65535, truth).astype(np.uint16), labels.palette).save(
            tmp_path / f"{number}.png"
        )
        samples.append(Sample(tmp_path / f"{number}.jpg", tmp_path / f"{number}.png"))
        for c in range(classes):
            pixels[c] += (truth == c).sum()
            images[c] += (truth == c).any()
        ignored += int((truth < 0).sum())
    report = check_dataset(DatasetIndex("many", tmp_path, labels, {"train": tuple(samples)}), tmp_path / "cache")
    assert not report.problems
    assert report.class_pixels["train"].tolist() == pixels.tolist()
    assert report.class_images["train"].tolist() == images.tolist()
    assert report.ignored_pixels == {"train": ignored}
    again = check_dataset(DatasetIndex("many", tmp_path, labels, {"train": tuple(samples)}), tmp_path / "cache")
    assert again.findings == report.findings  # the cache keeps which index is ignored


def test_objects_of_class_255_count_and_ignored_ones_do_not() -> None:
    labels = np.full((6, 8), 65535, np.uint16)
    labels[1:3, 1:4], labels[4:, 6:] = 255, 299
    assert {c: [(o.width, o.pixels) for o in objects] for c, objects in find_objects(labels).items()} == {
        255: [(2, 6)],
        299: [(2, 4)],
    }
