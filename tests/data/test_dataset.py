from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sample_paths import path_of
from torch.utils.data import DataLoader
from torchvision import tv_tensors
from torchvision.transforms import v2

from encnet.data import dataset
from encnet.data.dataset import DatasetIndex, Sample
from encnet.data.labels import LabelSet
from encnet.data.tensors import SampleKey, SegmentationDataset, load_sample
from encnet.data.transforms import training_transform
from encnet.system.errors import InputError

LABELS = LabelSet.plain(["a", "b", "c"])


def write_sample(folder: Path, name: str, size: tuple[int, int] = (16, 12), label_size: Any = None) -> Sample:
    rng = np.random.default_rng(len(name) + size[0])
    sample = Sample(folder / f"{name}.png", folder / f"{name}_label.png")
    assert sample.label is not None
    Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)).save(path_of(sample.image))
    Image.fromarray(rng.integers(0, 3, (label_size or size)[::-1], dtype=np.uint8)).save(path_of(sample.label))
    return sample


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    return [write_sample(tmp_path, "x" * n) for n in range(1, 5)]


def random_transform() -> v2.Transform:
    return v2.Compose(
        [v2.RandomResizedCrop((8, 8)), v2.RandomHorizontalFlip(), v2.ColorJitter(0.5, 0.5), v2.ToDtype(torch.float32)]
    )


def test_samples_have_the_documented_types_and_the_pixels_of_their_files(samples: list[Sample]) -> None:
    dataset = SegmentationDataset(samples, LABELS)
    assert len(dataset) == len(samples)
    for index, sample in enumerate(samples):
        image, label = dataset[index]
        assert isinstance(image, tv_tensors.Image)
        assert isinstance(label, tv_tensors.Mask)
        assert (image.dtype, label.dtype) == (torch.uint8, torch.uint8)
        np.testing.assert_array_equal(image.permute(1, 2, 0), np.asarray(Image.open(path_of(sample.image))))
        np.testing.assert_array_equal(label, np.asarray(Image.open(path_of(sample.label))))


def test_a_transform_gets_image_and_label_map_together(samples: list[Sample]) -> None:
    plain_image, plain_label = SegmentationDataset(samples, LABELS)[0]
    image, label = SegmentationDataset(samples, LABELS, v2.RandomHorizontalFlip(p=1.0))[0]
    assert torch.equal(image, plain_image.flip(-1))
    assert torch.equal(label, plain_label.flip(-1))


def test_a_pillow_image_is_transformed_like_a_tensor(tmp_path: Path) -> None:
    samples = [write_sample(tmp_path, name, size) for name, size in (("small", (70, 50)), ("large", (900, 700)))]
    transform = training_transform((40, 60), (0.4, 0.5, 0.6), (0.2, 0.2, 0.2), jitter=0.3)
    tensors, images = (SegmentationDataset(samples, LABELS, transform, 5, pillow) for pillow in (False, True))
    for epoch in range(4):
        for index in range(len(samples)):
            (expected, labels), (ours, ours_labels) = (each[SampleKey(epoch, index)] for each in (tensors, images))
            assert torch.equal(ours_labels, labels)
            assert (ours - expected).abs().max() <= 3 / 255 / 0.2  # two grey levels, times a contrast of up to 1.3


def load(dataset: SegmentationDataset, keys: list[SampleKey], workers: int) -> list[list[torch.Tensor]]:
    return list(DataLoader(dataset, batch_size=None, sampler=keys, num_workers=workers))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12 on, about threads
def test_randomness_depends_only_on_seed_epoch_and_index(samples: list[Sample]) -> None:
    dataset = SegmentationDataset(samples, LABELS, random_transform(), seed=3)
    keys = [SampleKey(epoch, index) for epoch in range(2) for index in range(len(samples))]
    expected = load(dataset, keys, workers=0)
    for workers, order in ((2, 1), (0, -1), (2, -1)):
        torch.manual_seed(workers)
        for (image, label), again in zip(expected, load(dataset, keys[::order], workers)[::order], strict=True):
            assert torch.equal(image, again[0])
            assert torch.equal(label, again[1])


def test_another_epoch_or_seed_or_index_transforms_differently(samples: list[Sample]) -> None:
    same = [samples[0]] * 2
    dataset = SegmentationDataset(same, LABELS, random_transform())
    first = dataset[SampleKey(0, 0)][0]
    assert torch.equal(first, dataset[0][0])
    assert torch.equal(first, dataset[-2][0])
    assert not torch.equal(first, dataset[SampleKey(1, 0)][0])
    assert not torch.equal(first, dataset[SampleKey(0, 1)][0])
    assert not torch.equal(first, SegmentationDataset(same, LABELS, random_transform(), seed=1)[0][0])


def test_the_random_state_of_the_process_is_restored(samples: list[Sample]) -> None:
    dataset = SegmentationDataset(samples, LABELS, random_transform())
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    _ = dataset[0]
    assert torch.equal(torch.rand(3), expected)


def test_different_sizes_are_an_error_that_names_both(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "odd", (16, 12), (12, 16))
    with pytest.raises(InputError, match=r"odd\.png is 16 x 12 .*odd_label\.png is 12 x 16"):
        SegmentationDataset([sample], LABELS)[0]


def test_sizes_are_compared_upright(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "turned", (16, 12), (12, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(path_of(sample.image)) as image:
        stored = np.asarray(image)
    Image.fromarray(stored).save(path_of(sample.image), exif=exif)
    image, label = SegmentationDataset([sample], LABELS)[0]
    np.testing.assert_array_equal(image.permute(1, 2, 0), np.rot90(stored, -1))
    assert label.shape == (16, 12)


def test_missing_and_damaged_files_are_errors(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "a")
    with pytest.raises(InputError, match=r"there is no file .*gone\.png"):
        SegmentationDataset([Sample(sample.image, tmp_path / "gone.png")], LABELS)[0]
    (tmp_path / "bad.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"bad\.png"):
        SegmentationDataset([Sample(tmp_path / "bad.png", sample.label)], LABELS)[0]


def test_samples_without_label_maps_are_refused_at_once(tmp_path: Path) -> None:
    sample = write_sample(tmp_path, "a")._replace(label=None)
    with pytest.raises(InputError, match=r"a\.png has no label map"):
        SegmentationDataset([sample], LABELS)
    with pytest.raises(InputError, match=r"a\.png has no label map"):
        load_sample(sample, LABELS)


def test_a_sample_is_the_same_from_the_module_without_pytorch(samples: list[Sample]) -> None:
    for first, second in zip(dataset.load_sample(samples[0], LABELS), load_sample(samples[0], LABELS), strict=True):
        assert first.equal(second)


def test_an_index_beyond_the_end_is_an_error(samples: list[Sample]) -> None:
    dataset = SegmentationDataset(samples, LABELS)
    with pytest.raises(IndexError):
        dataset[4]


def test_an_unknown_split_is_an_error_that_lists_the_splits(tmp_path: Path) -> None:
    sample = Sample(tmp_path / "a.png", None)
    index = DatasetIndex("name", tmp_path, LABELS, {"train": (sample,), "test": ()})
    assert index.split("train") == (sample,)
    with pytest.raises(InputError, match="has no split 'val'; its splits are train, test"):
        index.split("val")
